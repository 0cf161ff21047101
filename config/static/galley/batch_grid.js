// A batch fills by itself: what changed comes as events, or is asked for where they do not come. A revision says
// up to where the page has seen everything, so that nothing is missed while the connection is away.
(function () {
    "use strict";

    const { live, update, ask } = window.galley;

    const MOST_ERRORS = 3; // then it is asked for
    const ASK_EVERY = 3000; // milliseconds
    const LISTEN_EVERY = 20; // answers: then events are tried once more
    const SAY_EVERY = 10000; // to those who listen; and the other parts are not made new more often

    function setCell(root, article, index, kind) {
        const cell = root.querySelector(`[data-cell="${article}-${index}"]`);
        if (!cell || cell.classList.contains(kind)) {
            return;
        }
        const before = cell.classList[1];
        const words = cell.querySelector(".visually-hidden");
        const said = words.textContent.slice(0, -before.length) + kind;
        cell.className = `cell ${kind}`;
        cell.querySelector("[aria-hidden]").textContent = root.querySelector(`[data-mark=${kind}]`).textContent;
        cell.querySelector("a").title = words.textContent = said;
        const written = root.querySelector(`[data-written="${article}"]`);
        written.textContent = Number(written.textContent) + (kind === "done") - (before === "done");
    }

    function follow(root) {
        const address = root.dataset.batch;
        let source = null;
        let timer = null;
        let errors = 0;
        let answers = 0;
        let saidAt = 0;
        let freshAt = Date.now();
        let freshTimer = null;
        let stale = false;
        let loading = false;

        const head = () => root.querySelector("[data-revision]");
        let revision = Number(head().dataset.revision);
        let known = null;

        function show(said) {
            if (said.revision < revision) {
                return; // older than what the page shows
            }
            revision = said.revision;
            said.cells.forEach(([article, index, kind]) => setCell(root, article, index, kind));
            const { done, total, missing } = said.sections;
            const bar = root.querySelector("progress");
            [bar.max, bar.value] = [total, done];
            root.querySelectorAll("[data-words]").forEach((place) => {
                if (place.textContent !== said[place.dataset.words]) {
                    place.textContent = said[place.dataset.words];
                }
            });
            if (live && Date.now() - saidAt >= SAY_EVERY) {
                saidAt = Date.now();
                live.textContent = said.summary_words;
            }
            // What a number cannot say, buttons and reasons, comes with the page itself.
            const state = [said.state, said.reason, said.slowed].join("|");
            const rest = JSON.stringify([said.articles, missing]);
            if ((known && known.total !== total) || said.state !== head().dataset.state) {
                freshen(0);
            } else if (known && (known.state !== state || known.rest !== rest)) {
                freshen(known.state !== state ? 0 : SAY_EVERY - (Date.now() - freshAt), root.dataset.parts);
            }
            known = { state, rest, total };
        }

        // The grid is large, and events keep it true: without it where the other parts are enough.
        function freshen(wait, place = "") {
            if (wait <= 0) {
                clearTimeout(freshTimer);
                freshTimer = null;
                load(place);
            } else if (freshTimer === null) {
                freshTimer = setTimeout(() => freshen(0, place), wait);
            }
        }

        async function load(place = "") {
            stale = document.hidden;
            if (stale || loading) {
                return;
            }
            loading = true;
            freshAt = Date.now();
            try {
                update(root, await ask(place + location.search));
            } catch {
                freshen(ASK_EVERY, place);
                return;
            } finally {
                loading = false;
            }
            if (place) {
                if (hasEnded()) {
                    freshen(0); // no event will come for what the grid may lack
                }
                return;
            }
            const fresh = Number(head().dataset.revision);
            if (fresh < revision || hasEnded()) {
                // Events that came meanwhile are newer than this page: they are asked for again.
                revision = fresh;
                restart();
            }
            revision = fresh;
        }

        function hasEnded() {
            return !["running", "paused"].includes(head().dataset.state);
        }

        function restart() {
            stop();
            if (!document.hidden) {
                start();
                if (stale) {
                    load();
                }
            }
        }

        function stop() {
            source?.close();
            source = null;
            clearTimeout(timer);
        }

        function start() {
            if (hasEnded()) {
                return;
            }
            if (!window.EventSource || errors >= MOST_ERRORS) {
                poll();
                return;
            }
            source = new EventSource(`${address}events?since=${revision}`);
            source.addEventListener("progress", (event) => {
                errors = 0;
                show(JSON.parse(event.data));
            });
            source.addEventListener("end", () => {
                stop();
                freshen(0);
            });
            source.onerror = () => {
                errors += 1;
                if (errors >= MOST_ERRORS || source.readyState === EventSource.CLOSED) {
                    stop();
                    timer = setTimeout(start, ASK_EVERY);
                }
            };
        }

        async function poll() {
            let wait = ASK_EVERY;
            try {
                show(JSON.parse(await ask(`${address}progress?since=${revision}`)));
                answers += 1;
                errors = answers % LISTEN_EVERY ? MOST_ERRORS : MOST_ERRORS - 1;
            } catch {
                errors += 1;
                wait *= Math.min(2 ** Math.max(errors - MOST_ERRORS, 0), 8);
            }
            timer = setTimeout(start, wait);
        }

        // A page in the background holds no connection: a browser has only six of them for one desk.
        document.addEventListener("visibilitychange", restart);
        window.addEventListener("online", restart);
        window.addEventListener("pagehide", stop);
        window.addEventListener("pageshow", (event) => event.persisted && restart());
        start();
    }

    document.querySelectorAll("[data-batch]").forEach(follow);

    // In a grid of a thousand cells only one is reached by Tab; from there the arrow keys lead on.

    const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

    function cellsOf(table) {
        return Array.from(table.querySelectorAll("tbody tr"), (row) => Array.from(row.children, (cell) => cell.querySelector("a")));
    }

    function rove(table) {
        const links = cellsOf(table).flat().filter((link) => link?.closest("td"));
        links.forEach((link, n) => {
            link.tabIndex = n ? -1 : 0;
        });
    }

    document.addEventListener("keydown", (event) => {
        const link = event.target.closest?.("table.grid tbody a");
        if (!link || !(event.key in STEPS)) {
            return;
        }
        const [down, right] = STEPS[event.key];
        const cells = cellsOf(link.closest("table"));
        const row = cells.findIndex((found) => found.includes(link));
        const next = cells[row + down]?.[cells[row].indexOf(link) + right];
        if (next) {
            if (link.closest("td") && next.closest("td")) {
                link.tabIndex = -1;
                next.tabIndex = 0;
            }
            next.focus();
            event.preventDefault();
        }
    });

    document.querySelectorAll("table.grid").forEach(rove);
    document.addEventListener("swapped", (event) => event.target.matches("table.grid") && rove(event.target));
})();

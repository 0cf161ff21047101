// Progress that moves by itself. An element with data-poll asks its address (its own page where it is empty) for
// fresh parts, as long as one of them says data-moving="yes", and swaps those that changed. Open folds stay open.
(function () {
    "use strict";

    const live = document.getElementById("live");

    // The form of a page is a part, too: it opens when the article comes to rest.
    function parts(root) {
        const found = root.querySelectorAll("[data-part], #content-main > form[id]");
        return new Map(Array.from(found, (part) => [part.dataset.part || part.id, part]));
    }

    // Tokens differ with each answer, and open folds with each reader: neither is news.
    function content(part) {
        const copy = part.cloneNode(true);
        copy.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((token) => token.remove());
        copy.querySelectorAll("details").forEach((fold) => fold.removeAttribute("open"));
        return copy.outerHTML;
    }

    function swap(old, fresh) {
        if (content(old) === content(fresh)) {
            return;
        }
        const open = Array.from(old.querySelectorAll("details[open]"), (fold) => fold.id);
        const focused = old.contains(document.activeElement) ? Array.from(old.querySelectorAll(focusable)).indexOf(document.activeElement) : -1;
        if (live && fresh.dataset.live && fresh.dataset.live !== old.dataset.live) {
            live.textContent = fresh.dataset.live;
        }
        const node = document.importNode(fresh, true);
        old.replaceWith(node);
        if (node.matches("table.grid")) {
            rove(node);
        }
        open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
        if (focused >= 0) {
            node.querySelectorAll(focusable)[focused]?.focus({ preventScroll: true });
        }
    }

    const focusable = "a, button, summary, [tabindex]";

    // A part may come under another name when it is another thing now, as the frame is with every page.
    function kind(name) {
        return name.split("-")[0];
    }

    function update(root, text) {
        const fresh = parts(new DOMParser().parseFromString(text, "text/html"));
        const old = parts(root);
        const rows = new Set([...fresh.keys()].filter((name) => old.has(name)));
        fresh.forEach((part, name) => {
            const counterpart = rows.has(name) ? old.get(name) : [...old].find(([other]) => !fresh.has(other) && kind(other) === kind(name))?.[1];
            if (counterpart?.isConnected) {
                swap(counterpart, part);
            }
        });
    }

    async function ask(address) {
        const answer = await fetch(address, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
        if (!answer.ok || answer.redirected) {
            throw new Error("no fresh parts");
        }
        return answer.text();
    }

    function moves(root) {
        return root.querySelector('[data-moving="yes"]') !== null;
    }

    function watch(root) {
        const every = Number(root.dataset.every) * 1000;
        let failures = 0;

        async function look() {
            if (!moves(root)) {
                return;
            }
            if (!document.hidden) {
                try {
                    update(root, await ask(root.dataset.poll || location.href));
                    failures = 0;
                    if (!moves(root)) {
                        // What else the page shows, the backup and the form, belongs to the state before.
                        update(document, await ask(location.href));
                    }
                } catch {
                    failures += 1;
                }
            }
            setTimeout(look, every * Math.min(2 ** failures, 16));
        }

        setTimeout(look, every);
    }

    document.querySelectorAll("[data-poll]").forEach(watch);

    // A batch fills by itself: what changed comes as events, or is asked for where they do not come. A revision says
    // up to where the page has seen everything, so that nothing is missed while the connection is away.

    const MARKS = { done: "●", running: "◐", waiting: "○", missing: "✗" };
    const MOST_ERRORS = 3; // then it is asked for
    const ASK_EVERY = 3000; // milliseconds
    const LISTEN_EVERY = 20; // answers: then events are tried once more
    const SAY_EVERY = 10000; // to those who listen; and the other parts are not made new more often

    function grouped(number) {
        return number.toLocaleString("en-GB");
    }

    function timeLeft(seconds) {
        const minutes = Math.max(Math.round(seconds / 60), 1);
        const parts = [minutes >= 60 ? `${Math.floor(minutes / 60)} h` : "", minutes % 60 ? `${minutes % 60} min` : ""];
        return `about ${parts.filter(Boolean).join(" ")} left`;
    }

    function rate(perMinute) {
        return `${perMinute >= 10 ? grouped(Math.round(perMinute)) : Math.max(perMinute, 0.1).toFixed(1)} per min`;
    }

    function money(sum) {
        return `$${Number(sum).toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
    }

    function setCell(root, article, index, kind) {
        const cell = root.querySelector(`[data-cell="${article}-${index}"]`);
        if (!cell || cell.classList.contains(kind)) {
            return;
        }
        const before = cell.classList[1];
        const words = cell.querySelector(".visually-hidden");
        const said = words.textContent.slice(0, -before.length) + kind;
        cell.className = `cell ${kind}`;
        cell.querySelector("[aria-hidden]").textContent = MARKS[kind];
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

        function now(name, text) {
            const place = root.querySelector(`[data-now=${name}]`);
            if (place && place.textContent !== text) {
                place.textContent = text;
            }
        }

        function show(said) {
            if (said.revision < revision) {
                return; // older than what the page shows
            }
            revision = said.revision;
            said.cells.forEach(([article, index, kind]) => setCell(root, article, index, kind));
            const { done, total, missing } = said.sections;
            const runs = said.state === "running";
            const left = runs && said.left_seconds !== null ? timeLeft(said.left_seconds) : "";
            const bar = root.querySelector("[data-now=bar]");
            [bar.max, bar.value] = [total, done];
            now("done", grouped(done));
            now("total", grouped(total));
            now("rate", runs && said.per_minute ? rate(said.per_minute) : "");
            now("left", left);
            now("spent", said.budget === null ? money(said.spent) : `${money(said.spent)} of ${money(said.budget)}`);
            if (live && Date.now() - saidAt >= SAY_EVERY) {
                saidAt = Date.now();
                live.textContent = [`${grouped(done)} of ${grouped(total)} sections`, left].filter(Boolean).join(", ");
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
})();

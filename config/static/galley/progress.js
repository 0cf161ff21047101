// Progress that moves by itself. An element with data-poll asks its address (its own page where it is empty) for
// fresh parts, as long as one of them says data-moving="yes", and swaps those that changed. Open folds stay open.
// What else moves parts of a page finds its tools in `galley`; an element that took another's place says `swapped`.
(function () {
    "use strict";

    const FOCUSABLE = "a, button, summary, [tabindex]";

    // The tab says how it ended to somebody who works in another one.
    const title = document.title;

    // What changes is said here, for those who listen.
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
        const focused = old.contains(document.activeElement) ? Array.from(old.querySelectorAll(FOCUSABLE)).indexOf(document.activeElement) : -1;
        if (live && fresh.dataset.live && fresh.dataset.live !== old.dataset.live) {
            live.textContent = fresh.dataset.live;
        }
        if (fresh.dataset.mark && fresh.dataset.mark !== old.dataset.mark) {
            document.title = `${fresh.dataset.mark}: ${title}`;
        }
        const node = document.importNode(fresh, true);
        const typed = old.querySelectorAll("[name=reason]");
        node.querySelectorAll("[name=reason]").forEach((field, at) => {
            field.value = typed[at]?.value || "";
        });
        old.replaceWith(node);
        node.dispatchEvent(new CustomEvent("swapped", { bubbles: true }));
        open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
        if (focused >= 0) {
            node.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
        }
    }

    // A part may come under another name when it is another thing now, as the frame is with every page.
    function kind(name) {
        return name.split("-")[0];
    }

    function parsed(text) {
        return new DOMParser().parseFromString(text, "text/html");
    }

    function update(root, text) {
        const fresh = parts(parsed(text));
        const old = parts(root);
        const rows = new Set([...fresh.keys()].filter((name) => old.has(name)));
        fresh.forEach((part, name) => {
            const counterpart = rows.has(name) ? old.get(name) : [...old].find(([other]) => !fresh.has(other) && kind(other) === kind(name))?.[1];
            if (counterpart?.isConnected) {
                swap(counterpart, part);
            }
        });
    }

    // Whoever asks again and again says what is `known`: null where all is as it was.
    async function ask(address, known = {}) {
        const headers = { "X-Requested-With": "fetch", ...(known.tag && { "If-None-Match": known.tag }) };
        const answer = await fetch(address, { credentials: "same-origin", headers });
        if (answer.status === 304) {
            return null;
        }
        if (answer.redirected) {
            throw new Error("you are logged out"); // to the login
        }
        if (!answer.ok) {
            throw new Error("the desk does not answer as it should");
        }
        known.tag = answer.headers.get("ETag");
        return answer.text();
    }

    // What a page shows is true until its desk is not heard any more: from the second time on it says since when, and why.
    const stale = document.createElement("p");
    stale.className = "note stale";
    stale.setAttribute("role", "alert");

    function saySince(since, failures, error) {
        if (!failures) {
            stale.remove();
            return;
        }
        if (failures < 2) {
            return;
        }
        const at = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(since);
        const isOut = error.message === "you are logged out";
        stale.textContent = `Not live since ${at}: ${error instanceof TypeError ? "the desk does not answer" : error.message}. `;
        const link = document.createElement("a");
        link.href = location.href;
        link.textContent = isOut ? "Log in" : "Try again";
        stale.append(link);
        if (!stale.isConnected) {
            document.getElementById("content").prepend(stale);
        }
    }

    function moves(root) {
        return root.querySelector('[data-moving="yes"]') !== null;
    }

    function watch(root) {
        const every = Number(root.dataset.every) * 1000;
        const known = {};
        let failures = 0;
        let heard = new Date();

        async function look() {
            if (!moves(root)) {
                return;
            }
            if (!document.hidden) {
                try {
                    const text = await ask(root.dataset.poll || location.href, known);
                    if (text === null) {
                        // Nothing has changed.
                    } else if (moves(parsed(text))) {
                        update(root, text);
                    } else {
                        // What else the page shows, the backup and the form, belongs to the state before: all of it
                        // changes at once, so that no button is there before the form that it sends.
                        update(document, await ask(location.href));
                    }
                    failures = 0;
                    heard = new Date();
                    saySince(heard, failures);
                } catch (error) {
                    failures += 1;
                    saySince(heard, failures, error);
                }
            }
            setTimeout(look, every * Math.min(2 ** failures, 16));
        }

        setTimeout(look, every);
    }

    document.querySelectorAll("[data-poll]").forEach(watch);

    window.galley = { live, update, ask };
})();

// Nothing that is typed is lost. A form with room for more than a line, or one marked `data-typed`, is kept in this browser
// while somebody writes in it, and offered again until it is handed in; leaving it asks. What is kept is sealed with a key
// that the desk gives to its writer alone, so that nobody else who uses this browser can read it. Passwords, files and
// hidden fields are not kept.
(function () {
    "use strict";

    const { person, keys } = document.currentScript.dataset;
    const ALL = "galley-typed:";
    const MINE = `${ALL}${person}:`;
    const SENT = "galley_sent_"; // cookies of the desk: what they name was taken
    const KEPT_FOR = 30 * 24 * 3600 * 1000; // milliseconds
    const PAUSE = 300; // between two times that a text is kept
    const LOOK_AGAIN = [0, 1000, 3000]; // a page that was just closed may hold its text a moment longer
    const NEVER = new Set(["hidden", "password", "file", "submit", "button", "image", "reset"]);
    const SECRET = /pass|secret|token|(?:^|[^a-z])key(?:[^a-z]|$)/i;
    const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}][\p{L}\p{N}\p{M}'’-]*/gu;
    const canSeal = Boolean(window.crypto?.subtle && navigator.locks);

    // The key

    let asked = null;

    async function askKey() {
        const answer = await fetch(keys, { credentials: "same-origin" });
        const said = answer.ok && !answer.redirected ? await answer.json() : {};
        if (String(said.person) !== person) {
            throw new Error("The desk did not say the key.");
        }
        return crypto.subtle.importKey("raw", bytes(said.key), "AES-GCM", false, ["encrypt", "decrypt"]);
    }

    function key() {
        asked ??= askKey().catch((error) => {
            asked = null; // to be asked for again
            throw error;
        });
        return asked;
    }

    function bytes(base64) {
        return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    }

    function base64(array) {
        let letters = "";
        for (let at = 0; at < array.length; at += 8192) {
            letters += String.fromCharCode(...array.subarray(at, at + 8192));
        }
        return btoa(letters);
    }

    async function sealed(said) {
        const iv = crypto.getRandomValues(new Uint8Array(12));
        const text = new TextEncoder().encode(JSON.stringify(said));
        const closed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await key(), text);
        return `${base64(iv)} ${base64(new Uint8Array(closed))}`;
    }

    async function opened(closed) {
        const [iv, text] = closed.split(" ").map(bytes);
        return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await key(), text)));
    }

    // What is kept

    function names(prefix) {
        return Object.keys(localStorage).filter((name) => name.startsWith(prefix));
    }

    function read(name) {
        try {
            return JSON.parse(localStorage.getItem(name)) || {};
        } catch {
            return {}; // of nobody
        }
    }

    function tidy() {
        for (const cookie of document.cookie.split("; ").filter((one) => one.startsWith(SENT))) {
            const name = cookie.split("=")[0];
            localStorage.removeItem(MINE + name.slice(SENT.length));
            document.cookie = `${name}=; path=/; max-age=0; samesite=lax`;
        }
        names(ALL).filter((name) => !(Date.now() - read(name).at < KEPT_FOR)).forEach((name) => localStorage.removeItem(name));
    }

    // All of this person that no open page holds, the newest first.
    async function left() {
        const held = new Set((await navigator.locks.query()).held.map((lock) => lock.name));
        const found = [];
        for (const name of names(MINE).filter((one) => !held.has(one))) {
            const { at, closed } = read(name);
            try {
                found.push({ name, at, ...(await opened(closed)) });
            } catch {
                continue; // closed with another key, or not by us
            }
        }
        return found.sort((one, other) => other.at - one.at);
    }

    function when(at) {
        const day = { day: "numeric", month: "short" };
        const today = new Date(at).toDateString() === new Date().toDateString();
        return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", ...(today ? {} : day) }).format(at);
    }

    function size(values) {
        const words = values.reduce((sum, [, value, isText]) => sum + (isText ? (value.match(WORD) || []).length : 0), 0);
        return `${words.toLocaleString("en-GB")} word${words === 1 ? "" : "s"}`;
    }

    // A form

    function fields(form) {
        return Array.from(form.elements).filter(
            (field) => field.name && "value" in field && !NEVER.has(field.type) && !field.matches("button, output, [readonly]") && !SECRET.test(field.name)
        );
    }

    function valueOf(field) {
        if (field.type === "checkbox" || field.type === "radio") {
            return field.checked;
        }
        return field.multiple ? Array.from(field.selectedOptions, (option) => option.value) : field.value;
    }

    function valuesOf(form) {
        return fields(form).map((field) => [field.name, valueOf(field), /^text/.test(field.type)]);
    }

    function fill(form, values) {
        const waiting = [...values];
        fields(form).forEach((field) => {
            const at = waiting.findIndex(([name]) => name === field.name);
            if (at < 0) {
                return;
            }
            const [[, value]] = waiting.splice(at, 1);
            if (field.type === "checkbox" || field.type === "radio") {
                field.checked = value;
            } else if (field.multiple) {
                Array.from(field.options).forEach((option) => (option.selected = value.includes(option.value)));
            } else {
                field.value = value;
            }
            field.dispatchEvent(new Event("input", { bubbles: true }));
        });
    }

    function same(values, others) {
        return JSON.stringify(values) === JSON.stringify(others);
    }

    class Keeper {
        constructor(form) {
            this.form = form;
            this.place = `${new URL(form.action, location.href).pathname} ${form.id}`;
            this.shown = valuesOf(form);
            this.isSent = false;
            this.again = false;
            this.mark = document.createElement("input");
            Object.assign(this.mark, { type: "hidden", name: "galley_typed", value: "" });
            form.append(this.mark);
            form.addEventListener("input", (event) => event.isTrusted && this.keepSoon());
            form.addEventListener("submit", () => this.send());
            form.querySelectorAll("textarea").forEach(count);
            this.look();
        }

        get isChanged() {
            const hasFile = Array.from(this.form.elements).some((field) => field.type === "file" && field.files.length);
            return hasFile || !this.shown || !same(this.shown, valuesOf(this.form));
        }

        // Other pages see by the lock that this text is in hand.
        async hold(id) {
            this.mark.value = id;
            await new Promise((got) => navigator.locks.request(MINE + id, () => (got(), new Promise(() => {}))));
        }

        async keep() {
            if (!this.mark.value) {
                await this.hold(crypto.randomUUID().replaceAll("-", ""));
            }
            const values = valuesOf(this.form);
            if (this.shown && same(this.shown, values)) {
                return; // emptied again: what was kept stays, it may have been a slip
            }
            const title = document.querySelector("#content h1")?.textContent.trim() || document.title;
            const closed = await sealed({ place: this.place, page: location.pathname, title, values });
            localStorage.setItem(MINE + this.mark.value, JSON.stringify({ at: Date.now(), closed }));
        }

        async keepSoon() {
            if (this.again || this.busy) {
                this.again = true;
                return;
            }
            this.busy = true;
            try {
                if (!canSeal) {
                    throw new Error("the desk's address is not https");
                }
                await this.keep();
                this.warning?.remove();
            } catch (error) {
                this.warn(error.name === "QuotaExceededError" ? "the browser's storage for the desk is full" : error.message);
            }
            setTimeout(() => {
                const again = this.again;
                this.busy = this.again = false;
                if (again) {
                    this.keepSoon();
                }
            }, PAUSE);
        }

        send() {
            this.isSent = true;
            sessionStorage.setItem(`${MINE}${this.place}`, this.mark.value);
        }

        before(element) {
            (this.form.closest("details") || this.form).before(element);
        }

        warn(why) {
            if (!this.warning?.isConnected) {
                this.warning = document.createElement("p");
                this.warning.className = "note unsent";
                this.warning.setAttribute("role", "alert");
                this.before(this.warning);
            }
            this.warning.textContent = `This text is not kept in the browser (${why}). Keep a copy of it until it is handed in.`;
        }

        // Offers

        async look() {
            if (!canSeal || !names(MINE).length) {
                return;
            }
            const offered = new Set();
            for (const pause of LOOK_AGAIN) {
                await new Promise((then) => setTimeout(then, pause));
                for (const found of await left()) {
                    if (found.place === this.place && !offered.has(found.name)) {
                        offered.add(found.name);
                        this.offer(found);
                    }
                }
            }
        }

        offer(found) {
            const id = found.name.slice(MINE.length);
            if (same(found.values, valuesOf(this.form))) {
                // The form came back with what was sent, to be corrected.
                if (sessionStorage.getItem(`${MINE}${this.place}`) === id && !this.mark.value) {
                    this.shown = null;
                    this.hold(id);
                }
                return;
            }
            const line = document.createElement("div");
            line.className = "note unsent";
            line.setAttribute("role", "status");
            const said = document.createElement("p");
            said.textContent = `Unsent text of ${when(found.at)}, ${size(found.values)}`;
            const buttons = document.createElement("div");
            buttons.className = "buttons";
            buttons.append(
                button("Take it", () => {
                    this.hold(id);
                    fill(this.form, found.values);
                    line.remove();
                    Array.from(this.form.querySelectorAll("textarea")).find((area) => area.value && area.offsetParent)?.focus();
                }),
                button("Throw it away", () => {
                    localStorage.removeItem(found.name);
                    line.remove();
                })
            );
            line.append(said, buttons);
            this.before(line);
            window.addEventListener("storage", (event) => event.key === found.name && event.newValue === null && line.remove());
        }
    }

    // How much there is stands below a text as it grows.
    function count(area) {
        const said = document.createElement("span");
        said.className = "quiet words";
        area.after(said);
        const say = () => (said.textContent = area.value.trim() ? size([[area.name, area.value, true]]) : "");
        area.addEventListener("input", say);
        say();
    }

    function button(words, press) {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = words;
        made.addEventListener("click", press);
        return made;
    }

    // The start page names what is left, with the way to it.
    async function list(section) {
        if (!canSeal || !names(MINE).length) {
            return;
        }
        const lines = (await left()).map((found) => {
            const line = document.createElement("li");
            const link = document.createElement("a");
            link.href = found.page;
            link.textContent = found.title;
            link.dir = "auto";
            line.append(link, ` ${when(found.at)}, ${size(found.values)}`);
            return line;
        });
        section.querySelector("ul").replaceChildren(...lines);
        section.hidden = !lines.length;
    }

    const keepers = new Map();

    function watch() {
        document.querySelectorAll("form").forEach((form) => {
            if (form.method === "post" && (form.querySelector("textarea") || "typed" in form.dataset) && !keepers.has(form)) {
                keepers.set(form, new Keeper(form));
            }
        });
    }

    tidy();
    watch();
    document.addEventListener("swapped", watch);
    document.querySelectorAll("[data-unsent]").forEach(list);
    window.addEventListener("beforeunload", (event) => {
        if ([...keepers.values()].some((keeper) => keeper.form.isConnected && !keeper.isSent && keeper.isChanged)) {
            event.preventDefault();
        }
    });
})();

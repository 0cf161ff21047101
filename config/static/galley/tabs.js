// Ways to do one thing, a tab each. An element with data-tabs, which names the list, holds parts with data-tab, which
// names each. Without this script they stand below each other. What is typed in one stays there, and its tab says so;
// the address names the tab, so that one can be sent or kept.
(function () {
    "use strict";

    const KEYS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

    function filled(panel) {
        const written = Array.from(panel.querySelectorAll("textarea")).some((area) => area.value.trim());
        const files = Array.from(panel.querySelectorAll("input[type=file]")).some((input) => input.files.length);
        return written || files || panel.querySelector("[data-holds]") !== null;
    }

    class Tabs {
        constructor(box) {
            this.panels = Array.from(box.querySelectorAll("[data-tab]"));
            const list = document.createElement("div");
            list.className = "tabs";
            list.setAttribute("role", "tablist");
            list.setAttribute("aria-label", box.dataset.tabs);
            this.tabs = this.panels.map((panel, at) => this.tab(panel, at));
            list.append(...this.tabs);
            list.addEventListener("keydown", (event) => this.move(event));
            box.prepend(list);
            box.classList.add("tabbed");
            for (const change of ["input", "change"]) {
                box.addEventListener(change, (event) => this.changed(event));
            }
            window.addEventListener("hashchange", () => this.show(Math.max(this.named(), 0)));
            this.panels.forEach((_, at) => this.tell(at));
            this.show(this.first());
            if (box.hasAttribute("data-focus")) {
                box.querySelector("[data-tab]:not([hidden]) :is(textarea, input:not([type=hidden]))")?.focus();
            }
        }

        tab(panel, at) {
            const tab = document.createElement("button");
            tab.type = "button";
            tab.id = `${panel.id}-tab`;
            tab.setAttribute("role", "tab");
            tab.setAttribute("aria-controls", panel.id);
            tab.append(panel.dataset.tab, Object.assign(document.createElement("span"), { className: "quiet" }));
            tab.addEventListener("click", () => this.choose(at));
            panel.setAttribute("role", "tabpanel");
            panel.setAttribute("aria-labelledby", tab.id);
            return tab;
        }

        named() {
            return this.panels.findIndex((panel) => `#${panel.id}` === location.hash);
        }

        // Where something is to be mended, else what the address names, else where something stands.
        first() {
            const wrong = this.panels.findIndex((panel) => panel.querySelector(".errorlist, [aria-invalid=true]"));
            return [wrong, this.named(), this.panels.findIndex(filled), 0].find((at) => at >= 0);
        }

        tell(at) {
            this.tabs[at].lastChild.textContent = filled(this.panels[at]) ? " · begun" : "";
        }

        show(at) {
            this.panels.forEach((panel, other) => {
                panel.hidden = other !== at;
                this.tabs[other].setAttribute("aria-selected", String(other === at));
                this.tabs[other].tabIndex = other === at ? 0 : -1;
            });
        }

        choose(at) {
            this.show(at);
            this.tabs[at].focus();
            history.replaceState(history.state, "", `#${this.panels[at].id}`);
        }

        move(event) {
            const step = KEYS[event.key];
            const at = this.tabs.indexOf(document.activeElement);
            if (step === undefined || at < 0 || event.ctrlKey || event.altKey || event.metaKey) {
                return;
            }
            event.preventDefault();
            const last = this.tabs.length - 1;
            this.choose(Number.isFinite(step) ? (at + step + last + 1) % (last + 1) : step < 0 ? 0 : last);
        }

        // What a script fills in, an unsent text or a file that was dropped, is to be seen.
        changed(event) {
            const at = this.panels.findIndex((panel) => panel.contains(event.target));
            if (at < 0) {
                return;
            }
            this.tell(at);
            const taken = event.target.type === "file" ? event.target.files.length : event.target.matches("textarea") && event.target.value;
            if (!event.isTrusted && taken) {
                this.show(at);
            }
        }
    }

    document.querySelectorAll("[data-tabs]").forEach((box) => new Tabs(box));
})();

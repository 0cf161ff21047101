// Keys for those who are quick: "/" searches, "?" names the keys, Ctrl+Enter sends the form in which somebody writes.
(function () {
    "use strict";

    const KEYS = [
        ["/", "search, where a page has a search"],
        ["Ctrl + Enter", "send the form in which you write: Hand in, Save"],
        ["Arrows", "from cell to cell, in the grid of a batch and in the calendar"],
        ["Page Up, Page Down", "to another month of the calendar"],
        ["?", "this list"],
    ];
    let help = null;

    // After a fault one stands where it is.
    document.querySelector('[aria-invalid="true"]:not([type=hidden])')?.focus();

    function writes(element) {
        return element.isContentEditable || element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=submit], [type=button])");
    }

    function show() {
        if (!help) {
            help = document.createElement("dialog");
            help.className = "keys-help";
            help.setAttribute("aria-labelledby", "keys-heading");
            const heading = document.createElement("h2");
            heading.id = "keys-heading";
            heading.textContent = "Keys";
            const list = document.createElement("dl");
            for (const [key, does] of KEYS) {
                const name = document.createElement("dt");
                name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
                list.append(name, Object.assign(document.createElement("dd"), { textContent: does }));
            }
            const form = document.createElement("form");
            form.method = "dialog";
            form.className = "buttons";
            form.append(Object.assign(document.createElement("button"), { textContent: "Close" }));
            help.append(heading, list, form);
            document.getElementById("content").append(help);
        }
        help.showModal();
    }

    // The menu's second half goes as it came: by a look elsewhere.
    const further = document.querySelector(".further");
    document.addEventListener("click", (event) => {
        if (further?.open && !further.contains(event.target)) {
            further.open = false;
        }
    });

    document.addEventListener("keydown", (event) => {
        const where = event.target;
        if (event.key === "Escape" && further?.open) {
            further.open = false;
            further.querySelector("summary").focus();
        }
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            const form = where.closest("form[method=post]");
            const send = form?.querySelector("input[type=submit], button:not([type=button])");
            if (send && writes(where)) {
                event.preventDefault();
                form.requestSubmit(form.querySelector(".default, .main-button") || send);
            }
            return;
        }
        if (writes(where) || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const search = document.querySelector("#searchbar, [role=search] input[type=text], [role=search] input[type=search]");
        if (event.key === "/" && search) {
            event.preventDefault();
            search.focus();
            search.select();
        } else if (event.key === "?") {
            event.preventDefault();
            show();
        }
    });
})();

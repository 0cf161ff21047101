// Files that are dropped onto a page. One that is dropped where an article is written lies in its form; otherwise they are
// sent by the form with data-drop, which shows what was read of each. Nothing is handed in by dropping it.
(function () {
    "use strict";

    const sender = document.querySelector("form[data-drop]");
    const input = sender.querySelector("input[type=file]");
    const own = document.getElementById("id_file"); // of the form of one article
    let depth = 0;

    // The form that came with a file in it is the form of a new article: loaded again it is that one, without the file.
    if (own?.form.getAttribute("action")) {
        history.replaceState(history.state, "", own.form.action);
    }
    document.querySelectorAll("[data-drop-hint]").forEach((hint) => (hint.hidden = false));

    function carriesFiles(event) {
        return event.dataTransfer?.types.includes("Files");
    }

    function mark(isOver) {
        document.body.classList.toggle("dropping", isOver);
    }

    // Without folders, which no form can send.
    function filesOf(transfer) {
        const files = new DataTransfer();
        for (const item of transfer.items) {
            const file = item.kind === "file" && (item.webkitGetAsEntry?.()?.isFile ?? true) ? item.getAsFile() : null;
            if (file) {
                files.items.add(file);
            }
        }
        return files.files;
    }

    document.addEventListener("dragenter", (event) => {
        if (carriesFiles(event)) {
            depth += 1;
            mark(true);
        }
    });
    document.addEventListener("dragleave", (event) => {
        if (carriesFiles(event)) {
            depth -= 1;
            mark(depth > 0);
        }
    });
    document.addEventListener("dragover", (event) => {
        if (carriesFiles(event)) {
            event.preventDefault();
        }
    });
    document.addEventListener("drop", (event) => {
        if (!carriesFiles(event)) {
            return;
        }
        event.preventDefault();
        depth = 0;
        mark(false);
        const files = filesOf(event.dataTransfer);
        if (!files.length) {
            return;
        }
        if (files.length === 1 && own) {
            own.files = files;
            own.dispatchEvent(new Event("change", { bubbles: true }));
            own.focus();
        } else {
            input.files = files;
            sender.requestSubmit();
        }
    });
})();

// What is pasted into a manuscript keeps its headings, links and lists. The bare words stand there at once, as in every
// field; the desk says how they are written with their structure, and that takes their place if nobody has gone on
// meanwhile. The HTML of a clipboard is nowhere made a part of this page.
(function () {
    "use strict";

    const { address } = document.currentScript.dataset;
    const LONGEST = 1_000_000; // characters, as at the desk
    const SAID = "Headings, links and lists are kept, as Markdown. Ctrl and Z brings back the bare words.";

    async function written(html, form) {
        const body = new FormData();
        body.set("html", html);
        const headers = { "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value };
        const answer = await fetch(address, { method: "POST", credentials: "same-origin", headers, body });
        return answer.ok && !answer.redirected ? (await answer.json()).text : "";
    }

    // By the browser's own command, so that it can be undone.
    function put(area, start, end, text) {
        const before = document.activeElement;
        area.focus();
        area.setSelectionRange(start, end);
        if (!document.execCommand("insertText", false, text)) {
            area.setRangeText(text, start, end, "end");
            area.dispatchEvent(new Event("input", { bubbles: true }));
        }
        if (before !== area) {
            before?.focus();
        }
    }

    async function pasted(area, html, start, said) {
        await new Promise((then) => setTimeout(then)); // until the bare words stand there
        const end = area.selectionEnd;
        const value = area.value;
        const text = await written(html, area.form).catch(() => "");
        if (text && area.isConnected && area.value === value && text !== value.slice(start, end)) {
            put(area, start, end, text);
            said.textContent = SAID;
        }
    }

    document.querySelectorAll("textarea[name=manuscript]").forEach((area) => {
        const said = document.createElement("span");
        said.className = "quiet words";
        said.setAttribute("role", "status");
        area.after(said);
        area.addEventListener("paste", (event) => {
            const html = event.clipboardData?.getData("text/html") || "";
            said.textContent = "";
            if (html && html.length <= LONGEST) {
                pasted(area, html, area.selectionStart, said);
            }
        });
    });
})();

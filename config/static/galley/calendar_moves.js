// An article is taken to another day: dragged by mouse or finger, or lifted by its button, and put down where one presses.
// The server decides; without scripts there is the form on the article's own page.
(function () {
    "use strict";

    const NEAR = 60, STEP = 12, SLIP = 6; // pixels: to the edge that scrolls, a scroll, and what is no drag yet
    const table = document.querySelector(".calendar");
    const form = document.getElementById("move-form");
    const said = document.getElementById("move-said");
    let lifted = null; // the article under way
    let drag = null; // { item, pointer, x, y, ghost }: ghost once it is one
    let pressed = false; // what ends a drag is no click

    function dayOf(element) {
        return element?.closest("td[data-date]");
    }

    function title(item) {
        return item.querySelector("a").textContent;
    }

    function lift(item) {
        const top = item.getBoundingClientRect().top;
        lifted = item;
        item.classList.add("lifted");
        table.classList.add("moving");
        window.scrollBy(0, item.getBoundingClientRect().top - top); // a phone shows the free days now, too
        said.textContent = `“${title(item)}”: press a day, or go there by arrows and Enter. Escape leaves it.`;
    }

    function leave() {
        drag?.ghost?.remove();
        table.querySelectorAll(".target").forEach((day) => day.classList.remove("target"));
        lifted?.classList.remove("lifted");
        table.classList.remove("moving");
        said.textContent = "";
        lifted = drag = null;
    }

    function put(day) {
        const item = lifted;
        if (day && day !== dayOf(item)) {
            form.elements.article.value = item.dataset.article;
            form.elements.was.value = item.dataset.was;
            form.elements.day.value = day.dataset.date;
            leave();
            form.submit();
            return;
        }
        leave();
    }

    // By its button: then by a press, or by keys.

    function press(event) {
        if (pressed) {
            event.preventDefault();
            event.stopPropagation();
            return;
        }
        const button = event.target.closest("button.move");
        if (button) {
            const item = button.parentElement;
            const isIt = lifted === item;
            leave();
            if (!isIt) {
                lift(item);
                item.closest("td").focus();
            }
        } else if (lifted && event.target.closest("td")) {
            event.preventDefault();
            put(dayOf(event.target));
        }
    }

    function key(event) {
        if (!lifted) {
            return;
        }
        if (event.key === "Escape") {
            const button = lifted.querySelector("button.move");
            leave();
            button.focus();
        } else if (event.key === "Enter" && event.target.matches("td")) {
            if (dayOf(event.target)) {
                put(event.target);
            } else {
                said.textContent = "This day is over. Choose a later one.";
            }
        } else {
            return;
        }
        event.preventDefault();
        event.stopPropagation();
    }

    // By dragging: a finger takes it by its button, as elsewhere it scrolls.

    function down(event) {
        const item = event.target.closest("li[data-article]");
        if (item && event.button === 0 && event.isPrimary && (event.pointerType === "mouse" || event.target.closest("button.move"))) {
            drag = { item, pointer: event.pointerId, x: event.clientX, y: event.clientY, ghost: null };
        }
    }

    function begin() {
        const { item, pointer } = drag;
        const kept = drag;
        leave();
        drag = kept;
        lift(item);
        document.getSelection().removeAllRanges();
        drag.ghost = Object.assign(document.createElement("div"), { className: "ghost", textContent: title(item) });
        drag.ghost.setAttribute("aria-hidden", "true");
        document.body.append(drag.ghost);
        table.setPointerCapture(pointer);
    }

    function follow() {
        if (!drag?.ghost) {
            return;
        }
        drag.ghost.style.left = `${Math.min(drag.x, window.innerWidth - drag.ghost.offsetWidth)}px`;
        drag.ghost.style.top = `${drag.y}px`;
        const day = dayOf(document.elementFromPoint(drag.x, drag.y));
        table.querySelectorAll(".target").forEach((other) => other.classList.toggle("target", other === day));
        day?.classList.add("target");
    }

    function scroll() {
        if (!drag?.ghost) {
            return;
        }
        if (drag.y < NEAR || drag.y > window.innerHeight - NEAR) {
            window.scrollBy(0, drag.y < NEAR ? -STEP : STEP);
            follow();
        }
        requestAnimationFrame(scroll);
    }

    function move(event) {
        if (event.pointerId !== drag?.pointer) {
            return;
        }
        if (!drag.ghost && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < SLIP) {
            return;
        }
        if (!drag.ghost) {
            begin();
            requestAnimationFrame(scroll);
        }
        [drag.x, drag.y] = [event.clientX, event.clientY];
        follow();
    }

    function up(event) {
        if (event.pointerId !== drag?.pointer) {
            return;
        }
        if (drag.ghost) {
            pressed = true;
            setTimeout(() => (pressed = false));
            put(dayOf(document.elementFromPoint(event.clientX, event.clientY)));
        }
        drag = null;
    }

    for (const item of table.querySelectorAll("li[data-article]")) {
        const button = Object.assign(document.createElement("button"), { type: "button", className: "move", textContent: "Move" });
        button.setAttribute("aria-label", `Move “${title(item)}” to another day`);
        item.append(" ", button);
    }
    table.addEventListener("click", press, true);
    table.addEventListener("keydown", key, true);
    table.addEventListener("dragstart", (event) => event.preventDefault());
    table.addEventListener("pointerdown", down);
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", up);
    document.addEventListener("pointercancel", (event) => event.pointerId === drag?.pointer && leave());
    window.addEventListener("keydown", (event) => event.key === "Escape" && lifted && leave());
    window.addEventListener("pageshow", leave);
})();

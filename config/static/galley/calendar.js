// The calendar by keyboard: arrows go from day to day, Home and End to the ends of a week, Page Up and Page Down to another
// month, where the same day is; Enter opens what stands first on a day.
(function () {
    "use strict";

    const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 7, ArrowUp: -7 };
    const days = Array.from(document.querySelectorAll(".calendar [data-day]"));

    function stop(day) {
        days.forEach((other) => (other.tabIndex = other === day ? 0 : -1));
        day.focus();
    }

    function isSeen(day) {
        return day.offsetParent !== null; // a phone leaves free days out
    }

    function nearest(at, direction) {
        for (let next = at; next >= 0 && next < days.length; next += direction) {
            if (isSeen(days[next])) {
                return days[next];
            }
        }
        return null;
    }

    function inWeek(day, isEnd) {
        const week = days.filter((other) => other.parentElement === day.parentElement && isSeen(other));
        return isEnd ? week.at(-1) : week[0];
    }

    function turn(rel, day) {
        const link = document.querySelector(`.months [rel=${rel}]`);
        location.assign(`${link.href}#day-${day.dataset.day}`);
    }

    function move(event) {
        const day = event.target.closest("[data-day]");
        const at = days.indexOf(day);
        if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const step = STEPS[event.key];
        let next = null;
        if (step) {
            next = nearest(at + step, Math.sign(step));
        } else if (event.key === "Home" || event.key === "End") {
            next = inWeek(day, event.key === "End");
        } else if (event.key === "PageUp" || event.key === "PageDown") {
            turn(event.key === "PageUp" ? "prev" : "next", day);
        } else if (event.key === "Enter" && event.target === day) {
            day.querySelector("a")?.click();
        } else {
            return;
        }
        event.preventDefault();
        if (next) {
            stop(next);
        }
    }

    const asked = Number(/^#day-(\d{1,2})$/.exec(location.hash)?.[1]);
    const first = days.find((day) => day.hasAttribute("aria-current") && isSeen(day)) || days.find(isSeen);
    days.forEach((day) => (day.tabIndex = day === first ? 0 : -1));
    if (asked) {
        const day = days[Math.min(asked, days.length) - 1];
        stop(isSeen(day) ? day : first);
    }
    document.querySelector(".calendar").addEventListener("keydown", move);
})();

"""A real browser as the judge: nothing of ours stands before it but what was made of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Route, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ADDRESS = "http://desk.test/"
OWN = ("/static/", "/favicon", "/admin/jsi18n/")  # what pages of the desk ask for
PATIENCE = 120_000  # milliseconds
HIDDEN = (  # no browser shows words in them, or a reader of texts need not
    "script, style, template, noscript, title, head, iframe, object, svg, math, select, textarea, noembed, noframes,"
    "video, audio, canvas, datalist, [hidden], [style*='display:none']"
)
DANGEROUS = (
    "script, iframe, frame, object, embed, applet, portal, base, meta, link, style, template, svg, math, form, input,"
    "button, video, audio, source, track, [srcdoc], [background], [ping], [autofocus], [is]"
)
NOTING = "window.ran = []; window.__ran = number => { window.ran.push(number) }"
WORDS = """([texts, hidden]) => texts.map(text => {
    const scripted = text.replace(/noscript/gi, "noembed")  // which nobody reads as HTML in a parser without scripts
    const read = new DOMParser().parseFromString(scripted, "text/html")
    const walker = read.createTreeWalker(read.documentElement, NodeFilter.SHOW_TEXT)
    const shown = []
    while (walker.nextNode())
        if (!walker.currentNode.parentElement?.closest(hidden)) shown.push(walker.currentNode.data)
    return shown.join(" ")
})"""
LOOK = """dangerous => {
    const all = [...document.querySelectorAll("*")]
    const boxes = [...document.querySelectorAll("[data-payload]")]
    const outside = element => boxes.includes(element) != (element.parentElement == document.body)
    return {
        ran: window.ran.map(String),
        handlers: all.flatMap(e => e.getAttributeNames()).filter(name => name.startsWith("on")),
        schemes: all.flatMap(e => [e.href, e.src, e.action, e.formAction]).filter(a => typeof a == "string" && a)
            .map(a => new URL(a, location).protocol).filter(p => !["http:", "https:", "mailto:"].includes(p)),
        elements: boxes.flatMap(box => [...box.querySelectorAll(dangerous)]).map(element => element.outerHTML),
        loose: boxes.length ? all.filter(outside).map(element => element.outerHTML) : [],
        shown: Object.fromEntries(boxes.map(box => [box.dataset.payload, box.innerText])),
        text: document.body.textContent,
    }
}"""
FOUND = ("ran", "handlers", "schemes", "elements", "loose")

T = TypeVar("T")


@dataclass(frozen=True)
class Seen:
    """What happened on a page, empty where nothing did, and the words that it shows: of each payload, and all."""

    happened: list[str]
    shown: dict[int, str]
    text: str


class Judge:
    """One browser in a thread of its own: its loop would keep Django from the database."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._do(self._open)

    def words(self, texts: Sequence[str]) -> list[str]:
        """Which words of each text a browser would show as they came. Nothing of them runs meanwhile."""
        return self._do(lambda: self._tab.evaluate(WORDS, [list(texts), HIDDEN]))

    def of_fragments(self, fragments: Mapping[int, str]) -> Seen:
        """Looks at them on one page, each in a box with its number."""
        boxes = (f'<div data-payload="{number}">{html}</div>' for number, html in fragments.items())
        return self.of_page("<!doctype html><html><body>" + "\n".join(boxes))

    def of_page(self, page: str) -> Seen:
        return self._do(lambda: self._look(page))

    def close(self) -> None:
        self._do(self._close)
        self._thread.shutdown()

    def _do(self, work: Callable[[], T]) -> T:
        return self._thread.submit(work).result()

    def _open(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        self._tab = self._browser.new_page()

    def _close(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def _look(self, page: str) -> Seen:
        happened: list[str] = []
        tab = self._browser.new_page()
        tab.set_default_timeout(PATIENCE)
        tab.add_init_script(NOTING)
        self._listen(tab, happened)
        tab.route("**/*", lambda route: _answer(route, page, happened))
        tab.goto(ADDRESS, wait_until="load")
        found = tab.evaluate(LOOK, DANGEROUS)
        happened += [f"{name}: {thing}" for name in FOUND for thing in found[name]]
        happened += [f"it went on to {tab.url}"] if tab.url != ADDRESS else []
        tab.close()
        return Seen(happened, {int(number): words for number, words in found["shown"].items()}, found["text"])

    def _listen(self, tab: Page, happened: list[str]) -> None:
        def dismissed(dialog: Dialog) -> None:
            happened.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        tab.on("dialog", dismissed)
        tab.on("pageerror", lambda error: happened.append(f"error: {error}"))
        tab.on("popup", lambda popup: happened.append(f"window: {popup.url}"))


def _answer(route: Route, page: str, happened: list[str]) -> None:
    """The page itself, nothing for the desk's own files, and a note of everything else that is asked for."""
    address = urlsplit(route.request.url)
    if route.request.url == ADDRESS:
        route.fulfill(content_type="text/html; charset=utf-8", body=page)
        return
    if not (address.netloc == "desk.test" and address.path.startswith(OWN)):
        happened.append(f"request: {route.request.url}")
    route.abort()


def lost(wanted: Iterable[tuple[int, str]], shown: Mapping[int, str]) -> list[tuple[int, str]]:
    """The words, each with the number of its payload, that stand nowhere in what is shown of that."""
    return [(number, word) for number, word in wanted if word.casefold() not in shown[number].casefold()]

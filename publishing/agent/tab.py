"""The page that is steered, in the same browser and session as the page that Galley itself uses.

Made and asked in the browser's thread (`Window.read`); a deed that cannot be done raises NotDone, and is none.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from publishing.agent.fence import Asked, Fence
from publishing.browser.steps import PICTURE_MILLISECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request, Route

T = TypeVar("T")
SIZE = {"width": 1260, "height": 784}  # whole patches of 28 pixels: never scaled, so coordinates are one to one
DEED_MILLISECONDS = 10_000
LOADING_MILLISECONDS = 30_000
PAGE_LETTERS = 20_000  # of a page that the model reads
KEYS = {"return": "Enter", "esc": "Escape", "backspace": "Backspace", "tab": "Tab", "ctrl": "Control", "cmd": "Meta"}
SECRETS = "input[type=password]"
_EDITOR = """([what, text]) => {
    const editor = window.wp?.data?.select("core/editor");
    if (editor?.getCurrentPostId?.()) {
        if (editor.getCurrentPost().status !== "auto-draft") return "another";
        const put = window.wp.data.dispatch("core/editor");
        if (what === "title") put.editPost({title: text});
        else put.resetEditorBlocks(window.wp.blocks.parse(text));
        return "put";
    }
    const box = document.querySelector(what === "title" ? "#post #title" : "#post #content");
    if (!box) return "none";
    if (document.querySelector("#original_post_status")?.value !== "auto-draft") return "another";
    if (what === "text") window.switchEditors?.go("content", "html");
    box.value = text;
    box.dispatchEvent(new Event("input", {bubbles: true}));
    return "put";
}"""
_IS_READY = """() => window.wp?.data?.select("core/editor")?.getCurrentPostId?.()"""
_TAKES_TEXT = """() => {
    const box = document.activeElement, takes = box?.isContentEditable || ["INPUT", "TEXTAREA"].includes(box?.tagName);
    return Boolean(takes) && box.type !== "password";
}"""


class NotDone(Exception):
    """Why, in words of ours: the model reads them."""


@dataclass(frozen=True)
class Parcel:
    """What is put in for a goal: the texts of a post, or a picture under its name."""

    title: str = ""
    text: str = ""
    picture: str = ""
    jpeg: bytes = b""


class Tab:
    def __init__(self, page: Page, fence: Fence, url: str) -> None:
        self._fence, self._own = fence, page
        self.refused = 0  # pages that may not be opened, and were asked for
        self._page = page.context.new_page()
        self._page.set_viewport_size(SIZE)  # type: ignore[arg-type]  # two numbers
        self._page.on("popup", lambda popup: popup.close())
        page.context.route("**/*", self._judge)
        self._page.goto(url, wait_until="domcontentloaded")

    def close(self) -> None:
        """The page that Galley uses is free of the fence again."""
        with suppress(Exception):  # it goes with the browser
            self._page.context.unroute("**/*", self._judge)
            self._page.close()

    def _judge(self, route: Route, request: Request) -> None:
        """Also of what opens beside it, before that is closed; Galley's own page asks for what it likes."""
        if self._is_of_own(request):
            route.fallback()
            return
        body = (request.post_data_buffer or b"").decode(errors="replace")
        if self._fence.lets(Asked(request.method, request.url, body, request.headers), self._page.url):
            route.fallback()
            return
        self.refused += request.is_navigation_request()
        route.abort()

    def _is_of_own(self, request: Request) -> bool:
        from playwright.sync_api import Error

        try:
            return request.frame.page is self._own
        except Error:  # of a page that is about to open
            return False

    # Looks

    @property
    def url(self) -> str:
        return self._page.url

    def title(self) -> str:
        return self.do(self._page.title)

    def shows(self, selector: str) -> bool:
        return self.do(lambda: self._page.locator(selector).count() > 0)

    def picture(self) -> bytes:
        """A JPEG of what people would see; what is typed into a password's field is masked."""
        return self.do(
            lambda: self._page.screenshot(
                type="jpeg",
                quality=60,
                timeout=PICTURE_MILLISECONDS,
                animations="disabled",
                mask=[self._page.locator(SECRETS)],
            )
        )

    def outline(self) -> str:
        """What stands on the page, with references to its parts; nothing of it where a password could be."""
        if self.shows(SECRETS):
            raise NotDone("This page asks for a password and is not read out.")
        return self.do(lambda: self._page.aria_snapshot(mode="ai"))[:PAGE_LETTERS]

    def text(self) -> str:
        return self.do(lambda: self._page.locator("body").inner_text(timeout=DEED_MILLISECONDS))[:PAGE_LETTERS]

    # Deeds

    def go(self, url: str) -> int | None:
        """The status with which a page came; `back`, `forward` and `reload` are addresses as well."""
        moves = {"back": self._page.go_back, "forward": self._page.go_forward, "reload": self._page.reload}
        wait = {"wait_until": "domcontentloaded", "timeout": LOADING_MILLISECONDS}
        move = moves.get(url)
        came = self.do(lambda: move(**wait) if move else self._page.goto(url, **wait))  # type: ignore[arg-type]
        return came.status if came else None

    def click(self, ref: str, at: tuple[int, int]) -> None:
        if ref:
            self.do(lambda: self._part(ref).click(timeout=DEED_MILLISECONDS))
        else:
            self.do(lambda: self._page.mouse.click(*at))
        with suppress(NotDone):  # what a click has begun may still be on its way
            self.do(lambda: self._page.wait_for_load_state("domcontentloaded", timeout=DEED_MILLISECONDS))

    def fill(self, ref: str, value: str | float | bool) -> None:
        part = self._part(ref)
        tag = self.do(lambda: str(part.evaluate("box => box.type === 'checkbox' ? 'CHECK' : box.tagName")))
        if tag == "CHECK":
            self.do(lambda: part.set_checked(bool(value), timeout=DEED_MILLISECONDS))
        elif tag == "SELECT":
            self.do(lambda: part.select_option(str(value), timeout=DEED_MILLISECONDS))
        else:
            self.do(lambda: part.fill(str(value), timeout=DEED_MILLISECONDS))

    def type(self, text: str) -> None:
        self.do(lambda: self._page.keyboard.insert_text(text))

    def press(self, chords: str, times: int) -> None:
        for chord in chords.split() * times:
            keys = "+".join(KEYS.get(key.lower(), key) for key in chord.split("+") if key)
            self.do(lambda keys=keys: self._page.keyboard.press(keys))  # type: ignore[misc]

    def scroll(self, at: tuple[int, int], right: int, down: int) -> None:
        self.do(lambda: self._page.mouse.move(*at))
        self.do(lambda: self._page.mouse.wheel(right, down))

    def bring_into_view(self, ref: str) -> None:
        self.do(lambda: self._part(ref).scroll_into_view_if_needed(timeout=DEED_MILLISECONDS))

    def wait(self, seconds: float) -> None:
        self.do(lambda: self._page.wait_for_timeout(min(max(seconds, 0), 30) * 1000))

    def put(self, what: str, parcel: Parcel) -> None:
        """Into the editor that is open, else where the cursor stands; a picture into the page's field for files."""
        if what == "picture" and parcel.jpeg:
            file = {"name": parcel.picture, "mimeType": "image/jpeg", "buffer": parcel.jpeg}
            chooser = self._page.locator("input[type=file]").first
            self.do(lambda: chooser.set_input_files(file, timeout=DEED_MILLISECONDS))  # type: ignore[arg-type]
            return
        text = {"title": parcel.title, "text": parcel.text}.get(what, "")
        if not text:
            raise NotDone("There is nothing of this kind to be put in.")
        if self.shows("body.block-editor-page"):
            self.do(lambda: self._page.wait_for_function(_IS_READY, timeout=DEED_MILLISECONDS))
        became = self.do(lambda: self._page.evaluate(_EDITOR, [what, text]))
        if became == "another":
            raise NotDone("This is another post. Open a new one.")
        if became == "none":
            if not self.do(lambda: self._page.evaluate(_TAKES_TEXT)):
                raise NotDone("Nothing here takes a text. Click into the field that it belongs into.")
            self.type(text)

    def _part(self, ref: str) -> Locator:
        return self._page.locator(f"aria-ref={ref}")

    def do(self, work: Callable[[], T]) -> T:
        from playwright.sync_api import Error

        try:
            return work()
        except Error as exc:
            raise NotDone("That did not work here. Look at the page again.") from exc


def in_base64(jpeg: bytes) -> str:
    return base64.b64encode(jpeg).decode()

"""What the model can do with the tab, in the names of Anthropic's browser toolset.

Nothing here changes what may be done: that is the fence's. What a deed says when it fails are words of ours, as the
model reads them. Members that are not written here are sent as not to be had: no scripts, no files, no further tabs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from anthropic.tools import ToolError
from anthropic.tools.browser import (
    BetaAbstractBrowserToolset20260801,
    BetaBrowserNavigateResult,
    BetaBrowserState,
    BetaNavigationRefused,
    BetaScreenshotResult,
)

from articles.providers.errors import ProviderError
from backups.redaction import black_out
from publishing.agent.tab import NotDone, Tab, in_base64

T = TypeVar("T")
NOTCH = 100  # pixels that a notch of the wheel scrolls
NOTHING = "The browser does not answer any more."


class Toolset(BetaAbstractBrowserToolset20260801):
    """`within` runs a closure in the browser's thread. `broken` is the error after which nothing is of any use."""

    def __init__(self, tab: Tab, within: Callable[[Callable[[], Any]], Any]) -> None:
        super().__init__(tool_configs={"cache_control": {"type": "ephemeral"}})
        self._tab, self._within = tab, within
        self._refused = 0
        self.broken: ProviderError | None = None

    def do(self, work: Callable[[], T]) -> T:
        """Raises ToolError, with words for the model."""
        try:
            found: T = self._within(work)
        except NotDone as exc:
            raise ToolError(str(exc)) from exc
        except ProviderError as exc:
            self.broken = exc
            raise ToolError(NOTHING) from exc
        return found

    def _browser_state(self, _: Any) -> BetaBrowserState:
        try:
            url, title, refused = self.do(lambda: (self._tab.url, self._tab.title(), self._tab.refused))
        except ToolError:
            return BetaBrowserState(tabs=[])
        changes: list[Any] = [BetaNavigationRefused()] if refused > self._refused else []
        self._refused = refused
        shown = {"tab_id": "1", "title": black_out(title)[:200], "url": black_out(url), "active": True}
        return BetaBrowserState(tabs=[shown], state_changes=changes)  # type: ignore[list-item]

    # Looks

    def screenshot(self, *_: Any) -> BetaScreenshotResult:
        return BetaScreenshotResult(data=in_base64(self.do(self._tab.picture)), media_type="image/jpeg")

    def read_page(self, *_: Any) -> str:
        return black_out(self.do(self._tab.outline))

    def get_page_text(self, *_: Any) -> str:
        return black_out(self.do(self._tab.text))

    # Deeds

    def navigate(self, _: Any, asked: Any) -> BetaBrowserNavigateResult:
        status = self.do(lambda: self._tab.go(asked.url))
        url, title = self.do(lambda: (self._tab.url, self._tab.title()))
        return BetaBrowserNavigateResult(url=black_out(url), status=status, title=black_out(title))

    def left_click(self, _: Any, asked: Any) -> None:
        self.do(lambda: self._tab.click(*_target(asked.target)))

    def form_input(self, _: Any, asked: Any) -> None:
        self.do(lambda: self._tab.fill(asked.target.ref, asked.value))

    def type(self, _: Any, asked: Any) -> None:
        self.do(lambda: self._tab.type(asked.text))

    def key(self, _: Any, asked: Any) -> None:
        self.do(lambda: self._tab.press(asked.text, min(asked.repeat or 1, 50)))

    def scroll(self, _: Any, asked: Any) -> None:
        pixels = NOTCH * min(asked.scroll_amount or 3, 10)
        ways = {"up": (0, -pixels), "down": (0, pixels), "left": (-pixels, 0), "right": (pixels, 0)}
        _, at = _target(asked.target)
        self.do(lambda: self._tab.scroll(at, *ways.get(asked.scroll_direction, (0, 0))))

    def scroll_to(self, _: Any, asked: Any) -> None:
        self.do(lambda: self._tab.bring_into_view(asked.target.ref))

    def wait(self, _: Any, asked: Any) -> None:
        self.do(lambda: self._tab.wait(asked.duration))


def _target(target: Any) -> tuple[str, tuple[int, int]]:
    """A reference, or "" and a point."""
    return (target.ref, (0, 0)) if target.type == "ref" else ("", (target.x, target.y))

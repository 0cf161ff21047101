"""What a browser makes of a screen, as text that a person can read and compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.journeys.desk import CHROMIUM, FLAGS, LAPTOP, PHONE
from tests.screens.content import NOW
from tests.screens.pages import Screen
from tests.screens.shelf import Shelf

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PARTS = (Path(__file__).parent / "parts.js").read_text()
SIZES = {"laptop": LAPTOP, "phone": PHONE}
LIGHTS: tuple[Any, ...] = ("light", "dark")
# Letters are as wide on every machine, whatever hints it would follow.
SAME_EVERYWHERE = [
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Part:
    kind: str
    box: Box  # left and top within its parent, width, height
    style: dict[str, str] = field(default_factory=dict)


Look = dict[str, list[Part]]  # by size


@contextmanager
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    flags = [*FLAGS, *SAME_EVERYWHERE]
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=flags) as running:
        yield running


def looks(shelf: Shelf, screens: list[Screen], running: Browser, folder: Path | None = None) -> dict[str, Look]:
    """How each screen looks, by its name; with a folder, pictures of it as well."""
    found: dict[str, Look] = {screen.name: {} for screen in screens}
    for size, (width, height) in SIZES.items():
        context = running.new_context(
            base_url=shelf.url, viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        for screen in screens:
            shelf.front = screen
            page.goto(screen.address)
            page.evaluate("document.fonts.ready")
            found[screen.name][size] = [_part(said) for said in page.evaluate(PARTS)]
            if folder:
                _picture(page, f"{folder / screen.name.replace(' ', '-')}-{size}")
        context.close()
    return found


def _part(said: dict[str, Any]) -> Part:
    left, top, width, height = said["box"]
    return Part(said["kind"], (left, top, width, height), said["style"])


def _picture(page: Page, name: str) -> None:
    for light in LIGHTS:
        page.emulate_media(color_scheme=light)
        page.screenshot(path=f"{name}-{light}.png", full_page=True)
    page.emulate_media(color_scheme="light")

"""A browser that many tests share, and windows of it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from publishing.browser.calls import Calls
from publishing.browser.chromium import Chromium, missing
from publishing.browser.forms import Forms
from publishing.browser.window import Window
from publishing.wordpress.answers import Login
from tests.services.wordpress import WordPress

RULES = "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
PATIENCE = 60.0  # seconds for one step


def jpeg(color: str = "teal") -> bytes:
    image = io.BytesIO()
    Image.new("RGB", (1600, 1067), color).save(image, "JPEG")
    return image.getvalue()


def login(wordpress: WordPress, name: str = "desk", password: str = "") -> Login:
    secret = password or wordpress.accounts[name].password
    return Login("wordpress:1", "Magazine", wordpress.url, name, secret, "page", 30)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """With a short path, as a socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="galley-") as made:
        yield Path(made)


def new_chromium(folder: Path, seconds: float = 3600) -> Chromium:
    if reason := missing():
        pytest.skip(reason)
    return Chromium(folder / "browser", rules=RULES, may_go=lambda url: "off-limits" not in url, seconds=seconds)


@pytest.fixture(scope="module")
def chromium(folder: Path) -> Iterator[Chromium]:
    made = new_chromium(folder)
    yield made
    made.close()


class HeldBack(Exception):
    """Stands for a worker that has lost its article."""


class Watched:
    """What left for a site, and the film of it; what is `refused` does not leave."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.refused = ""
        self.film: dict[str, bytes] = {}

    def before(self, method: str) -> None:
        if method == self.refused:
            raise HeldBack
        self.sent.append(method)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def channel_in(chromium: Chromium, half: str, its_login: Login, watched: Watched) -> Calls | Forms:
    """Signed in nowhere, whatever a test before did."""
    chromium.do(lambda page: page.context.clear_cookies(), PATIENCE)
    window = Window(its_login, chromium, seconds=PATIENCE, before=watched.before, film=watched.film.__setitem__)
    return (Calls if half == "calls" else Forms)(window, before=watched.before)

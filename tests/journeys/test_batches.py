"""An editor makes a batch and watches it fill: real workers, a real browser, and a connection that is cut."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.journeys.desk import CHROMIUM, PATIENCE, PHONE, Desk, content

if TYPE_CHECKING:
    from playwright.sync_api import Page

# As a spreadsheet writes it, with a line without a name and one that is there twice.
STYLES = """style;country
Jugendstil;Österreich
Art Deco;Frankreich
;Italien
art deco;Spanien
Bauhaus;Deutschland
Provençal;Frankreich
"""
ROOMS = ["Hall", "Kitchen", "Library", "Attic", *(f"Room {n}" for n in range(5, 16))]
TOTAL = 4 * len(ROOMS)

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's package chromium"),
    pytest.mark.xdist_group("batches"),
    pytest.mark.dealt_whole(3),
]


class Line:
    """A line from the browser to the desk, which can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._passing: list[threading.Thread] = []
        self._is_cut = False
        self._refused = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                here, _ = self._listener.accept()
                if self._is_cut:
                    here.close()
                    self._refused.set()
                    continue
                there = socket.create_connection(("127.0.0.1", self._port))
                self._open |= {here, there}
                for ends in ((here, there), (there, here)):
                    passing = threading.Thread(target=self._pass_on, args=ends, daemon=True)
                    passing.start()
                    self._passing.append(passing)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self._is_cut = True
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def wait_for_a_caller(self) -> None:
        """Until somebody has noticed that it is cut, and tried again."""
        assert self._refused.wait(PATIENCE / 1000)

    def mend(self) -> None:
        self._is_cut = False

    def end(self) -> None:
        """Take no more callers; `serve` returns."""
        self._is_cut = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()
        for each in self._passing:
            each.join()
        for end in self._open:
            end.close()


@contextmanager
def line_to(desk: Desk) -> Iterator[Line]:
    line = Line(int(desk.url.rpartition(":")[2]))
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.end()
        thread.join()
        line.close()


def make(page: Page, name: str) -> None:
    """Through the form, with the styles as a file of a spreadsheet."""
    page.goto("/admin/articles/batch/")
    page.get_by_role("link", name="Make a batch").click()
    page.get_by_label("Name:").fill(name)
    page.get_by_label("Brief:").fill("A {section} in the style {style}, as in {country}")
    file = {"name": "styles.csv", "mimeType": "text/csv", "buffer": STYLES.encode("cp1252")}
    page.get_by_label("Styles as a file:").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_label("Sections:", exact=True).fill("\n".join(ROOMS))
    page.get_by_role("button", name="Show the plan").click()


def count(page: Page, kind: str = "done") -> int:
    return page.locator(f".grid .cell.{kind}").count()


def wait_for(page: Page, number: int, kind: str = "done") -> None:
    """Until so many cells are like that, on the page as it is."""
    page.wait_for_function(
        "([kind, number]) => document.querySelectorAll(`.grid .cell.${kind}`).length >= number", arg=[kind, number]
    )


def test_these_journeys_are_made_in_one_process(request: pytest.FixtureRequest, worker_id: str) -> None:
    """Else each process would start a desk of its own."""
    assert worker_id == "master" or request.node.nodeid.endswith("@batches")


def test_a_batch_fills_before_the_editors_eyes_whatever_happens_to_them(desk: Desk) -> None:
    desk.services.configure(latency={"responses": 1.0})
    desk.services.fail("openai", "responses", "refusal", match="Write this section: Attic")
    try:
        with (
            line_to(desk) as line,
            desk.page("bea", strict=False, url=line.url) as page,
            desk.page("bea") as other,
        ):
            other.add_init_script("delete window.EventSource")  # it has to ask
            make(page, "Houses")
            seen = content(page)
            assert "2 lines cannot be used" in seen
            assert seen.index("The style is missing.") < seen.index("What Start does") < seen.index("Jugendstil")
            assert "4 articles, 60 sections, 4 pictures" in seen
            page.get_by_role("button", name="Start without the 2 lines that cannot be used").click()
            page.get_by_text("“Houses” has started").wait_for()

            # It fills by itself.
            page.evaluate("window.unmoved = true")
            wait_for(page, 3)
            assert page.evaluate("window.unmoved"), "without being loaded again"
            assert page.locator("[data-words=sections_words]").inner_text() == f"{count(page)} of 60"
            assert int(page.locator("tbody tr").first.locator("[data-written]").inner_text()) > 0

            # Loaded again in the middle, it shows as much, and goes on.
            before = count(page)
            page.reload()
            assert count(page) >= before
            page.evaluate("window.unmoved = true")
            other.goto(page.url.replace(line.url, desk.url))

            # On a phone without scripts it is a link.
            with desk.page("bea", size=PHONE, scripts=False) as phone:
                phone.goto(other.url)
                before = count(phone)
                wait_for(other, before + 1)
                phone.get_by_role("link", name="Reload").click()
                assert count(phone) > before

            # Cut off, it stands still; back again, it has missed nothing.
            line.cut()
            line.wait_for_a_caller()
            wait_for(other, count(page) + 1)
            assert count(page) < count(other)
            line.mend()
            wait_for(page, count(other))
            assert page.evaluate("window.unmoved")

            # Paused, nothing further is begun. It is told on the other page, too.
            page.get_by_role("button", name="Pause").click()
            page.get_by_text("Paused. bea paused it.").wait_for()
            other.get_by_text("Paused. bea paused it.").wait_for()
            assert count(page) < TOTAL - 1
            desk.services.configure(latency={})
            other.goto("/admin/")
            other.locator(".problems li", has_text="Houses").get_by_role("button", name="Resume").click()
            other.get_by_text("“Houses” goes on.").wait_for()
            # It may be done before the page is made new: what was paused is so no more.
            page.get_by_text("Paused. bea paused it.").wait_for(state="hidden")

            # What was declined is missing at the end, and only that is made.
            wait_for(page, TOTAL - 1)
            wait_for(page, 1, "missing")
            page.get_by_text("Done. 1 section is missing").wait_for()
            page.locator(".cell.missing a").click()
            page.wait_for_url(re.compile("#section-4$"))
            assert "missing" in page.locator("#section-4").inner_text()
            page.go_back()
            before = len(desk.services.requests("openai", "responses"))
            page.get_by_role("link", name="Recover 1 article").click()
            page.get_by_role("button", name="Recover 1 article").click()
            page.get_by_text("goes on.").wait_for()
            wait_for(page, TOTAL)
            page.get_by_text("Done. Every section is there.").wait_for()
            assert len(desk.services.requests("openai", "responses")) == before + 1
    finally:
        desk.services.reset()


def test_the_arrow_keys_go_through_the_grid(desk: Desk) -> None:
    with desk.page("bea") as page:
        make(page, "Cottages")
        page.get_by_role("button", name="Start without the 2 lines that cannot be used").click()
        page.get_by_text("“Cottages” has started").wait_for()
        desk.installation.manage("batch", "cancel", "Cottages", check=False)  # it may be done already
        page.reload()
        page.wait_for_load_state("load")  # and the scripts with it
        page.locator(".grid tbody td a").first.focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp"):
            page.keyboard.press(key)
        focused = page.evaluate("document.activeElement.textContent.trim()")
        assert "Kitchen: " in focused
        row = page.evaluate("document.activeElement.closest('tr').rowIndex")
        assert row == 2
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("#section-2$"))

"""A browser in a thread of its own: whatever happens, nothing of it is left."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from articles.providers.errors import Refused
from publishing.browser import chromium as module
from publishing.browser.chromium import Chromium, Gone, missing, refuse_without
from tests.publishing.browser.conftest import RULES, new_chromium
from tests.publishing.conftest import Impostor
from tests.services.process import children_of, processes_with, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")
PATIENCE = 60.0
FOR_EVER = "() => { for (;;) {} }"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs is waited for no longer than a test needs."""
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(module, "ENDING_SECONDS", 3.0)


def nothing_is_left(folder: Path) -> None:
    wait_until(lambda: not processes_with(folder), 30)


@pytest.fixture
def browser(folder: Path, quick: None) -> Iterator[Chromium]:
    made = new_chromium(folder)
    yield made
    made.close()


def test_a_page_that_hangs_is_ended_with_its_browser(browser: Chromium, folder: Path) -> None:
    assert processes_with(folder)
    assert browser.do(lambda page: page.evaluate("1 + 1"), PATIENCE) == 2
    with pytest.raises(Gone):
        browser.do(lambda page: page.evaluate(FOR_EVER), 1)
    with pytest.raises(Gone):
        browser.do(lambda page: page.title(), PATIENCE)
    browser.close()
    nothing_is_left(folder)
    assert not (folder / "browser").exists()


@pytest.mark.dealt(2)
def test_an_alarm_in_the_middle_of_a_step_ends_it(browser: Chromium, folder: Path) -> None:
    """As of the queue, which reaches the thread that waits, and not that of the browser."""

    class Alarm(Exception): ...

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        with pytest.raises(Alarm):
            browser.do(lambda page: page.evaluate(FOR_EVER), PATIENCE)
    finally:
        signal.signal(signal.SIGALRM, before)
    browser.close()
    nothing_is_left(folder)
    assert not (folder / "browser").exists()


@pytest.mark.dealt(2)
def test_nothing_is_asked_of_a_browser_whose_time_is_up(folder: Path, quick: None) -> None:
    browser = new_chromium(folder, seconds=0)
    with pytest.raises(Gone):
        browser.do(lambda page: page.title(), PATIENCE)
    browser.close()


@pytest.mark.dealt(2)
def test_a_name_leads_to_the_address_that_was_judged_and_no_other_leads_anywhere(
    folder: Path, impostor: Impostor, quick: None
) -> None:
    port = impostor.url.rpartition(":")[2]
    away = {"Location": f"http://127.0.0.1:{port}/inside"}
    impostor.says("GET /away", status=302, headers=away)
    rules = "MAP magazine.example.org 127.0.0.1 , MAP * ~NOTFOUND"
    with closing(Chromium(folder / "pinned", rules=rules, may_go=bool, seconds=3600)) as browser:
        named = browser.do(lambda page: page.goto(f"http://magazine.example.org:{port}/named"), PATIENCE)
        assert named
        for url in (
            f"http://127.0.0.1:{port}/number",
            f"http://localhost:{port}/name",
            f"http://magazine.example.org:{port}/away",
        ):
            with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
                browser.do(partial(go, url=url), PATIENCE)
    assert {path for _, path, *_ in impostor.requests} - {"/favicon.ico"} == {"/named", "/away"}


def go(page: Page, *, url: str) -> None:
    page.goto(url)


KILLED = """
import sys
from pathlib import Path
from publishing.browser.chromium import Chromium
browser = Chromium(Path(sys.argv[1]), rules=sys.argv[2], may_go=lambda url: True, seconds=60)
print("running", flush=True)
browser.do(lambda page: page.evaluate("() => { for (;;) {} }"), 60)
"""


@pytest.mark.dealt(2)
@pytest.mark.parametrize("with_driver", [False, True], ids=["alone", "with its driver"])
def test_a_worker_that_is_killed_takes_its_browser_with_it(folder: Path, with_driver: bool) -> None:
    """Killed at once, as by systemd, they leave files in the browser's own folder alone, and the next one's begin."""
    if reason := missing():
        pytest.skip(reason)
    browser, environment = folder / "browser", {**os.environ, "TMPDIR": str(folder)}
    worker = subprocess.Popen([sys.executable, "-c", KILLED, browser, RULES], stdout=subprocess.PIPE, env=environment)
    assert worker.stdout
    assert worker.stdout.readline() == b"running\n"
    assert len(processes_with(folder)) > 1
    for process in [*(children_of(worker.pid) if with_driver else []), worker.pid]:
        os.kill(process, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    nothing_is_left(folder)
    assert {file.name for file in folder.iterdir()} <= {"browser"}
    new_chromium(folder).close()
    assert list(folder.iterdir()) == []


def test_a_machine_without_a_browser_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRAMS", ("a-browser-that-nobody-has",))
    assert missing() == "Chromium is missing: apt-get install chromium"
    with pytest.raises(Refused) as caught:
        refuse_without()
    assert caught.value.mend == "ask the operator to run: apt-get install chromium"
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    assert missing().endswith("pip install -r requirements-browser.txt")

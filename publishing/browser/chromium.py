"""A Chromium, driven from a thread of its own.

Playwright's calls belong to the thread that began them, and Django's calls of the database are refused there. So
whoever wants something of the browser hands a closure in, and waits: with a limit, as a page can hang for ever. Then
the driver is killed, which ends the thread and the browser with it.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import select
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from articles.providers.errors import GALLEY, Refused, Unreachable

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

T = TypeVar("T")
START_SECONDS = 60.0
ENDING_SECONDS = 5.0  # that a browser which is asked to end may take
GRACE_SECONDS = 5.0  # how much later than Playwright's own time-out a step counts as hung
SIZE = {"width": 1280, "height": 800}
FLAGS = ["--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class Gone(Exception):
    """The browser is no more, or had to be killed; whatever was asked of it may have happened."""


def missing() -> str:
    """What a machine lacks to run browsers, with the command that helps; "" where it lacks nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "the Python package playwright is missing: pip install -r requirements-browser.txt"
    if _program() is None:
        return "Chromium is missing: apt-get install chromium"
    return ""


def refuse_without() -> None:
    """Raises Refused where a browser cannot run here."""
    if lacking := missing():
        what, _, command = lacking.partition(": ")
        mend = f"ask the operator to run: {command}"
        raise Refused(GALLEY, f"this machine cannot run a browser, as {what}", mend=mend, code="no_browser")


def _program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Chromium:
    """Running when it is made. `seconds` for all that is asked of it.

    `folder` is its own and goes with it; its path has to be short, as a socket lies in it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rules: str,
        may_go: Callable[[str], bool],
        seconds: float,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`rules` as in `guard.resolver_rules`; `may_go` is asked for the address of each request of a page; `ended` is
        called when nothing is left. Raises Unreachable where it does not start.
        """
        self._folder, self._rules, self._may_go, self._ended = folder, rules, may_go, ended
        self._ends = time.monotonic() + seconds
        self._asked: queue.SimpleQueue[tuple[Callable[[Page], Any], float, Future[Any]] | None] = queue.SimpleQueue()
        self._driver: int | None = None  # a handle on its process, which no later one of its number can have
        self._started: Future[None] = Future()
        self._is_killed = False
        self._thread = threading.Thread(target=self._work, name="browser", daemon=True)
        self._thread.start()
        try:
            self._started.result(START_SECONDS)
        except Exception as exc:
            self.close()
            reason = "the browser of this machine did not start"
            raise Unreachable(GALLEY, reason, code="no_browser", detail=str(exc), lost=False) from exc
        except BaseException:
            self.close()
            raise

    def do(self, work: Callable[[Page], T], seconds: float) -> T:
        """What `work` returns of the page, or raises; in time, or Gone is raised and so is the browser."""
        left = min(seconds, self._ends - time.monotonic())
        if left <= 0 or self._is_killed or not self._thread.is_alive():
            raise Gone
        done: Future[T] = Future()
        self._asked.put((work, left, done))
        try:
            return done.result(left + GRACE_SECONDS)
        except NotInTime as exc:
            if done.done():  # Playwright's own, which is of this kind
                raise
            self._kill()
            raise Gone from exc

    def close(self) -> None:
        """Nothing of it is left: no thread, no process, no file."""
        self._asked.put(None)
        self._thread.join(ENDING_SECONDS)
        if self._thread.is_alive():
            self._kill()
            self._thread.join(ENDING_SECONDS)
        if self._driver is not None:
            os.close(self._driver)
            self._driver = None
        shutil.rmtree(self._folder, ignore_errors=True)
        self._ended()

    def _kill(self) -> None:
        """Asked first, the driver takes its browser along."""
        self._is_killed = True
        if self._driver is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._driver, signal.SIGTERM)
                select.select([self._driver], [], [], ENDING_SECONDS)  # readable when it has ended
                signal.pidfd_send_signal(self._driver, signal.SIGKILL)

    # In the thread

    def _work(self) -> None:
        from playwright.sync_api import sync_playwright

        try:
            shutil.rmtree(self._folder, ignore_errors=True)  # of one that was killed
            self._folder.mkdir(mode=0o700, parents=True)
            with sync_playwright() as playwright:
                self._driver = _handle_of_child()
                page = self._page(self._launched(playwright))
                self._started.set_result(None)
                while asked := self._asked.get():
                    _answer(page, *asked)
                page.context.close()
        except BaseException as exc:
            if not self._started.done():
                self._started.set_exception(exc)
        finally:
            self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        with suppress(queue.Empty):
            while True:
                if asked := self._asked.get_nowait():
                    asked[2].set_exception(Gone())

    def _launched(self, playwright: Any) -> BrowserContext:
        """Without Chromium's sandbox only where the machine has none for us: it opens this one site alone.

        Whatever it writes lies in its own folder: what is killed together with its driver leaves nothing elsewhere.
        """
        options: dict[str, Any] = {
            "executable_path": _program(),
            "args": [*FLAGS, f"--host-resolver-rules={self._rules}"],
            # Nothing of our own environment, which holds secrets.
            "env": {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(self._folder), "TMPDIR": str(self._folder)},
            "artifacts_dir": self._folder / "artifacts",
            "timeout": START_SECONDS * 1000,
            "viewport": SIZE,
            "service_workers": "block",
            "accept_downloads": False,
        }
        profile, launch = self._folder / "profile", playwright.chromium.launch_persistent_context
        try:
            context: BrowserContext = launch(profile, chromium_sandbox=os.geteuid() != 0, **options)
        except Exception:
            if os.geteuid() == 0:
                raise
            context = launch(profile, chromium_sandbox=False, **options)
        return context

    def _page(self, context: BrowserContext) -> Page:
        context.route("**/*", lambda route: route.continue_() if self._may_go(route.request.url) else route.abort())
        return context.pages[0]


def _answer(page: Page, work: Callable[[Page], Any], seconds: float, done: Future[Any]) -> None:
    page.context.set_default_timeout(seconds * 1000)
    try:
        done.set_result(work(page))
    except BaseException as exc:
        done.set_exception(exc)


def _handle_of_child() -> int:
    """Of the one process that this thread has started. Reference: proc(5), children."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return os.pidfd_open(int(children[0]))

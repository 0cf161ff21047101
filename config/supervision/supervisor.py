"""Programs that run together: one that ends or hangs is replaced, alone, and at the end none is left.

Nothing is shared between them. So the death of a worker costs what that worker was at, and nobody else anything.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType

from django.db import Error, connections

from articles.pipeline import worker_health
from articles.pipeline.lease import CALL_SECONDS
from articles.pipeline.sweep import put_back
from articles.processes import ENDING, die_with_parent, this_process
from config.supervision import machines

Program = tuple[str, Callable[[], object]]  # its name for people, and what it does

STOP_SECONDS = CALL_SECONDS + 30  # for a worker to end by itself: the longest call, and time to save its answer
LOOK_SECONDS = 0.5
YOUNG_SECONDS = 1  # a program that ends younger than this is not started again at once

FORK = multiprocessing.get_context("fork")  # a new worker has loaded what this process has, and shares its memory


class Supervisor:
    """Runs each of the programs in a process of its own, until it is asked to end."""

    def __init__(self, programs: list[Program]) -> None:
        self._programs = programs
        self._running: dict[int, ForkProcess] = {}  # by their place among the programs
        self._born = [-float(YOUNG_SECONDS)] * len(programs)
        self._ending = self._in_a_hurry = False

    def run(self) -> None:
        """Until a signal says otherwise."""
        for number in ENDING:
            signal.signal(number, self._end)
        connections.close_all()  # no process can use the connection of another
        try:
            while not self._ending:
                for place in range(len(self._programs)):
                    self._keep(place)
                self._kill_those_that_hang()
                self._wait()
        finally:
            self._stop()

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self._in_a_hurry |= self._ending and number == signal.SIGINT  # Ctrl-C once more: a person does not wait
        self._ending = True

    def _keep(self, place: int) -> None:
        process, (name, _) = self._running.get(place), self._programs[place]
        if process and process.exitcode is None:
            return
        if process:
            del self._running[place]
            if process.exitcode:
                sys.stderr.write(f"The {name} ended ({process.exitcode}); it is started again.\n")
        if time.monotonic() - self._born[place] >= YOUNG_SECONDS:
            self._start(place)

    def _start(self, place: int) -> None:
        name, program = self._programs[place]
        process = FORK.Process(target=_begin, args=(program, os.getpid()), name=name)
        with _signals_held_back():
            process.start()
        self._running[place], self._born[place] = process, time.monotonic()

    def _kill_those_that_hang(self) -> None:
        """The next look finds them ended. Those of another supervisor are not ours to judge."""
        silent = worker_health.health().silent
        for process in self._running.values():
            if process.pid in silent:
                sys.stderr.write(f"The {process.name} hangs, and is killed.\n")
                process.kill()

    def _wait(self) -> None:
        """Until one ends, for half a second at most.

        The library's own sentinel is closed as well by a program that becomes another one, as the web server does.
        """
        endings = list[int]()
        with contextlib.ExitStack() as files, contextlib.suppress(ProcessLookupError):  # one has ended already
            for process in self._running.values():
                endings.append(os.pidfd_open(process.ident or 0))
                files.callback(os.close, endings[-1])
            wait(endings, LOOK_SECONDS)

    def _stop(self) -> None:
        """Ask all to end. A worker does so when the call that it is at has its answer, which is waited for."""
        for process in self._running.values():
            process.terminate()
        if self._living():
            sys.stderr.write("Asked to end: each finishes what it is at.\n")
        latest = time.monotonic() + STOP_SECONDS
        while self._living() and time.monotonic() < latest and not self._in_a_hurry:
            self._kill_those_that_hang()
            self._wait()
        for process in self._living():
            _end_on_purpose(process)
        with contextlib.suppress(Error):
            machines.leave()

    def _living(self) -> list[ForkProcess]:
        self._running = {place: each for place, each in self._running.items() if each.exitcode is None}
        return list(self._running.values())


def _begin(program: Callable[[], object], supervisor: int) -> None:
    """In the new process: a signal ends it, until the program says otherwise; so does the end of its supervisor."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    die_with_parent(signal.SIGTERM)
    if os.getppid() == supervisor:  # else it ended before we had asked for the signal
        program()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """A signal that came between the fork and `_begin` would meet our handler in the wrong process, and be lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _end_on_purpose(process: ForkProcess) -> None:
    """What it was at goes on with the next start, and is not to blame."""
    owner = this_process(process.pid)
    process.kill()
    process.join()
    with contextlib.suppress(Error):  # then the sweep finds it, and takes it for a crash
        put_back(owner)

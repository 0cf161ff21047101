"""Processes: known by a name that no later one can have, bound to their parent, asked to stop, and kept from computing
without end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TypeVar

from django.conf import settings
from django.db import connection

from articles.formats import count

Made = TypeVar("Made")

PR_SET_PDEATHSIG = 1  # Reference: prctl(2)
ENDING = (signal.SIGTERM, signal.SIGINT)  # by which a person or an init system asks a process to end

# No threading.Event: a second signal within its `set` would wait for the first for ever.
_asked_to_stop = False

TICK_SECONDS = 1.0  # of processor time, until what could not be cut short just then is looked at again
# What is never cut short: the work of the pipeline for a stage, with all that is paid for, and of the database; and
# what would stay half imported.
WHOLE = ("articles.pipeline", "django.db", "importlib")


class ComputesTooLong(BaseException):
    """A stage has computed for longer than it may, and has saved nothing meanwhile.

    No Exception: whoever reads foreign files takes each of those for a fault of the file.
    """

    code = "too_long_at_work"

    @property
    def reason(self) -> str:
        """Behind what it was at, for a sentence."""
        return f"takes more than {count(settings.GALLEY_STAGE_CPU_SECONDS, 'second')} of processor time"


@cache
def this_machine() -> str:
    """The machine and its world of process numbers: containers may share a host name and not these."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"


def this_process(pid: int | None = None) -> str:
    """`machine|pid|start time` of this process, or of another on this machine.

    The start, in ticks since boot, tells a process from a later one of its number.
    """
    pid = pid or os.getpid()
    return f"{this_machine()}|{pid}|{_start_time(pid)}"


def is_alive(name: str) -> bool:
    """Whether a process of this machine still runs. One that exited and was not collected by its parent is dead."""
    _machine, pid, started = name.rsplit("|", 2)
    try:
        return _start_time(int(pid)) == started
    except PermissionError:
        return True  # hidden from us; its lease tells


def _start_time(pid: int) -> str | None:
    # Reference: proc(5), /proc/pid/stat. The name in field 2 may hold spaces and parentheses.
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[18] if state not in ("Z", "X") else None


def die_with_parent(number: signal.Signals) -> None:
    """Let the system send this process a signal as soon as its parent ends, however it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def stop_when_asked() -> None:
    """From now on a signal only asks this process to stop: it goes on with what it is at, and begins nothing new."""
    for number in ENDING:
        signal.signal(number, _ask_to_stop)


def is_asked_to_stop() -> bool:
    """Whether this process shall begin no further call and take no further task."""
    return _asked_to_stop


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    global _asked_to_stop
    _asked_to_stop = True


def cut_computing_short() -> None:
    """From now on `computed` keeps its limit in this process, a worker. To be called by its main thread."""
    signal.signal(signal.SIGVTALRM, _time_is_up)


def computed(work: Callable[[], Made]) -> Made:
    """What a stage makes. Raises ComputesTooLong when it has used up its processor time since something was saved.

    Waiting uses none. What runs within C is cut short when it returns, and regular expressions look at signals
    themselves. Outside of a worker, in a web server, a command, a test, nothing is cut short (`cut_computing_short`).
    """
    if signal.getsignal(signal.SIGVTALRM) is not _time_is_up:
        return work()
    _wind_up()
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def computes_anew() -> None:
    """Something was saved: what computes here has all its time again."""
    if any(signal.getitimer(signal.ITIMER_VIRTUAL)):
        _wind_up()


def _wind_up() -> None:
    # Time of this process alone, not of the system for it: such a signal comes between no system call and its answer.
    signal.setitimer(signal.ITIMER_VIRTUAL, settings.GALLEY_STAGE_CPU_SECONDS, TICK_SECONDS)


def _time_is_up(_number: int, frame: FrameType | None) -> None:
    """Cut short what goes on, or look again in a while. What it leaves half done in this process ends with that."""
    global _asked_to_stop
    within = _modules_within_stage(frame)
    if within and not any(name.startswith(WHOLE) for name in within) and not connection.in_atomic_block:
        _asked_to_stop = True
        raise ComputesTooLong


def _modules_within_stage(frame: FrameType | None) -> list[str]:
    """Of the functions that are being run, from the innermost one to the stage's own; none where no stage is run."""
    within = []
    while frame and frame.f_code is not computed.__code__:
        within.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return within if frame else []

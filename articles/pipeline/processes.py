"""Processes: known by a name that no later one can have, bound to their parent, and asked to stop."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from functools import cache
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1  # Reference: prctl(2)
ENDING = (signal.SIGTERM, signal.SIGINT)  # by which a person or an init system asks a process to end

# No threading.Event: a second signal within its `set` would wait for the first for ever.
_asked_to_stop = False


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

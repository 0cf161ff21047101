"""Processes by a name that no later process can have, and processes that do not outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from functools import cache
from pathlib import Path

PR_SET_PDEATHSIG = 1  # Reference: prctl(2)


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


def leave_no_orphans() -> None:
    """From now on whatever is forked from here, and from there on, is killed when the process that forked it ends."""
    parent = os.getpid()

    def bind() -> None:
        nonlocal parent
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:  # it died before we had asked for the signal
            os._exit(1)
        parent = os.getpid()

    os.register_at_fork(after_in_child=bind)

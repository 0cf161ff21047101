"""Processes by a name that no later process can have."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process(pid: int | None = None) -> str:
    """`host|pid|start time` of this process, or of another on this machine.

    The start, in ticks since boot, tells a process from a later one of its number.
    """
    pid = pid or os.getpid()
    return f"{socket.gethostname()}|{pid}|{_start_time(pid)}"


def is_alive(name: str) -> bool:
    """Whether a process of this machine still runs. One that exited and was not collected by its parent is dead."""
    _host, pid, started = name.rsplit("|", 2)
    return _start_time(int(pid)) == started


def _start_time(pid: int) -> str | None:
    # Reference: proc(5), /proc/pid/stat. The name in field 2 may hold spaces and parentheses.
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[18] if state not in ("Z", "X") else None

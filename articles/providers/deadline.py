"""One time limit for a call as a whole: connecting, headers, body, however slowly each of them trickles.

The time-outs of clients count from one read to the next. So the connection is cut from outside when the limit is up,
by a second handle on its socket: whatever reads or writes there fails at that moment.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from articles.providers.errors import IT, Unreachable

_current: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._handles: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def has_passed(self) -> bool:
        return time.monotonic() >= self._ends

    def watch(self, connection: Any) -> None:
        with self._lock:
            self._handles.append(socket.socket(fileno=os.dup(connection.fileno())))
        if self.has_passed:
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            for handle in self._handles:
                with suppress(OSError):  # closed by the other side
                    handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()


@contextmanager
def within(seconds: float, provider: str) -> Iterator[None]:
    """All that is asked of a service in this block ends in time. Raises Unreachable where it did not."""
    deadline = _Deadline(seconds)
    token = _current.set(deadline)
    try:
        yield
        failed = None
    except Exception as exc:
        if not deadline.has_passed or (isinstance(exc, Unreachable) and not exc.lost):
            raise
        failed = exc
    finally:
        _current.reset(token)
        deadline.close()
    if deadline.has_passed:  # also where what was cut short looks whole
        raise Unreachable(provider, f"{IT} did not answer in time", code="timeout") from failed


def watch(connection: Any) -> None:
    """A connection, anything with a `fileno`, is used for what is going on: it is cut when the time is up."""
    if deadline := _current.get():
        deadline.watch(connection)

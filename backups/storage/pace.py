"""How fast something may be sent, and when: a limit of bytes a second, and hours of the day.

What is sent in one piece, 8 MB at most, goes at the speed of the line, and the next waits until the limit is kept; so
it is kept over some minutes. Files that are under way when the hours end are sent to their end, and no other begins.
"""

from __future__ import annotations

import datetime as dates
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backups.errors import BackupError
from backups.storage.port import Listed, ObjectStore

MINUTE = timedelta(minutes=1)
LONGEST = 3 * 24 * 60  # minutes until hours begin: the clocks may leave them out on one day


class Closed(BackupError):
    """The hours are over. What was sent is used by the next run."""

    retry = True


@dataclass(frozen=True)
class Hours:
    """From the one until the other, by the clocks of a place; over midnight where the first is the later one."""

    begins: dates.time
    ends: dates.time
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{self.begins:%H:%M} to {self.ends:%H:%M} ({self.zone.key})"

    def are_now(self, moment: datetime) -> bool:
        hour = moment.astimezone(self.zone).time()
        if self.begins < self.ends:
            return self.begins <= hour < self.ends
        return hour >= self.begins or hour < self.ends

    def begin(self, now: datetime) -> datetime:
        """The first minute from now on that is within them: looked for, as clocks are put forward and back."""
        minute = now.replace(second=0, microsecond=0)
        ahead = (minute + n * MINUTE for n in range(1, LONGEST))
        return now if self.are_now(now) else next(filter(self.are_now, ahead))


class Pace:
    """So many bytes a second, of all threads that share it."""

    def __init__(
        self,
        bytes_a_second: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = bytes_a_second, clock, sleep
        self._free = 0.0  # when what was sent so far has taken its time
        self._lock = threading.Lock()

    def __call__(self, size: int) -> None:
        with self._lock:
            now = self._clock()
            begins = max(now, self._free)
            self._free = begins + size / self._rate
        if begins > now:
            self._sleep(begins - now)


@dataclass(frozen=True)
class Paced:
    """An object store that sends at a pace; what is read goes as fast as it can."""

    store: ObjectStore
    pace: Pace

    def __str__(self) -> str:
        return str(self.store)

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        self.pace(len(content))
        return self.store.put(key, content, replace=replace)

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:
        self.store.put_stream(key, self._paced(chunks), size)

    def get(self, key: str, limit: int) -> bytes:
        return self.store.get(key, limit)

    def stream(self, key: str) -> Iterator[bytes]:
        return self.store.stream(key)

    def head(self, key: str) -> Listed:
        return self.store.head(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        return self.store.list(prefix)

    def delete(self, key: str) -> None:
        self.store.delete(key)

    def _paced(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.pace(len(chunk))
            yield chunk

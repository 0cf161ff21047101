"""A batch as it is watched: a stream of what changes, for everybody who looks on.

Every change of a section gives its batch a new revision, in the same transaction and under the batch's lock. So
revisions are committed in their order, and whoever has seen everything up to one misses nothing by asking for what is
greater. However many watch a batch in one process, one task looks into the database for them all.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import connections

from articles.batches import progress
from articles.batches.cells import revision_of
from articles.batches.progress import BatchProgress
from articles.models import Batch

log = structlog.get_logger("galley.live")

EVERY = 1.0  # seconds between two looks at a batch
SHARE = 4  # times as long as a look took is rested after it: a very large batch is looked at less often
COUNTED_EVERY = 5.0  # seconds, for what no revision tells: rate, remaining time, a worker that died
KEEP_ALIVE = 15.0  # seconds without news, then a comment: proxies close what is silent
CHECKED_EVERY = 60.0  # seconds, whether whoever watches may still do so
MOST_CHECKED = 20  # logins, with one look
STUCK = 60.0  # seconds that one who takes nothing may hold what was sent
WINDOW = 5000  # changed cells that are kept for those who are a little behind
MOST_WATCHERS = 2000  # in one process
MOST_OF_ONE = 50  # of them of one person: nobody shuts out the others
THREADS = 4  # that look into the database, for all batches
RETRY = b"retry: 3000\n\n"  # milliseconds until a browser connects again
NOTHING_NEW = b": nothing new\n\n"


@dataclass(eq=False)
class Watcher:
    """An open stream. `allowed` says whether it may go on; those of one login are equal, and asked once."""

    since: int
    allowed: Callable[[], bool]
    task: asyncio.Task[Any] | None = None
    person: int | None = None  # whose it is
    edition: int | None = None  # that it has seen
    is_behind: bool = False  # what was looked at does not reach back to what it has seen
    sending_since: float | None = None  # when it was handed something, and has not come back for more
    is_refused: bool = False


class Channel:
    """One batch, those who watch it in this process, and the one task that looks for all of them.

    Nobody has a queue: whoever comes back for more gets what has changed since, in one event, however slow it is.
    """

    def __init__(self, batch_id: int, threads: ThreadPoolExecutor) -> None:
        self.batch_id = batch_id
        self.watchers: set[Watcher] = set()
        self.latest: BatchProgress | None = None
        self._threads = threads
        self._is_closed = False
        self._news, self._wanted = asyncio.Event(), asyncio.Event()
        self._counted_at = 0.0
        self._checked_at: dict[Callable[[], bool], float] = {}
        self._is_failing = False
        self._task = asyncio.create_task(self._look_on())

    def join(self, watcher: Watcher) -> None:
        self.watchers.add(watcher)
        self._checked_at.setdefault(watcher.allowed, time.monotonic())

    def leave(self, watcher: Watcher) -> None:
        self.watchers.discard(watcher)
        if not self.watchers:
            self._task.cancel()

    def close(self) -> None:
        """Every stream ends when its reader has taken what it was handed."""
        self._is_closed = True
        self._tell()

    async def next(self, watcher: Watcher) -> bytes | None:
        """What is new for this one, as soon as there is something; a comment now and then; None at the end."""
        while not (self._is_closed or watcher.is_refused):
            news, latest = self._news, self.latest
            if latest and latest.edition == watcher.edition:
                if latest.ended:
                    return None
            elif latest and latest.since <= watcher.since <= latest.revision:
                events = latest.events(watcher.since)
                watcher.since, watcher.edition, watcher.is_behind = latest.revision, latest.edition, False
                return events
            elif latest:
                if watcher.is_behind and watcher.since > latest.revision:
                    watcher.since = 0  # it was looked at for this one: that revision is of another life
                watcher.is_behind = True
                self._wanted.set()
            try:
                async with asyncio.timeout(KEEP_ALIVE):
                    await news.wait()
            except TimeoutError:
                return NOTHING_NEW
        return None

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _look_on(self) -> None:
        while not self._is_closed:
            self._wanted.clear()
            self._let_go_of_stuck_ones()
            began = time.monotonic()
            try:
                await self._look(began)
            except Batch.DoesNotExist:
                self.close()
            except Exception:
                # A database that restarts is back within seconds, and the streams are still there.
                if not self._is_failing:
                    log.warning("a batch cannot be looked at; its streams wait", batch=self.batch_id, exc_info=True)
                self._is_failing = True
                await asyncio.sleep(EVERY)
            else:
                self._is_failing = False
                took = time.monotonic() - began
                await asyncio.sleep(max(took, EVERY / 10))
                await _set_within(self._wanted, max(EVERY, SHARE * took) - took - EVERY / 10)

    async def _look(self, now: float) -> None:
        latest = self.latest
        behind = [watcher.since for watcher in self.watchers if watcher.is_behind or latest is None]
        if latest and behind:
            behind.append(latest.revision)  # for all the others
        counts = now - self._counted_at >= COUNTED_EVERY
        due = self._due(now)
        look = asyncio.get_running_loop().run_in_executor(
            self._threads, _look, self.batch_id, latest, min(behind, default=None), counts, due
        )
        refused, found = await look
        self._checked_at |= dict.fromkeys(due, now)
        for watcher in self.watchers:
            watcher.is_refused |= watcher.allowed in refused
        if found:
            self._counted_at = now
            self.latest = _joined(latest, found) if latest else found
        if found or refused:
            self._tell()

    def _due(self, now: float) -> list[Callable[[], bool]]:
        """Whose right to watch was not looked at for the longest time: each login once, however many its streams."""
        present = {watcher.allowed for watcher in self.watchers}
        self._checked_at = {allowed: at for allowed, at in self._checked_at.items() if allowed in present}
        due = [allowed for allowed, at in self._checked_at.items() if now - at >= CHECKED_EVERY]
        return sorted(due, key=lambda allowed: self._checked_at[allowed])[:MOST_CHECKED]

    def _let_go_of_stuck_ones(self) -> None:
        for watcher in self.watchers:
            stuck = watcher.sending_since is not None and time.monotonic() - watcher.sending_since > STUCK
            if stuck and watcher.task:
                watcher.task.cancel()


def _look(
    batch_id: int, latest: BatchProgress | None, since: int | None, counts: bool, due: Collection[Callable[[], bool]]
) -> tuple[set[Callable[[], bool]], BatchProgress | None]:
    """Whose right to watch has ended, and how the batch stands; None where nothing has changed (one query)."""
    try:
        # First: nobody is told anything who may not be.
        refused = {allowed for allowed in due if not allowed()}
        if latest and since is None and not counts:
            row = Batch.objects.values_list("revision", "state").get(pk=batch_id)
            if row == (latest.revision, latest.facts["state"]):
                return refused, None
        if since is None:
            since = latest.revision if latest else 0
        return refused, progress.batch_progress(batch_id, since, latest.counts if latest else None)
    finally:
        connections.close_all()  # this thread's


def _joined(latest: BatchProgress, found: BatchProgress) -> BatchProgress:
    """What was found now, with what is kept of the changes before, and the number of its edition."""
    new = _told(found) != _told(latest)
    since, changed = found.since, found.changed
    if latest.since < found.since <= latest.revision:
        again = {(cell.article, cell.section) for cell in changed}
        kept = [cell for cell in latest.changed if (cell.article, cell.section) not in again]
        since, changed = latest.since, [*kept, *changed]
        if len(changed) > WINDOW:
            since = max(changed[-WINDOW - 1].revision, 1)  # from 0 on would be all
            changed = changed[bisect_right(changed, since, key=revision_of) :]
    return replace(found, since=since, changed=changed, edition=latest.edition + new, _events={})


def _told(progress: BatchProgress) -> tuple[object, ...]:
    """What makes one who has seen the revision look again."""
    return progress.revision, progress.facts, progress.stranded, progress.ended


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class Hub:
    """Everybody who watches in this process. It belongs to the event loop of its streams."""

    def __init__(self) -> None:
        self.channels: dict[int, Channel] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="watching")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        return sum(len(channel.watchers) for channel in list(self.channels.values())) >= MOST_WATCHERS

    def has_enough(self, person: int | None) -> bool:
        """Whether this person, by their number, watches by as many streams as one may."""
        channels = list(self.channels.values())
        theirs = sum(watcher.person == person for channel in channels for watcher in list(channel.watchers))
        return person is not None and theirs >= MOST_OF_ONE

    async def stream(
        self, batch_id: int, since: int, allowed: Callable[[], bool], person: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """What happens to a batch after a revision, until it has ended, the server ends or `allowed` says no."""
        # The thread that let this one in is not needed any more, and its connection others shall have.
        await sync_to_async(connections.close_all)()
        if self._is_closed or self.has_enough(person):  # asked before, and others may have come in meanwhile
            return
        self._loop = asyncio.get_running_loop()
        channel = self.channels.get(batch_id)
        if channel is None:
            channel = self.channels[batch_id] = Channel(batch_id, self._threads)
        watcher = Watcher(since, allowed, asyncio.current_task(), person)
        channel.join(watcher)
        events: bytes | None = RETRY
        try:
            while events is not None:
                watcher.sending_since = time.monotonic()
                yield events
                watcher.sending_since = None
                events = await channel.next(watcher)
        finally:
            channel.leave(watcher)
            if not channel.watchers and self.channels.get(batch_id) is channel:
                del self.channels[batch_id]

    def close(self) -> None:
        """End all streams, and begin none."""
        self._is_closed = True
        for channel in self.channels.values():
            channel.close()

    def close_on_signals(self) -> None:
        """Before the server ends: it waits for what is open, and tells nobody that it waits."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)
            if callable(before):  # else the process ends at once, and its streams with it
                signal.signal(number, self._closing_before(before))

    def _closing_before(self, before: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], Any]:
        def end(number: int, frame: FrameType | None) -> Any:
            if self._loop and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self.close)
            return before(number, frame)

        return end


hub = Hub()

"""Workers in simulated time: hours of their work in seconds, and each of them frozen at any instant.

Each worker runs Galley's own loop in a greenlet, and gives way whenever it sleeps, waits for an answer or has nothing
to do. One that is frozen is not let on until its time has come; the others go on meanwhile. It freezes where it gives
way, or before a write, a transaction or a file; within a transaction nobody gives way.
"""

from __future__ import annotations

import heapq
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self
from unittest import mock

from django.db import connection
from django.db.transaction import Atomic
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.brokers import get_broker, orm
from greenlet import GreenletExit, greenlet

from articles.models import Article
from articles.pipeline import sweep, transitions, worker_health
from articles.processes import this_machine
from backups.storage.django_folder import LocalStorage
from config.supervision import machines
from config.supervision.worker import LOOK_SECONDS, SCHEDULE_SECONDS, Tasks

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WRITE = re.compile(r"(INSERT|UPDATE|DELETE)\b")


class _Moment(type):
    """The type of a clock that stands for `datetime`: what the others of that name are, stays so."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


@dataclass(eq=False)
class Worker:
    """`fuse`: before how many more writes it freezes, for `frost` seconds; 0: before none."""

    greenlet: greenlet
    fuse: int = 0
    frost: float = 0.0
    frozen_until: float = 0.0
    is_idle: bool = False


class Simulation:
    """`now` is in seconds since it began."""

    def __init__(self, workers: int) -> None:
        self.now = 0.0
        self.workers = [Worker(greenlet(self._work)) for _ in range(workers)]
        self.is_over = False
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._current: Worker | None = None
        self.written = 0  # how many writes there were
        self._seen = -1  # of them, by whoever was idle and found nothing to do
        self._look_at = 0.0

    @property
    def has_an_idle_worker(self) -> bool:
        return any(worker.is_idle for worker in self.awake)

    def at_first(self, deed: Callable[[], object]) -> None:
        self._at(self.now, deed)

    def every(self, seconds: float, deed: Callable[[], object]) -> None:
        """Do it then and again, between two steps of the workers."""

        def again() -> None:
            self._at(self.now + seconds, again)
            deed()

        self._at(self.now + seconds, again)

    def freeze(self, worker: Worker, seconds: float, *, fuse: int = 0) -> None:
        """Where it is, or before its next write but so many."""
        worker.fuse, worker.frost = fuse, seconds
        if not fuse:
            worker.frozen_until = self.now + seconds
            self._seen = -1  # it may have been the one that looked

    @property
    def awake(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.frozen_until <= self.now]

    def run(self) -> None:
        """Until somebody says that it is over."""
        with self._patched():
            for worker in self.workers:
                self._at(self.now, partial(self._let_on, worker))
            while not self.is_over:
                at, _, deed = heapq.heappop(self._agenda)
                self.now = max(self.now, at)
                deed()

    def sleep(self, seconds: float) -> None:
        """The worker that is at it gives way for so long."""
        assert self._current, "only workers sleep"
        assert not connection.in_atomic_block, "somebody sleeps within a transaction"
        self._at(self.now + max(seconds, 0), partial(self._let_on, self._current))
        hub = self._current.greenlet.parent
        assert hub
        hub.switch()

    def _at(self, moment: float, deed: Callable[[], object]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), deed))

    def _let_on(self, worker: Worker) -> None:
        if worker.frozen_until > self.now:
            self._at(worker.frozen_until, partial(self._let_on, worker))
            return
        self._current = worker
        worker.greenlet.switch()
        self._current = None

    # What a worker does

    def _work(self) -> None:
        broker = get_broker()
        tasks = Tasks(broker)
        while isinstance(task := tasks.get(), dict):
            import_string(task["func"])(*task["args"], **task["kwargs"])
            if receipt := task.get("ack_id"):
                broker.acknowledge(receipt)

    def _idle(self) -> None:
        """Between two looks of one that has nothing to do. While nothing is new or due, one has looked for all."""
        worker = self._current
        assert worker
        worker.is_idle = True
        self.sleep(LOOK_SECONDS)
        while self._seen == self.written and self.now < self._look_at:
            self.sleep(LOOK_SECONDS)
        worker.is_idle, self._seen, self._look_at = False, self.written, self._next_due()

    def _next_due(self) -> float:
        """When the next wait or lease ends, or it is time to look at the schedules."""
        moving = Article.objects.filter(status__in=["waiting", "running"]).order_by()
        moments = itertools.chain.from_iterable(moving.values_list("next_at", "lease_until"))
        seconds = ((moment - START).total_seconds() for moment in moments if moment)
        return min([self.now + SCHEDULE_SECONDS, *(moment for moment in seconds if moment > self.now - LOOK_SECONDS)])

    def _instant(self) -> None:
        """Here a worker may freeze."""
        worker = self._current
        if worker and worker.fuse and not connection.in_atomic_block:
            worker.fuse -= 1
            if not worker.fuse:
                self.freeze(worker, worker.frost)
                self.sleep(0)

    # What is simulated

    @contextmanager
    def _patched(self) -> Iterator[Self]:
        """The clock, sleep, the names of the workers, and the instants before all that they write."""
        with ExitStack() as patches:
            for target, name, double in self._doubles():
                patches.enter_context(mock.patch.object(target, name, double))
            patches.enter_context(connection.execute_wrapper(self._statement))
            try:
                yield self
            finally:
                self._current = None
                for worker in self.workers:
                    worker.greenlet.throw(GreenletExit)

    def _doubles(self) -> Iterator[tuple[Any, str, Any]]:
        yield time, "sleep", self.sleep
        yield os, "fsync", lambda _: None
        yield time, "monotonic", lambda: self.now
        yield (
            timezone,
            "datetime",
            _Moment("datetime", (), {"now": lambda **_: START + timedelta(seconds=self.now)}),
        )
        yield orm, "sleep", lambda _: self._idle()
        for module in (transitions, sweep, worker_health):
            yield module, "this_process", self._name
        yield sweep, "is_alive", lambda _: True
        yield machines, "note", lambda: None  # which decides nothing, and is written often
        yield Atomic, "__enter__", self._with_an_instant(Atomic.__enter__)
        yield LocalStorage, "_save", self._with_an_instant(LocalStorage._save)

    def _with_an_instant(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def after_it(*given: Any) -> Any:
            self._instant()
            return original(*given)

        return after_it

    def _name(self) -> str:
        number = self.workers.index(self._current) if self._current else -1
        return f"{this_machine()}|{number}|1"

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if WRITE.match(sql):
            self.written += 1
            self._instant()
        return execute(sql, params, many, context)

"""A worker: one process that takes one task after the other, a message of the queue or an article by its row.

The tasks are run by the library's own worker. Around that the library puts a pool: processes that fetch messages before
anybody is free for them, and share queues whose lock a killed one takes to the grave (django-q2#23). Here the process
that runs a task has fetched it itself, and shares nothing.
"""

from __future__ import annotations

import time
import uuid
from contextlib import nullcontext
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_q.brokers import Broker, get_broker
from django_q.conf import Conf
from django_q.monitor import monitor
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage
from django_q.worker import worker

from articles.pipeline import dispatch, worker_health
from articles.pipeline.sweep import put_down, take_up
from articles.processes import cut_computing_short, is_asked_to_stop, stop_when_asked
from audit.acting import THE_DESK, become
from config.supervision import machines
from config.supervision.supervisor import Program
from publishing.browser.opening import sweep_up
from recovery.mail import outbox

Task = dict[str, Any]  # as the library has it

STOP = "STOP"  # the library's word for the last of the tasks
LOOK_SECONDS = 1  # between two looks of an idle worker at the rows
SCHEDULE_SECONDS = 30  # between two looks at the schedules
KEPT = 60  # seconds, for which a worker keeps its connection to PostgreSQL

log = structlog.get_logger("galley.worker")


def workers() -> list[Program]:
    """The workers of this machine, for a supervisor."""
    return [("worker", work)] * settings.GALLEY_WORKERS


def work() -> None:
    """Until this process is asked to stop, has run as many tasks as one process may, or a task had no end."""
    become(THE_DESK)
    stop_when_asked()
    cut_computing_short()
    keep_connection(connection.settings_dict)
    broker = get_broker()
    timer = SimpleNamespace(value=-1, get_lock=nullcontext)  # by which a pool would watch this process
    worker(Tasks(broker), Results(broker), timer, Conf.TIMEOUT)


def keep_connection(database: dict[str, Any]) -> None:
    """The library lets go of it with each look at a queue in the database: an idle worker would connect five times a
    second. What a pool keeps is let go of as before.
    """
    if database["ENGINE"].endswith("postgresql") and "pool" not in database["OPTIONS"]:
        database["CONN_MAX_AGE"] = KEPT


class Tasks:
    """What a worker does next: the place of the library's queue of tasks."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._look_at = self._schedule_at = 0.0

    def get(self) -> Task | str:
        """The next task, as soon as there is one; STOP when this process is asked to stop."""
        self._look_at = 0
        while not is_asked_to_stop():
            worker_health.is_idle()
            try:
                if task := self._next():
                    worker_health.begins_a_task(task.get("timeout") or settings.TASK_SECONDS)
                    return task
            except Exception:
                log.warning("the database gives no task; it is asked again", exc_info=True)
                connection.close()
                time.sleep(LOOK_SECONDS)
        return STOP

    def _next(self) -> Task | None:
        """A message comes first: it may name what no row does."""
        now = time.monotonic()
        if now < self._look_at:
            return self._message()
        self._look_at = now + LOOK_SECONDS
        put_down()
        if now >= self._schedule_at:
            self._schedule_at = now + SCHEDULE_SECONDS
            machines.note()
            sweep_up()
            scheduler(self._broker)
            if outbox.is_due():
                return _called("recovery.tasks.send_mail", "mail about what stopped")
        if message := self._message():
            return message
        take_up()
        return _article()

    def _message(self) -> Task | None:
        try:
            for receipt, packed in self._broker.dequeue() or ():
                return self._unpacked(packed, receipt)
        except Exception:
            log.warning("the queue gives no message; it is asked again", exc_info=True)
            time.sleep(LOOK_SECONDS)
        return None

    def _unpacked(self, packed: str, receipt: Any) -> Task | None:
        try:
            task: Task = SignedPackage.loads(packed)
        except Exception:  # signed with another key, or about what is not there any more
            log.warning("a message cannot be read; it is thrown away", exc_info=True)
            self._broker.fail(receipt)
            return None
        return task | {"cluster": Conf.CLUSTER_NAME, "ack_id": receipt}


class Results:
    """Where a worker puts what it has done: the place of the library's queue of results."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def put(self, task: Task) -> None:
        """Keep a failure, and tell the queue that the message is done with."""
        done: SimpleQueue[Task | str] = SimpleQueue()
        done.put(task)
        done.put(STOP)
        try:
            monitor(done, self._broker)
        except Exception:
            log.warning("the queue was not told that a task is done; it may give it again", exc_info=True)


def _article() -> Task | None:
    """The row is the truth: whoever is idle needs no message to take what is queued."""
    article = dispatch.longest_queued()
    if article is None:
        return None
    return _called("articles.tasks.run", f"article {article}", article)


def _called(function: str, name: str, *arguments: int) -> Task:
    called = {"func": function, "args": arguments, "kwargs": {}, "name": name}
    return called | {"id": uuid.uuid4().hex, "started": timezone.now()}

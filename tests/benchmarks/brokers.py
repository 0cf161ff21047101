"""Where the brokers of the queue's library end: how quickly messages are taken, and how many looks are in vain.

Takers are processes that do nothing else. A worker takes a message for each article, which is minutes of work.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connections
from django_q.brokers import Broker
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.models import OrmQ

from backups.database.connections import connected
from config.supervision.worker import KEPT
from tests.benchmarks.limits import say
from tests.services import postgres, redis

TAKERS = (1, 4, 16)
MESSAGES = 200
QUEUE = "bench"
FORK = multiprocessing.get_context("fork")


def main(messages: int = MESSAGES) -> None:
    Conf.POLL = 0.2  # seconds, as in the settings
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        with postgres.postgres(Path(folder)) as url, connected(url) as alias:
            with connections[alias].schema_editor() as editor:
                editor.create_model(OrmQ)
            Conf.ORM = alias
            for name, seconds in (("PostgreSQL, connecting for each look", 0), ("PostgreSQL", KEPT)):
                connections.databases[alias]["CONN_MAX_AGE"] = seconds
                connections[alias].close()
                del connections[alias]
                _at_all_sizes(name, lambda: ORM(QUEUE), messages)
        with redis.redis(Path(folder)) as url:
            Conf.REDIS = url
            _at_all_sizes("Redis", lambda: Redis(QUEUE), messages)


def _at_all_sizes(name: str, broker: Callable[[], Broker], messages: int) -> None:
    for takers in TAKERS:
        mine = broker()
        for number in range(messages):
            mine.enqueue(f"message {number}")
        connections.close_all()
        seconds, looks = _taken(broker, takers, messages)
        lost = 1 - messages / looks
        say(f"{name}, {takers:2} takers: {messages / seconds:6.0f} messages a second, {lost:4.0%} of looks in vain")


def _taken(broker: Callable[[], Broker], takers: int, messages: int) -> tuple[float, int]:
    """Seconds until all are gone, and how many looks that took."""
    left, looks = FORK.Value("i", messages), FORK.Value("i", 0)
    ready, begin = FORK.Barrier(takers + 1), FORK.Event()
    processes = [FORK.Process(target=_take, args=(broker, left, looks, ready, begin)) for _ in range(takers)]
    for process in processes:
        process.start()
    ready.wait()
    began = time.monotonic()
    begin.set()
    while left.value > 0:
        time.sleep(0.005)
    seconds = time.monotonic() - began
    for process in processes:
        process.join()
    return seconds, looks.value


def _take(broker: Callable[[], Broker], left: Any, looks: Any, ready: Any, begin: Any) -> None:
    mine = broker()
    mine.queue_size()  # it is connected
    ready.wait()
    begin.wait()
    while left.value > 0:
        taken = mine.dequeue() or []
        with looks.get_lock():
            looks.value += 1
        for receipt, _ in taken:
            mine.acknowledge(receipt)
            with left.get_lock():
                left.value -= 1
    connections.close_all()

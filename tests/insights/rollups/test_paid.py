"""Sums of costs: whatever becomes of records, and whoever does it, a day counts as they are."""

from __future__ import annotations

import os
import signal
import threading
from datetime import date
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext

from articles.models import CostRecord
from insights.costs import Range, usage
from insights.models import CostMark, CostSum
from insights.rollups import marks, paid
from tests.backups.database.forked import process
from tests.backups.test_partitions import record

DAY, OTHER = date(2026, 3, 29), date(2026, 4, 2)


def left(alias: str) -> list[date]:
    found = list(CostMark.objects.using(alias).order_by("day").values_list("day", flat=True))
    CostMark.objects.using(alias).all().delete()
    return found


def summed(alias: str) -> dict[date, Decimal]:
    sums = CostSum.objects.using(alias)
    return {each.day: each.cost for each in sums.order_by("day")}


def roll_up(alias: str) -> None:
    paid.roll_up(seconds=60, using=alias)


def test_whatever_becomes_of_a_record_leaves_a_mark(desk: str) -> None:
    assert left(desk) == [], "a new desk has nothing to sum"

    made = record(desk, DAY, cost="0.5")
    assert left(desk) == [DAY]
    CostRecord.objects.using(desk).filter(pk=made.pk).update(cost=1)
    assert left(desk) == [DAY]
    made.delete(using=desk)
    assert left(desk) == [DAY]
    with transaction.atomic(using=desk):
        record(desk, DAY, cost="0.5")
        transaction.set_rollback(True, using=desk)
    assert left(desk) == [], "what is taken back is no change"


def test_days_of_before_are_marked_with_the_first_triggers(desk: str) -> None:
    MigrationExecutor(connections[desk]).migrate([("insights", "0001_metrics")])
    for number, day in enumerate((DAY, DAY, OTHER), 1):
        record(desk, day, number, cost="0.5")
    MigrationExecutor(connections[desk]).migrate([("insights", "0002_sums_of_costs")])

    marks.hang_up(desk)
    assert left(desk) == [DAY, OTHER]
    marks.hang_up(desk)
    assert left(desk) == [], "they are there"


def test_a_job_that_is_killed_between_marks_and_sums_has_done_nothing(desk: str) -> None:
    record(desk, DAY, cost="0.5")
    roll_up(desk)
    record(desk, DAY, 2, cost="0.25")

    def die(*_: object) -> None:
        assert not CostMark.objects.using(desk).exists(), "the marks are gone by then"
        os.kill(os.getpid(), signal.SIGKILL)

    def deed() -> None:
        with mock.patch.object(paid, "_sums_of", die):
            roll_up(desk)

    connections[desk].close()  # none may be open when a process is forked
    with process(deed) as job:
        job.has_died()

    assert summed(desk) == {DAY: Decimal("0.5")}
    assert CostMark.objects.using(desk).exists()
    roll_up(desk)
    assert summed(desk) == {DAY: Decimal("0.75")}


def test_jobs_that_run_at_once_and_a_writer_beside_them_lose_nothing(desk: str) -> None:
    failures: list[BaseException] = []
    record(desk, DAY, cost=1)

    def told(deed: Any) -> None:
        try:
            for number in range(2, 8):
                deed(number)
        except BaseException as exc:
            failures.append(exc)
        finally:
            connections[desk].close()

    deeds = [lambda _: roll_up(desk), lambda _: roll_up(desk), lambda number: record(desk, DAY, number, cost=1)]
    threads = [threading.Thread(target=told, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roll_up(desk)

    assert failures == []
    assert summed(desk) == {DAY: Decimal(7)}, "no day is summed twice"
    assert not CostMark.objects.using(desk).exists()


@pytest.mark.django_db
def test_records_are_read_of_marked_days_alone(chief: User) -> None:
    what = {"article": "a", "key": "text", "stage": "article", "provider": "text", "cost": 1}
    for day in (DAY, OTHER):
        CostRecord.objects.create(**what, day=day)
    roll_up("default")

    def told() -> tuple[Decimal, list[str]]:
        with CaptureQueriesContext(connection) as queries:
            cost = usage(chief, Range.ALL, OTHER).paid.cost.known
        return cost, [query["sql"] for query in queries if "articles_costrecord" in query["sql"]]

    assert told() == (Decimal(2), [])
    CostRecord.objects.create(**what, day=OTHER)
    cost, read = told()
    assert cost == 3
    assert read
    assert all("2026-04-02" in each and "2026-03-29" not in each for each in read)

"""Marks on SQLite and on PostgreSQL: left by whatever changes a row, and lost to no job that dies or runs twice."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.db import connections, transaction
from django.db.migrations.executor import MigrationExecutor

from articles.models import Article, Call
from insights.models import Mark, ProviderMetric
from insights.rollups import days, marks
from publishing.models import PublishTask
from tests.backups import desks
from tests.backups.database.forked import process

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=2)


def publication(alias: str, **fields: object) -> PublishTask:
    article = Article.objects.using(alias).order_by("pk")[0]
    what = {"article": article, "publisher": "rest", "status": "completed", "created_at": NOON} | fields
    return PublishTask.objects.using(alias).create(**what)


def left(alias: str) -> list[datetime | None]:
    found = list(Mark.objects.using(alias).order_by("pk").values_list("at", flat=True))
    Mark.objects.using(alias).all().delete()
    return found


def summed(alias: str) -> dict[str, int]:
    rows = ProviderMetric.objects.using(alias).filter(kind="publisher").order_by("day")
    assert len({row.day for row in rows}) == len(rows), "no day is summed twice"
    return {row.day.isoformat(): row.number for row in rows}


def test_whatever_becomes_of_a_row_leaves_a_mark(desk: str) -> None:
    assert left(desk) == [None], "a new desk is summed as a whole"
    desks.fill(desk, 1)
    left(desk)

    task = publication(desk)
    assert left(desk) == [NOON]
    PublishTask.objects.using(desk).filter(pk=task.pk).update(cost=1)
    assert left(desk) == [NOON]
    PublishTask.objects.using(desk).filter(pk=task.pk).update(created_at=LATER)
    assert sorted(filter(None, left(desk))) == [NOON, LATER], "both days have changed"
    task.article.delete()
    assert LATER in left(desk)


def test_what_was_never_sent_belongs_to_no_day(desk: str) -> None:
    desks.fill(desk, 1)
    article = Article.objects.using(desk).get()
    article.calls.all().delete()
    left(desk)

    call = Call.objects.using(desk).create(article=article, key="text", provider="text", generation=9)
    assert left(desk) == []
    Call.objects.using(desk).filter(pk=call.pk).update(sent_at=NOON)
    assert left(desk) == [NOON]


def test_a_change_that_is_taken_back_leaves_none(desk: str) -> None:
    desks.fill(desk, 1)
    left(desk)
    with transaction.atomic(using=desk):
        publication(desk)
        transaction.set_rollback(True, using=desk)
    assert left(desk) == []


def test_triggers_that_are_gone_come_back_and_all_is_summed_anew(desk: str) -> None:
    left(desk)
    marks.hang_up(desk)
    assert left(desk) == [], "they are there"

    marks.take_down(connections[desk])
    desks.fill(desk, 1)
    publication(desk)
    assert left(desk) == []
    marks.hang_up(desk)

    assert left(desk) == [None]
    publication(desk)
    assert left(desk) == [NOON]


def test_the_migration_takes_them_along_when_it_goes(desk: str) -> None:
    MigrationExecutor(connections[desk]).migrate([("insights", None)])
    desks.fill(desk, 1)  # which the triggers would refuse without their table
    MigrationExecutor(connections[desk]).migrate([("insights", "0001_metrics")])
    marks.hang_up(desk)
    assert left(desk) == [None]


def test_a_job_that_is_killed_between_marks_and_sums_has_done_nothing(desk: str) -> None:
    desks.fill(desk, 1)
    publication(desk)
    days.roll_up(using=desk)
    before = summed(desk)
    publication(desk)

    def die(*_: object) -> None:
        assert not Mark.objects.using(desk).filter(at=NOON).exists(), "the marks are gone by then"
        os.kill(os.getpid(), signal.SIGKILL)

    def deed() -> None:
        with mock.patch.object(days, "sums_of", die):
            days.roll_up(using=desk)

    connections[desk].close()  # none may be open when a process is forked
    with process(deed) as job:
        job.has_died()

    assert summed(desk) == before
    assert Mark.objects.using(desk).filter(at=NOON).exists()
    days.roll_up(using=desk)
    assert summed(desk)["2026-03-29"] == 2


def test_jobs_that_run_at_once_and_a_writer_beside_them_lose_nothing(desk: str) -> None:
    desks.fill(desk, 1)
    failures: list[BaseException] = []

    def told(deed: object, *args: object) -> None:
        try:
            for _ in range(6):
                deed(*args)  # type: ignore[operator]
        except BaseException as exc:
            failures.append(exc)
        finally:
            connections[desk].close()

    threads = [threading.Thread(target=told, args=(lambda: days.roll_up(using=desk),)) for _ in range(3)]
    threads += [threading.Thread(target=told, args=(publication, desk)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    days.roll_up(using=desk)

    assert failures == []
    assert summed(desk)["2026-03-29"] == 12
    assert not Mark.objects.using(desk).exists()


@pytest.mark.parametrize("table", marks.SUMMED)
def test_a_table_that_is_summed_is_there(table: str, sqlite_copies: desks.Copies) -> None:
    with sqlite_copies.desk() as alias:
        assert marks._is_there(table, connections[alias])

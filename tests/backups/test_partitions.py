"""Tables of months on PostgreSQL: one table for Django and for backups, whichever day a row is of."""

from __future__ import annotations

from datetime import date
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, connections, transaction

from articles.models import Article, Call, CostRecord
from backups import partitions
from backups.database import backup
from backups.repository.repository import Repository
from tests.backups import desks
from tests.backups.database.test_restore import restore
from tests.backups.desks import Copies

TABLE = CostRecord._meta.db_table
MIGRATION = import_module("articles.migrations.0020_cost_records")


def record(alias: str, day: date, number: int = 1, **fields: Any) -> CostRecord:
    partitions.make_room(TABLE, [day], alias)
    what: dict[str, Any] = {
        "at": desks.START,
        "article": "a" * 32,
        "key": "text",
        "stage": "article",
        "provider": "text",
    }
    return CostRecord.objects.using(alias).create(**what | fields, day=day, number=number)


def names(alias: str) -> list[str]:
    return partitions._partitions(TABLE, connections[alias])


def test_a_clock_that_jumps_finds_its_partition(desk: str) -> None:
    days = [date(1999, 12, 31), date(2026, 2, 28), date(2026, 3, 1), date(2044, 2, 29), date(2044, 12, 1)]
    with transaction.atomic(using=desk):  # also when one transaction comes to several months
        for number, day in enumerate(days, 1):
            record(desk, day, number)

    found = CostRecord.objects.using(desk).order_by("day")
    assert [each.day for each in found] == days
    assert len({each.pk for each in found}) == len(days)
    if connections[desk].vendor == "postgresql":
        assert {f"{TABLE}_{day:%Y_%m}" for day in days} <= set(names(desk))


def test_without_room_a_row_is_refused_and_not_lost_in_silence(postgres_copies: Copies) -> None:
    with postgres_copies.desk() as desk, pytest.raises(IntegrityError), transaction.atomic(using=desk):
        CostRecord.objects.using(desk).create(day=date(1999, 1, 1), article="a", key="text", stage="article")


def test_months_that_are_over_are_dropped_and_no_others(postgres_copies: Copies) -> None:
    with postgres_copies.desk() as desk:
        for number, month in enumerate((1, 2, 3), 1):
            record(desk, date(2024, month, 28), number)

        assert partitions.drop_before(TABLE, date(2024, 3, 15), desk) == [f"{TABLE}_2024_01", f"{TABLE}_2024_02"]
        assert [each.day for each in CostRecord.objects.using(desk)] == [date(2024, 3, 28)]
        assert partitions.drop_before(TABLE, date(2024, 3, 31), desk) == []


def test_django_changes_and_deletes_rows_by_their_id(desk: str) -> None:
    kept, gone = record(desk, date(2026, 1, 5)), record(desk, date(2026, 2, 5), 2)

    CostRecord.objects.using(desk).filter(pk=kept.pk).update(model="m")
    gone.delete()

    [left] = CostRecord.objects.using(desk)
    assert (left.pk, left.model) == (kept.pk, "m")


def test_a_backup_comes_back_into_months_that_nobody_has_made(desk: str, store: Repository, copies: Copies) -> None:
    desks.fill(desk, 2)
    for number, day in enumerate([date(2019, 5, 5), date(2020, 6, 6), date(2024, 2, 29)], 1):
        record(desk, day, number, cost="0.5")
    backup.backup(store, desk)
    before = desks.rows(desk)

    with copies.desk() as now:
        restore(store, now)
        assert desks.rows(now) == before
        new = record(now, date(2024, 2, 29), 9)
        assert new.pk > max(row["id"] for row in before["articles.CostRecord"])

    record(desk, date(2020, 6, 7), 4)
    assert backup.pending(store, desk) == {"articles.CostRecord": 1}


def test_calls_of_before_have_a_record_each(desk: str) -> None:
    """By the step of the migration that fills the table; that it comes in its order, each migrated database shows."""
    owner = User.objects.using(desk).create(username="ada")
    article = Article.objects.using(desk).create(owner=owner, uid="b" * 32, tree_prefix="t", idea="i")
    calls = Call.objects.using(desk)
    made: dict[str, dict[str, Any]] = {
        "text": {"state": "done", "answer": {}, "cost": "0.02", "input_tokens": 7, "received_at": desks.START},
        "image:hero": {"state": "closed", "reserved": "0.03"},
        "format": {"state": "intent", "reserved": "0.03"},  # in flight: its answer will have its own
        "media:hero": {"state": "done", "answer": {}},
    }
    for key, fields in made.items():
        calls.create(article=article, key=key, provider="P", created_at=desks.START, **fields)

    with connections[desk].schema_editor() as editor:
        MIGRATION.fill(apps, editor)

    found = CostRecord.objects.using(desk).order_by("key").values_list("key", "stage", "cost", "unknown", "day")
    day = desks.START.date()
    assert [(key, stage, float(cost), *rest) for key, stage, cost, *rest in found] == [
        ("image:hero", "images", 0, 1, day),
        ("text", "article", 0.02, 0, day),
    ]

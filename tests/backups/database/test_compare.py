"""What a comparison costs grows with the rows that it is about, and not with their square."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.backends.utils import CursorWrapper

from articles.models import Article, Event
from backups.database import backup, restore, undo
from backups.database.comparison.restore_policy import OVERWRITE
from backups.database.comparison.touched import TouchedRows
from backups.repository.manifests import Generation
from backups.repository.repository import Repository
from tests.backups import desks
from tests.backups.desks import Copies

FEW, MANY = 1000, 4000  # events of one article


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many rows are fetched from any database by way of Django, batch by batch."""
    fetched: list[int] = []

    def fetchmany(cursor: CursorWrapper, size: int) -> list[Any]:
        rows = cursor.cursor.fetchmany(size)
        fetched.append(len(rows))
        return list(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "fetchmany", fetchmany, raising=False)
        yield fetched


def _events(alias: str, number: int) -> None:
    """Of one article, of which some have each key column in common."""
    article = Article.objects.using(alias).get()
    Event.objects.using(alias).bulk_create(
        Event(article=article, at=desks.START + timedelta(seconds=n // 2), kind="saved", message=f"file {n % 7}")
        for n in range(number)
    )


def _renumber(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE articles_event SET id = id + 100000")


def rows_read(store: Repository, alias: str, *, renumbered: bool) -> tuple[int, int]:
    """By a restore of events that have all changed, and by its undo; both only planned."""
    backup.backup(store, alias, full=True)
    if renumbered:
        _renumber(alias)
    Event.objects.using(alias).update(detail="since")
    touched: list[TouchedRows] = []

    def note(_: Generation | None, rows: Iterator[TouchedRows]) -> None:
        touched.extend(rows)

    with counted() as by_restore, restore.planned(store, restore.choose(store), alias, mode=OVERWRITE) as plan:
        read = sum(by_restore)
        assert plan.total["change"] == Event.objects.using(alias).count()
        safety = restore.restore(store, plan, note=note)
    assert safety
    with counted() as by_undo, undo.planned(store, safety, touched, alias) as plan:
        assert plan.total["change"] == Event.objects.using(alias).count()
        return read, sum(by_undo)


@pytest.mark.dealt(4)
@pytest.mark.parametrize("renumbered", [False, True], ids=["under their numbers", "under other numbers"])
def test_many_rows_of_one_article_are_read_a_few_times_each(
    copies: Copies, store: Repository, renumbered: bool
) -> None:
    """In both directions; the rows have an article, times, kinds and messages in common."""
    read = []
    for number in (FEW, MANY):
        with copies.desk() as desk:
            desks.fill(desk, 1)
            _events(desk, number)
            read.append(rows_read(store, desk, renumbered=renumbered))

    for few, many in zip(*read, strict=True):
        assert FEW < few < 6 * FEW
        assert MANY < many < 1.2 * MANY / FEW * few

"""Writers that never rest: each backup is of one instant, and when they end the next one holds what they have left."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from pytest_django import DjangoDbBlocker

from articles.models import Article, Event
from backups.database import backup, restore, snapshot, sqlite
from backups.database.snapshot import RowPage
from backups.database.tables import Table
from backups.repository.repository import Repository
from tests.backups import desks
from tests.backups.database.test_backup import contents
from tests.backups.desks import Copies
from tests.services.process import wait_until

ARTICLES, WORDS, ROWS = 1100, 1000, 400
PATIENCE = 60


class Writers:
    """Threads that change the desk in ways that a row by itself does not show, and count what they have committed."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.pks = list(Article.objects.using(alias).order_by("pk").values_list("pk", flat=True))
        self.swept = {pk for pk in self.pks if pk % 10 == 0}  # which the others leave alone: they would wait for it
        self.stopping, self.committed = threading.Event(), [0, 0, 0]
        self.failures: list[BaseException] = []

    def _any(self, chance: random.Random, first: int, last: int) -> int:
        return chance.choice([pk for pk in self.pks[first:last] if pk not in self.swept])

    def move_words(self, chance: random.Random) -> None:
        """From one article to another far away; the first article counts how often, and each time is an event."""
        one, other = self._any(chance, 1, 400), self._any(chance, 700, ARTICLES)
        for pk, words in ((one, 1), (other, -1)):
            article = Article.objects.using(self.alias).get(pk=pk)
            Article.objects.using(self.alias).filter(pk=pk).update(word_count=article.word_count + words)
        first = Article.objects.using(self.alias).get(pk=self.pks[0])
        Article.objects.using(self.alias).filter(pk=first.pk).update(attempt=first.attempt + 1)
        Event.objects.using(self.alias).create(article=first, kind="moved", message="m")

    def sweep(self, chance: random.Random) -> None:
        """Many rows by one statement of SQL."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute("UPDATE articles_article SET html = %s WHERE id %% 10 = 0", [str(chance.random())])

    def replace(self, chance: random.Random) -> None:
        """An article is deleted, and another one made under its number, handed in long ago."""
        old = Article.objects.using(self.alias).get(pk=self._any(chance, 400, 700))
        Event.objects.using(self.alias).filter(article=old).delete()
        words, uid = old.word_count, uuid4().hex
        Article.objects.using(self.alias).filter(pk=old.pk).delete()
        long_ago = datetime(2001, 1, 1, tzinfo=UTC)
        new = Article(pk=old.pk, uid=uid, owner=old.owner, tree_prefix=uid, idea="i", word_count=words)
        new.created_at = long_ago
        new.save(using=self.alias, force_insert=True)
        Event.objects.using(self.alias).create(article=new, at=long_ago, kind="made", message=uid)

    def _run(self, n: int, deed: Callable[[random.Random], None]) -> None:
        chance = random.Random(n)
        try:
            while not self.stopping.is_set():
                self.stopping.wait(
                    0.002 * (self.committed[n] - min(self.committed))
                )  # nobody runs away from the others
                with transaction.atomic(using=self.alias):
                    deed(chance)
                self.committed[n] += 1
        except BaseException as exc:
            self.failures.append(exc)
        finally:
            connections[self.alias].close()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        deeds = (self.move_words, self.sweep, self.replace)
        threads = [threading.Thread(target=self._run, args=each) for each in enumerate(deeds)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()
        assert self.failures == []

    def go_on(self) -> None:
        """Return when each of them has committed twice more."""
        enough = [done + 2 for done in self.committed]
        wait_until(lambda: self.failures or all(a >= b for a, b in zip(self.committed, enough, strict=True)), PATIENCE)


def assert_of_one_instant(found: dict[str, dict[int, dict[str, Any]]], writers: Writers) -> None:
    articles, events = found["articles.Article"], found["articles.Event"].values()
    assert sorted(articles) == writers.pks
    assert sum(row["word_count"] for row in articles.values()) == ARTICLES * WORDS
    assert articles[writers.pks[0]]["attempt"] == sum(row["kind"] == "moved" for row in events)
    assert len({row["html"] for pk, row in articles.items() if pk in writers.swept}) == 1
    made = {row["article_id"]: row["message"] for row in events if row["kind"] == "made"}
    assert made == {pk: articles[pk]["uid"] for pk in made}


@pytest.mark.parametrize("kind", ["sqlite", "large sqlite", "postgres"])
def test_while_others_write(
    kind: str,
    store: Repository,
    request: pytest.FixtureRequest,
    django_db_blocker: DjangoDbBlocker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full backup and two of changes, each held up between two pages until every writer has committed some more."""
    copies: Copies = request.getfixturevalue(f"{kind.split()[-1]}_copies")
    if kind == "large sqlite":  # is read by two processes
        monkeypatch.setattr(sqlite, "LARGE_BYTES", 0)
        monkeypatch.setattr(sqlite, "SHARED_BLOCKS", 0)
    with django_db_blocker.unblock(), copies.desk() as desk:
        ada = User.objects.using(desk).create(username="ada")
        Article.objects.using(desk).bulk_create(
            Article(uid=f"{n:032x}", tree_prefix=f"{n}", owner=ada, idea="i", word_count=WORDS) for n in range(ARTICLES)
        )
        monkeypatch.setattr(snapshot, "PAGE_ROWS", ROWS)
        writers = Writers(desk)
        for reads in ("between", "rows"):
            monkeypatch.setattr(snapshot.Snapshot, reads, held_up(getattr(snapshot.Snapshot, reads), writers))
        with writers.at_work():
            made = []
            for _ in range(3):
                writers.go_on()
                made.append(backup.backup(store, desk).generation)
        monkeypatch.undo()

        assert [each.about["kind"] for each in made] == ["full", "changes", "changes"]
        assert made[0].counts["chunks"] > ARTICLES / ROWS
        for each in made:
            assert_of_one_instant(contents(store, each.id), writers)
        backup.backup(store, desk)
        with copies.desk() as empty, restore.planned(store, restore.choose(store), empty) as plan:
            restore.restore(store, plan)
            assert desks.rows(empty) == desks.rows(desk)


def held_up(real: Callable[..., RowPage], writers: Writers) -> Callable[..., RowPage]:
    def read(seen: snapshot.Snapshot, table: Table, *args: Any, **options: Any) -> RowPage:
        if table.label == "articles.Article":
            writers.go_on()
        return real(seen, table, *args, **options)

    return read

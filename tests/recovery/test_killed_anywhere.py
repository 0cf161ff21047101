"""Death at every single write of a run: before it and after it, in the database and in the storage.

The process dies where an exception that nobody catches is raised: open transactions are gone, everything committed
stays, as after kill -9. (tests/journeys kills real processes at a few moments; here is every moment.) A fresh worker
finishes. Asserted from outside: the services' own request logs and the hashes of the tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from articles import pipeline
from articles.models import Article, Call, Event
from articles.sweep import sweep
from backups.storage import LocalStorage
from tests.conftest import HandIn
from tests.doubles.server import Doubles

PAID = {("openai", "responses"), ("replicate", "create"), ("anthropic", "messages")}
CALLS = 7
PARTS = 6  # the moments are dealt out among so many tests, to run side by side


class Killed(BaseException):
    """Nobody catches it."""


class Reaper:
    """Counts the writes, and kills before (even moments) or after (odd ones) one of them."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.seen = 0

    def around(self, write: Callable[[], Any]) -> Any:
        self._strike()
        done = write()
        self._strike()
        return done

    def _strike(self) -> None:
        self.seen += 1
        if self.seen - 1 == self.moment:
            raise Killed

    def in_database(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            return self.around(lambda: execute(sql, params, many, context))
        return execute(sql, params, many, context)


@contextmanager
def _dying(reaper: Reaper, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    save = LocalStorage.save
    with monkeypatch.context() as patched, connection.execute_wrapper(reaper.in_database):
        patched.setattr(LocalStorage, "save", lambda *args, **kwargs: reaper.around(lambda: save(*args, **kwargs)))
        yield


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.001,))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_dies_when(part: int, hand_in: HandIn, services: Doubles, monkeypatch: pytest.MonkeyPatch) -> None:
    moment, last = part, False
    while not last:
        services.reset()
        article = hand_in(idea="the slow return of night trains")
        reaper = Reaper(moment)
        try:
            with _dying(reaper, monkeypatch):
                pipeline.run_article(article.pk)
            last = True
        except Killed:
            Article.objects.filter(status="running").update(lease_until=timezone.now())
            sweep()
            pipeline.run_article(article.pk)
        _check(article, services, moment)
        moment += PARTS
    assert moment > 150, "a run has that many moments, or the reaper saw nothing"


def _check(article: Article, services: Doubles, moment: int) -> None:
    article.refresh_from_db()
    at = f"at moment {moment}"
    assert article.status == Article.Status.DONE, (at, article.error)
    paid = Counter((r.provider, r.operation) for r in services.requests() if (r.provider, r.operation) in PAID)
    lost = sum(article.calls.values_list("lost_answers", flat=True))
    assert paid.total() <= CALLS + lost, (at, paid)
    assert lost <= 1, at
    assert Event.objects.filter(article=article, kind="repeated").count() == lost, at
    assert set(article.calls.values_list("state", flat=True)) == {Call.State.DONE}, at
    assert len(article.tree.files()) == 12, at
    assert article.tree.verify() == [], at
    steps = article.tree.manifest()["pipeline_stages"].values()
    assert {step["status"] for step in steps} == {"completed"}, at
    assert not article.attempts.filter(ended_at=None).exists(), at
    assert article.events.filter(kind="done").count() == 1, at

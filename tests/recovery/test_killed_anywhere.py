"""Death at every single write of a run: before it and after it, in the database and in the storage.

The process dies where an exception that nobody catches is raised: open transactions are gone, everything committed
stays, as after kill -9. (tests/journeys kills real processes at a few moments; here is every moment.) A fresh worker
finishes. Asserted from outside: the services' own request logs and the hashes of the tree.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from articles.batches import start
from articles.models import Article, Batch, Call, Event, Section
from articles.pipeline import worker
from articles.pipeline.sweep import sweep
from backups.storage.django_folder import LocalStorage
from tests.conftest import HandIn
from tests.doubles.server import Doubles

pytestmark = pytest.mark.dealt_whole(3)

PAID = {("openai", "responses"), ("replicate", "create"), ("anthropic", "messages")}
PARTS = 3  # the moments are dealt out among so many tests, to run side by side
EVERYWHERE = bool(os.environ.get("GALLEY_EVERY_MOMENT"))
DAY = int(os.environ.get("GALLEY_SEED") or time.strftime("%j"))  # half of the moments rest until another day


@dataclass(frozen=True)
class Kind:
    """What is written: so many paid calls, so many files."""

    make: Callable[[HandIn, User], Article]
    calls: int
    files: int


def _on_its_own(hand_in: HandIn, _: User) -> Article:
    return hand_in(idea="the slow return of night trains")


def _of_a_batch(_: HandIn, editor: User) -> Article:
    name = f"Batch {Batch.objects.count()}"
    batch = Batch.objects.create(
        owner=editor,
        name=name,
        key=name,
        brief="The {section} in the style {style}",
        styles="Bauhaus",
        sections="Kitchen\nBath",
        images_per_section=1,
    )
    start.start_batch(batch, editor)
    return batch.articles.get()


KINDS = {"its own": Kind(_on_its_own, calls=7, files=12), "batch": Kind(_of_a_batch, calls=6, files=13)}


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


@pytest.mark.dealt(3)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_whatever_dies_when(
    kind: Kind, part: int, hand_in: HandIn, editor: User, services: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.configure(image_width=512)
    for moment in _dealt(part):
        services.forget()
        article = kind.make(hand_in, editor)
        reaper = Reaper(moment)
        try:
            with _dying(reaper, monkeypatch):
                worker.run_article(article.pk)
        except Killed:
            Article.objects.filter(status="running").update(lease_until=timezone.now())
            sweep()
            worker.run_article(article.pk)
            _check(article, kind, services, moment)
        else:
            break
    _check(article, kind, services, moment)
    assert moment > 150, "a run has that many moments, or the reaper saw nothing"


def _dealt(part: int) -> Iterator[int]:
    """Before and after a write belong together."""
    return (n for n in count(part, PARTS) if EVERYWHERE or (n // PARTS // 2 + DAY) % 2)


def _check(article: Article, kind: Kind, services: Doubles, moment: int) -> None:
    article.refresh_from_db()
    at = f"at moment {moment}"
    assert article.status == Article.Status.DONE, (at, article.error)
    paid = Counter((r.provider, r.operation) for r in services.requests() if (r.provider, r.operation) in PAID)
    lost = sum(article.calls.values_list("lost_answers", flat=True))
    assert paid.total() <= kind.calls + lost, (at, paid)
    assert lost <= 1, at
    assert Event.objects.filter(article=article, kind="repeated").count() == lost, at
    assert set(article.calls.values_list("state", flat=True)) == {Call.State.DONE}, at
    assert len(article.tree.files()) == kind.files, at
    assert article.tree.verify() == [], at
    steps = article.tree.manifest()["pipeline_stages"].values()
    assert {step["status"] for step in steps} == {"completed"}, at
    assert not article.attempts.filter(ended_at=None).exists(), at
    assert article.events.filter(kind="done").count() == 1, at
    sections = article.sections.all()
    assert {section.state for section in sections} <= {Section.State.DONE}, at
    assert sorted(sections, key=lambda section: section.revision) == list(sections), at
    if article.batch:
        article.batch.refresh_from_db()
        assert article.batch.state == Batch.State.DONE, at

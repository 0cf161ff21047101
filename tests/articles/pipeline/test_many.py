"""Many at once are changed as each of them would be; and whatever happens, a claim has its attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles.batches import control
from articles.batches.errors import NotPossible
from articles.batches.start import start_batch
from articles.models import Article, Batch, Call
from articles.pipeline import dispatch, many, transitions
from articles.pipeline.lease import Fenced, Lease
from articles.pipeline.revision import batch_revision
from articles.pipeline.sweep import sweep
from articles.providers.errors import Rejected, Unreachable
from tests.batches import DECLINED, drafted, started

pytestmark = pytest.mark.django_db(transaction=True)

OWN = {
    "id",
    "article",
    "uid",
    "tree_prefix",
    "batch",
    "batch_key",
    "batch_fields",
    "title",
    "idea",
    "fields",
    "idempotency_key",
}


@pytest.fixture(autouse=True)
def text_service(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk-test"


def _facts(row: Any) -> dict[str, Any]:
    """What two rows have in common that were changed alike: moments are either there or not."""
    found = {field.name: getattr(row, field.attname) for field in row._meta.fields if field.name not in OWN}
    return {
        name: bool(value) if name.endswith(("at", "_due", "_until", "revision")) else value
        for name, value in found.items()
    }


def _all_facts(article: Article) -> list[list[dict[str, Any]]]:
    article.refresh_from_db()
    related = (article.records, article.sections, article.calls, article.attempts, article.events)
    return [[_facts(article)], *([_facts(row) for row in rows.order_by("pk")] for rows in related)]


def _alike(article: Article, status: str) -> None:
    """With something of everything that a transition changes."""
    fields: dict[str, Any] = {"status": status, "retries": 2, "crashes": 1, "cause": "", "attempt": 1}
    fields |= {"failed": {"error": DECLINED, "cause": "x", "ended_at": timezone.now()}}.get(status, {})
    fields |= {"cancelled": {"ended_at": timezone.now(), "cancelled_with": "batch"}}.get(status, {})
    fields |= {"waiting": {"next_at": timezone.now(), "error": DECLINED}}.get(status, {})
    fields |= {"running": {"lease_until": timezone.now(), "lease_owner": "x|1|1"}}.get(status, {})
    Article.objects.filter(pk=article.pk).update(queued_at=timezone.now(), **fields)
    article.records.filter(stage="article").update(state="failed", error="why", failed_at=timezone.now())
    article.records.filter(stage="prompts").update(state="running" if status == "running" else "done")
    for state, index in (("failed", 1), ("running", 2), ("done", 3)):
        article.sections.filter(index=index).update(state=state, error=DECLINED if state == "failed" else None)
    for key, state in (("text", "done"), ("text:section-1", "failed")):
        Call.objects.create(article=article, key=key, state=state, answer={}, idempotency_key=f"{article.pk}{key}")


@pytest.mark.parametrize("status", ["draft", "queued", "running", "waiting", "done", "failed", "cancelled"])
@pytest.mark.parametrize("deed", ["resume", "cancel"])
def test_many_at_once_are_changed_as_one_by_one(deed: str, status: str, editor: User) -> None:
    """But for one that waits: that it shall not wait any longer is said of one alone."""
    first, second = (started(editor, name, styles=2, sections=3) for name in ("One by one", "At once"))
    Batch.objects.update(starting="x")  # none comes into the queue
    for article in Article.objects.all():
        _alike(article, status)
    each: dict[str, Callable[[Article], bool]] = {
        "resume": lambda article: transitions.resume(article, editor),
        "cancel": lambda article: transitions.cancel(article, editor),
    }
    if (deed, status) != ("resume", "waiting"):
        for article in first.articles.all():
            each[deed](article)

    with batch_revision(second.pk) as revision:
        ids = list(second.articles.values_list("pk", flat=True))
        if deed == "resume":
            many.resume_all(ids, editor, revision)
        else:
            many.cancel_all(ids, "ada pressed Cancel", Article.CancelledWith.ITSELF, revision)

    for one, other in zip(first.articles.order_by("pk"), second.articles.order_by("pk"), strict=True):
        assert _all_facts(one) == _all_facts(other)


def test_an_article_that_waited_when_its_batch_was_paused_has_its_next_attempt(editor: User) -> None:
    batch = started(editor, styles=1, sections=1)
    article = transitions.claim(batch.articles.get().pk)
    assert article
    transitions.wait(Lease(article), Unreachable("text", "it did not answer"), 60, counts=True)

    control.pause(batch, editor)

    assert list(article.attempts.values_list("number", "outcome")) == [(1, "waiting"), (None, "")]


@pytest.mark.parametrize("seed", range(20))
def test_each_claim_has_exactly_one_attempt_whatever_happens(seed: int, editor: User) -> None:
    """Whoever holds an article may let go of it in every way, and people press every button in between."""
    dice = random.Random(seed)
    batch = drafted(editor, styles=2, sections=2)
    start_batch(batch, editor)
    held: dict[int, Lease] = {}

    def claim() -> None:
        queued = Article.objects.filter(status="queued").order_by("pk").values_list("pk", flat=True).first()
        if queued and (article := transitions.claim(queued)):
            held[article.pk] = Lease(article)

    def let_go() -> None:
        if held:
            _, lease = held.popitem()
            ends: list[Callable[[], None]] = [
                lambda: transitions.wait(lease, Unreachable("text", "it did not answer"), 0, counts=True),
                lambda: transitions.stop(lease, Rejected("text", "it declined")),
                lambda: transitions.requeue(lease),
                lambda: transitions.back_in_line(lease),
                lambda: transitions.finish(lease),
            ]
            with suppress(Fenced):
                dice.choice(ends)()

    def one() -> Article:
        return dice.choice(list(batch.articles.all()))

    presses: list[Callable[[], object]] = [
        claim,
        claim,
        let_go,
        let_go,
        sweep,
        dispatch.top_up,
        lambda: control.pause(batch, editor),
        lambda: control.resume(batch, editor),
        lambda: control.cancel(batch, editor),
        lambda: control.recover(batch, editor),
        lambda: start_batch(batch, editor),
        lambda: transitions.resume(one(), editor),
        lambda: transitions.cancel(one(), editor),
    ]
    for _ in range(60):
        with suppress(NotPossible):
            dice.choice(presses)()
        for article in batch.articles.all():
            numbers = [number for number in article.attempts.values_list("number", flat=True) if number]
            assert sorted(numbers) == list(range(1, article.attempt + 1))
            is_open = article.attempts.filter(number=None, ended_at=None).count()
            assert is_open == (article.status in ("draft", "queued"))

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

from articles import bounds, call_keys
from articles.batches import control
from articles.batches.start import start_batch
from articles.errors import NotPossible
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
    fields: dict[str, Any] = {"status": status, "retries": 2, "crashes": 1, "cause": "", "attempt": 1, "alone": True}
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


def _pictured(article: Article) -> None:
    """With pictures of all its three sections, half of them safe, each with its calls; and its own."""
    for role in ("hero", *(f"section_{index}_{n}" for index in (1, 2, 3) for n in (1, bounds.MOST_PICTURES))):
        article.images.create(role=role, sha256="" if role.endswith("_1") else "a" * 64)
        for key in (call_keys.image(role), call_keys.media(role)):
            Call.objects.create(article=article, key=key, state="done", answer={}, idempotency_key=f"{article.pk}{key}")
    Call.objects.create(article=article, key=call_keys.FORMAT, state="done", answer={}, idempotency_key="f")


@pytest.fixture
def two_batches(editor: User) -> tuple[Batch, Batch]:
    """Each has an article of three sections, the second of which is in hand."""
    batches = [started(editor, name, styles=1, sections=3) for name in ("Ours", "Others")]
    Batch.objects.update(starting="x")  # none comes into the queue
    for batch in batches:
        _alike(batch.articles.get(), "failed")
        _pictured(batch.articles.get())
    return batches[0], batches[1]


def _second(article: Article) -> list[many.Part]:
    return [many.Part(article.pk, pk, 2) for pk in article.sections.filter(index=2).values_list("pk", flat=True)]


OF_MANY: dict[str, Callable[[Article], object]] = {
    "hold back": lambda article: many.hold_back(article.batch_id or 0),
    "resume": lambda article: many.resume_all([article.pk], None, 9),
    "cancel": lambda article: many.cancel_all([article.pk], "x", Article.CancelledWith.BATCH, 9),
    "write again": lambda article: many.write_again([article.pk]),
    "drop sections": lambda article: many.drop_sections(_second(article)),
    "settle sections": lambda article: many.settle_sections(_second(article), 9),
}


@pytest.mark.django_db
@pytest.mark.parametrize("deed", OF_MANY)
def test_other_articles_stay_as_they_are(deed: str, two_batches: tuple[Batch, Batch]) -> None:
    moments = {"queued_at": timezone.now(), "next_at": timezone.now(), "lease_until": timezone.now()}
    ours, others = (batch.articles.get() for batch in two_batches)
    for status in ("queued", "waiting", "running", "failed"):
        Article.objects.update(status=status, alone=False, error=DECLINED, **moments)
        before = _everything(others)

        OF_MANY[deed](ours)

        assert _everything(others) == before


def _everything(article: Article) -> list[Any]:
    related = (article.records, article.sections, article.calls, article.attempts, article.events, article.images)
    rows = [list(each.order_by("pk").values()) for each in related]
    return [Article.objects.values().get(pk=article.pk), *rows]


@pytest.mark.django_db
def test_a_section_that_is_dropped_leaves_nothing_of_itself_and_all_else(two_batches: tuple[Batch, Batch]) -> None:
    article = two_batches[0].articles.get()
    Call.objects.create(article=article, key=call_keys.section(2), state="done", answer={}, idempotency_key="s")

    many.drop_sections(_second(article))

    assert list(article.sections.order_by("index").values_list("index", flat=True)) == [1, 3]
    assert not article.images.filter(role__startswith="section_2_").exists()
    assert article.images.count() == 5
    closed = article.calls.filter(state=Call.State.CLOSED)
    roles = ("section_2_1", f"section_2_{bounds.MOST_PICTURES}")
    of_pictures = {key(role) for role in roles for key in (call_keys.image, call_keys.media)}
    assert set(closed.values_list("key", flat=True)) == {call_keys.section(2)} | of_pictures


@pytest.mark.django_db
def test_a_section_that_is_settled_is_done_without_the_pictures_it_lacks(two_batches: tuple[Batch, Batch]) -> None:
    article = two_batches[0].articles.get()
    states = dict(article.calls.values_list("key", "state"))

    many.settle_sections(_second(article), 9)

    section = article.sections.get(index=2)
    assert (section.state, section.error, section.revision) == ("done", None, 9)
    assert section.finished_at
    assert list(article.images.filter(role__startswith="section_2_").values_list("role", flat=True)) == [
        f"section_2_{bounds.MOST_PICTURES}"
    ]
    assert article.images.count() == 6
    assert dict(article.calls.values_list("key", "state")) == states


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "again"), [("draft", True), ("running", False)])
def test_what_got_sections_is_laid_out_anew_unless_somebody_is_at_it(
    status: str, again: bool, two_batches: tuple[Batch, Batch]
) -> None:
    article = two_batches[0].articles.get()
    Article.objects.update(status=status, lease_until=timezone.now())
    article.records.update(state="done")

    many.write_again([article.pk])

    assert set(article.records.values_list("state", flat=True)) == {"pending" if again else "done"}
    closed = [call_keys.FORMAT] if again else []
    assert list(article.calls.filter(state=Call.State.CLOSED).values_list("key", flat=True)) == closed


@pytest.mark.django_db
def test_what_is_held_back_is_in_line_but_for_what_was_asked_for_alone(two_batches: tuple[Batch, Batch]) -> None:
    batch = two_batches[0]
    article = batch.articles.get()
    for alone, status in ((True, "queued"), (True, "waiting"), (False, "queued"), (False, "waiting")):
        moments = {"queued_at": timezone.now(), "next_at": timezone.now()}
        Article.objects.filter(pk=article.pk).update(status=status, alone=alone, error=DECLINED, **moments)

        many.hold_back(batch.pk)

        found = Article.objects.values_list("status", "queued_at", "next_at", "error").get(pk=article.pk)
        assert found == ((status, *moments.values(), DECLINED) if alone else ("draft", None, None, None))


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

"""What each transition makes of an article, field by field, and that it is this article alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles import call_keys
from articles.models import Article, Attempt, Call, Section, Stage, StageRecord
from articles.pipeline import reopening, transitions
from articles.pipeline.lease import Lease, found
from articles.processes import this_process
from articles.providers.errors import Rejected, Unreachable
from tests.articles.batches.grid import batch_of
from tests.batches import DECLINED
from tests.conftest import HandIn

Deed = Callable[[Article, User], Any]

LONG_AGO = timezone.now() - timedelta(days=1)
DEAD, AWAY = Rejected("galley", "it died", code="crashes"), Unreachable("text", "it did not answer")
ANEW = transitions.Work(stages=frozenset(Stage), anew=frozenset(Stage), images=frozenset({"hero"}))

ANOTHER_PICTURE = transitions.Work(
    stages=frozenset({Stage.IMAGES, Stage.FORMAT}),
    images=frozenset({"hero"}),
    changes={"earlier_files": [{"file": "a"}]},
)

# Whatever is left of an earlier life.
WORN: dict[str, Any] = {
    "attempt": 4,
    "crashes": 3,
    "retries": 2,
    "lease_owner": "elsewhere|1|1",
    "lease_until": LONG_AGO,
    "queued_at": LONG_AGO,
    "next_at": LONG_AGO,
    "error": DECLINED,
    "cause": "x",
    "ended_at": LONG_AGO,
    "alone": True,
    "manifest_due": None,
}
FREE = {"lease_owner": "", "lease_until": None}
AFRESH = {"crashes": 0, "retries": 0, "error": None, "cause": "", "ended_at": None, "next_at": None}
ENDED = {"ended_at": "now", "crashes": 0} | FREE
DUE = {"manifest_due": "now"}

# From which status, the deed, what the article is after it (all else stays), and how its attempt ended.
TABLE: dict[str, tuple[str, Deed, dict[str, Any], str]] = {
    "claim": (
        "queued",
        lambda article, _: transitions.claim(article.pk),
        {"status": "running", "attempt": 5, "crashes": 4, "lease_owner": this_process(), "lease_until": "later"}
        | {"next_at": None, "error": None, "ended_at": None},
        "",
    ),
    "admit": (
        "draft",
        lambda article, _: transitions.admit(article.pk),
        {"status": "queued", "queued_at": "now"},
        "",
    ),
    "finish": ("running", lambda article, _: transitions.finish(Lease(article)), {"status": "done"} | ENDED, "done"),
    "requeue": (
        "running",
        lambda article, _: transitions.requeue(Lease(article)),
        {"status": "queued", "queued_at": "now", "crashes": 0} | FREE,
        "paused",
    ),
    "back in line": (
        "running",
        lambda article, _: transitions.back_in_line(Lease(article)),
        {"status": "draft", "crashes": 0} | FREE,
        "paused",
    ),
    "wait": (
        "running",
        lambda article, _: transitions.wait(Lease(article), AWAY, 60, counts=True),
        {"status": "waiting", "next_at": "later", "retries": 3, "crashes": 0, "error": AWAY.saved(Stage.ARTICLE)}
        | FREE,
        "waiting",
    ),
    "stop": (
        "running",
        lambda article, _: transitions.stop(Lease(article), DEAD),
        {"status": "failed", "error": DEAD.saved(Stage.ARTICLE), "cause": "galley|article|crashes|"} | ENDED | DUE,
        "stopped",
    ),
    "interrupt": (
        "running",
        lambda article, _: transitions.interrupt(found(pk=article.pk)[0]),
        {"status": "queued", "queued_at": "now", "next_at": None} | FREE,
        "interrupted",
    ),
    "give up": (
        "running",
        lambda article, _: transitions.give_up(found(pk=article.pk)[0], DEAD),
        {"status": "failed", "error": DEAD.saved(Stage.ARTICLE), "cause": "galley|article|crashes|"} | ENDED | DUE,
        "stopped",
    ),
    "stop what was done": (
        "done",
        lambda article, _: transitions.stop_done(article, Stage.IMAGES, DEAD),
        {"status": "failed", "error": DEAD.saved(Stage.IMAGES), "cause": "galley|images|crashes|", "ended_at": "now"}
        | DUE,
        "",
    ),
    "reopen": (
        "done",
        lambda article, _: reopening.with_further_sections(article),
        {"status": "draft", "ended_at": None} | DUE,
        "",
    ),
    "get another picture": (
        "done",
        lambda article, by: reopening.for_a_change(article, ANOTHER_PICTURE, by),
        {"status": "queued", "queued_at": "now", "alone": False, "crashes": 0, "retries": 0, "ended_at": None}
        | {"earlier_files": [{"file": "a"}]}
        | DUE,
        "",
    ),
    "resume": (
        "failed",
        lambda article, by: transitions.resume(article, by),
        {"status": "queued", "queued_at": "now", "alone": False, "cancelled_with": ""} | AFRESH | DUE,
        "waiting",  # it had not begun
    ),
    "resume with all anew": (
        "cancelled",
        lambda article, by: transitions.resume(article, by, ANEW),
        {"status": "queued", "queued_at": "now", "alone": False, "cancelled_with": ""} | AFRESH | DUE,
        "waiting",  # it had not begun
    ),
    "cancel": (
        "running",
        lambda article, by: transitions.cancel(article, by),
        {"status": "cancelled", "ended_at": "now", "next_at": None, "error": None, "cause": "", "alone": False}
        | FREE
        | DUE,
        "cancelled",
    ),
}


def _worn(article: Article, status: str) -> Article:
    """In this status, with something of everything that a transition may change."""
    Article.objects.filter(pk=article.pk).update(**WORN, status=status)
    running = status == "running"
    article.attempts.update(number=4 if running else None, started_at=LONG_AGO if running else None)
    article.records.filter(stage=Stage.ARTICLE).update(state="running" if running else "failed", error="why")
    article.records.exclude(stage=Stage.ARTICLE).update(state="done" if status == "done" else "pending")
    for index, state in enumerate(("failed", "running", "done"), 1):
        Section.objects.update_or_create(
            article=article, index=index, defaults={"state": state, "heading": f"{index}", "key": f"{index}"}
        )
    for key in (call_keys.TEXT, call_keys.FORMAT, call_keys.image("hero"), call_keys.section(1)):
        state = Call.State.FAILED if key == call_keys.section(1) else Call.State.DONE
        Call.objects.create(article=article, key=key, state=state, answer={}, idempotency_key=f"{article.pk}{key}")
    article.images.create(role="hero", prompt="A ship", sha256="a" * 64, base64_sha256="a" * 64, bytes=9)
    return Article.objects.get(pk=article.pk)


def _rows(article: Article) -> list[Any]:
    related = (article.records, article.sections, article.calls, article.attempts, article.events, article.images)
    rows = [list(each.order_by("pk").values()) for each in related]
    return [Article.objects.values().get(pk=article.pk), *rows]


def _in_words(value: Any, now: datetime) -> Any:
    """A moment by what it is to now."""
    if not isinstance(value, datetime) or value < now:
        return value
    return "now" if value == now else "later"


@pytest.mark.parametrize("name", TABLE)
def test_each_transition_changes_what_it_says_of_this_article_alone(
    name: str, hand_in: HandIn, editor: User, stopped_clock: datetime
) -> None:
    status, deed, expected, outcome = TABLE[name]
    other, article = (_worn(hand_in(), status) for _ in range(2))
    untouched, before = _rows(other), _rows(article)[0]

    deed(article, editor)

    fields = {field: _in_words(value, stopped_clock) for field, value in _rows(article)[0].items()}
    assert fields == {field: _in_words(value, stopped_clock) for field, value in before.items()} | expected
    assert article.attempts.earliest("pk").outcome == outcome
    assert _rows(other) == untouched


GOES_ON = {"claim", "admit", "requeue", "back in line", "interrupt", "resume", "resume with all anew"}


@pytest.mark.parametrize("name", sorted(TABLE.keys() - {"reopen", "stop what was done", "get another picture"}))
def test_what_goes_on_has_one_attempt_that_has_not_ended(name: str, hand_in: HandIn, editor: User) -> None:
    status, deed, _, _ = TABLE[name]
    article = _worn(hand_in(), status)

    deed(article, editor)

    assert article.attempts.filter(ended_at=None).count() == (name in GOES_ON)
    assert not article.attempts.filter(ended_at__isnull=False, outcome="").exists()


def test_what_is_asked_for_anew_is_made_anew(hand_in: HandIn, editor: User) -> None:
    article = _worn(hand_in(), "failed")

    assert transitions.resume(article, editor, ANEW)

    assert set(article.records.values_list("state", "error", "failed_at")) == {("pending", "", None)}
    assert set(article.calls.values_list("state", flat=True)) == {Call.State.CLOSED}
    assert set(article.sections.values_list("state", "sha256", "html", "error")) == {("pending", "", "", None)}
    assert article.images.values_list("sha256", "base64_sha256", "bytes").get() == ("", "", 0)
    assert article.images.get().prompt == "A ship"


def test_what_only_goes_on_keeps_all_that_is_good(hand_in: HandIn, editor: User) -> None:
    article = _worn(hand_in(), "failed")

    assert transitions.resume(article, editor)

    states = {call_keys.section(1): Call.State.CLOSED}
    assert dict(article.calls.values_list("key", "state")) == {
        key: states.get(key, Call.State.DONE)
        for key in (call_keys.TEXT, call_keys.FORMAT, call_keys.image("hero"), call_keys.section(1))
    }
    assert list(article.sections.order_by("index").values_list("state", flat=True)) == ["pending", "pending", "done"]
    assert article.images.get().sha256


def test_a_reopened_article_of_a_batch_is_laid_out_anew(editor: User) -> None:
    article = _worn(batch_of(editor, 1, 3).articles.get(), "done")

    reopening.with_further_sections(article)

    assert set(article.records.values_list("state", flat=True)) == {StageRecord.State.PENDING}
    assert article.calls.get(key=call_keys.FORMAT).state == Call.State.CLOSED
    assert article.calls.get(key=call_keys.TEXT).state == Call.State.DONE
    assert article.attempts.get(number=None, ended_at=None).why == Attempt.Why.SUBMITTED

"""The lease: whatever is saved renews it, and whoever has lost it saves nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from articles.models import Article, StageRecord
from articles.pipeline import transitions
from articles.pipeline.lease import BUDGET_SECONDS, CALL_SECONDS, Fenced, OutOfTime
from articles.pipeline.run import Outcome, Run
from articles.providers import Answer
from tests.conftest import HandIn


def _ask(run: Run) -> None:
    run.calls.ask("text", "the article", provider="text", send=lambda _: Answer({"of": "it"}))


def _record(run: Run) -> StageRecord:
    return run.article.records.earliest("pk")


SAVES: dict[str, Callable[[Run], object]] = {
    "a file": lambda run: run.save_file("a.txt", b"x"),
    "the manifest": lambda run: run.commit_manifest(),
    "a stage that begins": lambda run: run.begin(_record(run)),
    "a stage that is done": lambda run: run.finish(_record(run), Outcome()),
    "an intent": _ask,
    "an answer that was read": lambda run: run.calls.done(run.article.calls.get(key="format")),
    "a call that is given up": lambda run: run.calls.give_up(run.article.calls.get(key="format")),
}


@pytest.fixture
def at_work(hand_in: HandIn) -> Run:
    """A claim whose lease has run for as long as a call may take. It has the answer of one call."""
    article = transitions.claim(hand_in().pk)
    assert article
    run = Run(article)
    run.calls.ask("format", "the page", provider="layout", send=lambda _: Answer({"of": "it"}))
    Article.objects.update(lease_until=timezone.now())
    return run


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES.keys())
def test_whatever_is_saved_leaves_time_for_the_longest_call(at_work: Run, save: Callable[[Run], object]) -> None:
    save(at_work)

    until = Article.objects.get().lease_until
    assert until
    assert until > timezone.now() + timedelta(seconds=CALL_SECONDS)


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES.keys())
def test_who_lost_the_lease_changes_nothing(at_work: Run, save: Callable[[Run], object]) -> None:
    Article.objects.update(attempt=F("attempt") + 1)
    tables = (Article.objects, StageRecord.objects, at_work.article.calls.filter(sends__gt=0))
    before = [list(table.order_by("pk").values()) for table in tables]

    with pytest.raises(Fenced):
        save(at_work)

    assert [list(table.order_by("pk").values()) for table in tables] == before


@pytest.mark.parametrize(("seconds", "over"), [(BUDGET_SECONDS - 60, False), (BUDGET_SECONDS + 1, True)])
def test_a_task_begins_nothing_long_when_its_time_is_up(at_work: Run, seconds: float, over: bool) -> None:
    at_work.lease.started -= seconds

    if over:
        with pytest.raises(OutOfTime):
            _ask(at_work)
    else:
        _ask(at_work)
    assert at_work.article.calls.filter(key="text", sends=1).exists() is not over

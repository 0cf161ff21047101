"""Who comes next: how many of a batch are queued, and who makes room for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Batch
from articles.pipeline import dispatch
from articles.pipeline.dispatch import PATIENCE, TURN_SECONDS
from tests.articles.batches.grid import batch_of, write
from tests.conftest import HandIn

LATER = timedelta(hours=1)
LONG = PATIENCE + timedelta(seconds=1)


@pytest.fixture
def ours(editor: User, stopped_clock: datetime) -> Batch:
    return batch_of(editor, 3, 1, name="Ours")


@pytest.fixture
def others(editor: User, stopped_clock: datetime) -> Batch:
    return batch_of(editor, 3, 1, name="Others")


def _article(batch: Batch, place: int = 0) -> Article:
    return batch.articles.order_by("pk")[place]


def _queue(article: Article, waited: timedelta = timedelta()) -> int:
    Article.objects.filter(pk=article.pk).update(status="queued", queued_at=timezone.now() - waited)
    return article.pk


def _queued(batch: Batch) -> int:
    return batch.articles.filter(status="queued").count()


# How many are queued


def test_running_batches_share_what_is_queued_ahead(ours: Batch, others: Batch, settings: Settings) -> None:
    settings.GALLEY_WORKERS = 2
    Article.objects.filter(pk=_article(ours).pk).update(status="waiting", next_at=timezone.now() + LATER)

    for _ in range(2):
        dispatch.top_up()
        assert (_queued(ours), _queued(others)) == (1, 2), "what waits counts as queued"

    assert list(others.articles.order_by("pk").values_list("status", flat=True)) == ["queued", "queued", "draft"]


@pytest.mark.parametrize("change", [{"starting": "x"}, {"state": Batch.State.PAUSED}, {"state": Batch.State.CANCELLED}])
def test_a_batch_that_does_not_run_gives_none_and_ends_not(ours: Batch, others: Batch, change: dict[str, str]) -> None:
    Batch.objects.filter(pk=ours.pk).update(**change)
    before = Batch.objects.values().get(pk=ours.pk)
    dispatch.top_up()
    ours.articles.update(status="done")
    dispatch.top_up()

    assert Batch.objects.values().get(pk=ours.pk) == before
    assert _queued(others)


@pytest.mark.parametrize("left", ["draft", "queued", "running", "waiting"])
def test_a_batch_is_done_when_nothing_of_it_is_open(ours: Batch, others: Batch, left: str) -> None:
    for status in ("done", "failed", "cancelled"):
        ours.articles.update(status=status, error={})
        Batch.objects.update(state=Batch.State.RUNNING, ended_at=None)
        moments = {"queued_at": timezone.now(), "next_at": timezone.now() + LATER, "lease_until": timezone.now()}
        Article.objects.filter(pk=_article(ours, 1).pk).update(status=left, **moments)
        dispatch.top_up()
        assert Batch.objects.get(pk=ours.pk).state == Batch.State.RUNNING

        Article.objects.filter(pk=_article(ours, 1).pk).update(status=status)
        dispatch.top_up()
        ours.refresh_from_db()
        assert (ours.state, ours.ended_at) == (Batch.State.DONE, timezone.now())
    assert Batch.objects.get(pk=others.pk).state == Batch.State.RUNNING


def test_what_is_paused_says_why_and_is_paused_once(ours: Batch, others: Batch) -> None:
    dispatch.top_up()

    assert dispatch.pause(ours.pk, "r" * 600, "cause")
    assert not dispatch.pause(ours.pk, "another", "another")

    ours.refresh_from_db()
    assert (ours.state, ours.reason, ours.cause) == (Batch.State.PAUSED, "r" * 500, "cause")
    assert _queued(ours) == 0
    assert _queued(others)
    assert Batch.objects.get(pk=others.pk).state == Batch.State.RUNNING


# Who makes room for whom


@dataclass(frozen=True)
class _Scene:
    """Who waits for a worker, for how long; whether another of its batch has one; who makes room, and when."""

    waits: str = ""
    waited: timedelta = LONG
    has_a_worker: bool = False
    at_once: bool = False
    after_a_turn: bool = False


SCENES = {
    "nobody waits": _Scene(),
    "one of its own waits": _Scene("alone", at_once=True, after_a_turn=True),
    "one of its own has only come": _Scene("alone", PATIENCE / 2),
    "one of another batch waits": _Scene("others", after_a_turn=True),
    "one of another batch has only come": _Scene("others", PATIENCE / 2),
    "one of a batch that has a worker waits": _Scene("others", has_a_worker=True),
    "one of the same batch waits": _Scene("ours"),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_running_article_makes_room(scene: _Scene, ours: Batch, others: Batch, hand_in: HandIn) -> None:
    alone = hand_in()
    Article.objects.filter(pk=alone.pk).update(status="draft")
    write(_article(ours))
    if scene.has_a_worker:
        write(_article(others, 1))
    if scene.waits:
        _queue({"alone": alone, "others": _article(others), "ours": _article(ours, 1)}[scene.waits], scene.waited)

    assert dispatch.has_to_wait(_article(ours), 1) is scene.at_once
    assert dispatch.has_to_wait(_article(ours), TURN_SECONDS) is scene.at_once
    assert dispatch.has_to_wait(_article(ours), TURN_SECONDS + 1) is scene.after_a_turn
    assert not dispatch.has_to_wait(alone, TURN_SECONDS + 1)


def test_a_message_is_a_hint_that_somebody_is_to_be_taken(ours: Batch, others: Batch, hand_in: HandIn) -> None:
    """One that is overtaken gets its message again, and only that one."""
    alone = hand_in()
    Article.objects.filter(pk=alone.pk).update(status="draft")
    mine = _queue(_article(ours))
    with mock.patch("articles.pipeline.dispatch.enqueue") as given:
        assert dispatch.most_deserving(mine) == mine
        _queue(_article(ours, 1), LATER)
        assert dispatch.most_deserving(mine) == mine
        write(_article(ours, 2))
        younger, older = _queue(_article(others)), _queue(_article(others, 1), LATER)
        assert dispatch.most_deserving(younger) == younger
        given.assert_not_called()

        assert dispatch.most_deserving(mine) == older
        _queue(alone)
        assert dispatch.most_deserving(mine) == alone.pk
        assert given.call_args_list == [mock.call(mine)] * 2
        assert dispatch.most_deserving(alone.pk) == alone.pk
        assert given.call_count == 2


def test_without_a_message_the_one_that_has_waited_longest_is_taken(ours: Batch) -> None:
    assert dispatch.longest_queued() is None
    _queue(_article(ours))
    oldest = _queue(_article(ours, 1), LATER)
    Article.objects.filter(pk=_article(ours, 2).pk).update(queued_at=timezone.now() - 2 * LATER)

    assert dispatch.longest_queued() == oldest

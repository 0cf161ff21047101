"""What the sweep gives back, to whom it counts, and how many messages it sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ
from pytest_django import Settings

from articles import tasks
from articles.models import Article
from articles.pipeline import transitions, worker
from articles.pipeline.lease import Lease, OutOfTime
from articles.pipeline.queue import enqueue
from articles.pipeline.sweep import Swept, put_back, put_down, sweep
from articles.processes import this_machine, this_process
from tests.conftest import HandIn
from tests.services import redis

Captured = Callable[..., object]


@pytest.fixture(params=["the database", "Redis"])
def queue_size(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    """How many messages wait, in either queue."""
    if request.param == "the database":
        yield get_broker().queue_size
        return
    if reason := redis.available():
        pytest.skip(reason)
    with redis.redis(tmp_path) as url:
        monkeypatch.setattr(Conf, "ORM", None)
        monkeypatch.setattr(Conf, "REDIS", url)
        broker = get_broker()
        yield broker.queue_size
        broker.connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_hundred_messages_do_not_connect_a_hundred_times(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = list[bool]()
    monkeypatch.setattr("django_q.brokers.orm.db.close_old_connections", lambda: closed.append(True))
    for number in range(3):
        enqueue(number)
    assert (OrmQ.objects.count(), closed) == (3, [])


@pytest.mark.parametrize("lost", [False, True])
def test_there_are_never_more_messages_than_articles(
    hand_in: HandIn,
    queue_size: Callable[[], int],
    settings: Settings,
    django_capture_on_commit_callbacks: Callable[..., object],
    lost: bool,
) -> None:
    """Nobody works for twenty minutes, and whoever can sweeps."""
    settings.GALLEY_WORKERS = 2
    with django_capture_on_commit_callbacks(execute=not lost):  # type: ignore[attr-defined]  # a fixture's type
        for _ in range(20):
            hand_in()
    handed_in = queue_size()

    for _ in range(10):
        Article.objects.update(queued_at=timezone.now() - timedelta(minutes=3))
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]  # a fixture's type
            sweep()

    assert queue_size() == max(handed_in, 2 * settings.GALLEY_WORKERS)


def test_the_oldest_get_a_message_and_keep_their_place(hand_in: HandIn, settings: Settings) -> None:
    settings.GALLEY_WORKERS = 1
    articles = [hand_in() for _ in range(5)]
    for waited, article in enumerate(articles):
        Article.objects.filter(pk=article.pk).update(queued_at=timezone.now() - timedelta(minutes=3 + waited))
    before = list(Article.objects.order_by("queued_at").values_list("pk", "queued_at"))

    with mock.patch("articles.pipeline.queue.enqueue") as given:
        assert sweep().tasks_restarted == 2

    assert [call.args[0] for call in given.call_args_list] == [articles[4].pk, articles[3].pk]
    assert list(Article.objects.order_by("queued_at").values_list("pk", "queued_at")) == before


def test_a_queue_that_does_not_answer_gets_no_message(hand_in: HandIn) -> None:
    hand_in()
    Article.objects.update(queued_at=timezone.now() - timedelta(minutes=3))

    with mock.patch("articles.pipeline.queue.get_broker", side_effect=ConnectionError):
        assert sweep().tasks_restarted == 0


def test_each_article_is_counted_once() -> None:
    swept = Swept().with_one(stages_reset=2).with_one(stages_reset=1, restarted=False).with_one()

    assert swept == Swept(articles_found=3, stages_reset=3, tasks_restarted=2)


# Whose fault it is


def crashes() -> list[int]:
    return list(Article.objects.order_by("pk").values_list("crashes", flat=True))


def test_a_worker_that_was_ended_on_purpose_is_no_crash(hand_in: HandIn) -> None:
    """However often it is ended, what it was at is not stopped."""
    article = hand_in()
    for attempt in range(1, 8):
        assert transitions.claim(article.pk)
        put_back(this_process())

        article.refresh_from_db()
        assert (article.status, article.attempt, article.crashes) == ("queued", attempt, 0)
    assert article.attempts.filter(outcome="interrupted").count() == 7
    assert sweep().articles_found == 0


def test_only_what_that_worker_held_is_put_back(hand_in: HandIn) -> None:
    mine, others = hand_in(), hand_in()
    for article in (mine, others):
        assert transitions.claim(article.pk)
    Article.objects.filter(pk=others.pk).update(lease_owner=f"{this_machine()}|1|1")

    put_back(this_process())

    assert dict(Article.objects.values_list("pk", "status")) == {mine.pk: "queued", others.pk: "running"}
    assert crashes() == [0, 1]


def test_a_worker_that_died_by_itself_is_one(hand_in: HandIn) -> None:
    transitions.claim(hand_in().pk)
    Article.objects.update(lease_owner=f"{this_machine()}|4194305|1")

    assert sweep().articles_found == 1

    assert crashes() == [1]


def frozen(article: Article, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A worker has claimed it and was frozen until its lease ran out. Returns what it does when it wakes up."""
    taken = transitions.claim(article.pk)
    assert taken
    Article.objects.update(lease_until=timezone.now())
    assert sweep().articles_found == 1

    def wakes() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(transitions, "claim", lambda _: taken)
            worker.run_article(article.pk)

    return wakes


def test_a_worker_that_comes_back_was_not_killed_by_its_article(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often its workers are frozen, it is not stopped."""
    article = hand_in()
    for attempt in range(1, 8):
        frozen(article, monkeypatch)()

        article.refresh_from_db()
        assert (article.status, article.attempt, article.crashes) == ("queued", attempt, 0)


def test_a_worker_that_comes_back_late_takes_back_no_death_of_others(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = hand_in()
    wakes = frozen(article, monkeypatch)
    saved = transitions.claim(article.pk)
    assert saved
    Lease(saved).made_headway()
    assert crashes() == [1]

    wakes()

    assert crashes() == [1]


def test_a_fenced_worker_whose_time_is_up_looks_the_files_over(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that finds itself fenced at any other moment."""
    article = hand_in()
    looked = mock.Mock()
    monkeypatch.setattr("articles.pipeline.worker.look_over", looked)
    monkeypatch.setattr("articles.pipeline.worker._run_stages", mock.Mock(side_effect=OutOfTime))

    frozen(article, monkeypatch)()

    assert looked.called


# What a living worker is not at any more


def test_between_two_tasks_a_worker_holds_nothing(hand_in: HandIn) -> None:
    left, others = hand_in(), hand_in()
    for article in (left, others):
        assert transitions.claim(article.pk)
    Article.objects.filter(pk=others.pk).update(lease_owner="elsewhere|1|1")
    assert sweep().articles_found == 0, "its owner lives"

    put_down()

    assert dict(Article.objects.values_list("pk", "status")) == {left.pk: "queued", others.pk: "running"}


def test_a_run_that_never_ends_in_order_does_not_go_on_for_ever(hand_in: HandIn) -> None:
    article = hand_in()
    for _ in range(4):
        assert transitions.claim(article.pk)
        put_down()

    article.refresh_from_db()
    assert article.status == Article.Status.FAILED


@pytest.mark.parametrize("moment", ["articles.pipeline.dispatch.top_up", "articles.pipeline.worker.must_look_through"])
def test_a_database_that_fails_right_after_the_claim(
    hand_in: HandIn, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Of whatever it has claimed, a worker says what became of it."""
    article = hand_in()
    monkeypatch.setattr("articles.pipeline.worker.time.sleep", lambda _: None)
    Article.objects.update(batch=_batch(article))
    with monkeypatch.context() as broken:
        broken.setattr(moment, mock.Mock(side_effect=OperationalError("database is locked")))
        tasks.run(article.pk)

    article.refresh_from_db()
    assert article.status == Article.Status.WAITING


def _batch(article: Article) -> object:
    from articles.models import Batch

    return Batch.objects.create(owner=article.owner, name="B", key="b", state=Batch.State.RUNNING)

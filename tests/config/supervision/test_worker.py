"""What a worker takes next: a message, else an article by its row; and when it takes nothing any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Failure, OrmQ, Schedule
from django_q.tasks import async_task

from articles import processes
from articles.models import Article
from articles.pipeline import transitions
from config.models import Machine
from config.supervision.worker import KEPT, STOP, Results, Task, Tasks, keep_connection
from recovery.models import Stop
from tests.conftest import HandIn


@pytest.fixture(autouse=True)
def nothing_is_due(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Schedule.objects.update(next_run=timezone.now() + timedelta(days=1))
    monkeypatch.setattr("config.supervision.worker.LOOK_SECONDS", 0.01)


@pytest.fixture
def tasks() -> Tasks:
    return Tasks(get_broker())


def taken(tasks: Tasks) -> tuple[str, tuple[Any, ...]]:
    """What it is to do, and with what."""
    task = tasks.get()
    assert isinstance(task, dict)
    return task["func"], tuple(task["args"])


def test_an_idle_worker_needs_no_message(hand_in: HandIn, tasks: Tasks) -> None:
    first, _ = hand_in(), hand_in()
    OrmQ.objects.all().delete()

    assert taken(tasks) == ("articles.tasks.run", (first.pk,))


def test_a_message_comes_first(hand_in: HandIn, tasks: Tasks) -> None:
    hand_in()
    OrmQ.objects.all().delete()
    async_task("backups.tasks.watch")

    assert taken(tasks)[0] == "backups.tasks.watch"


def test_a_queue_that_does_not_answer_stops_no_article(hand_in: HandIn, tasks: Tasks) -> None:
    article = hand_in()

    with mock.patch.object(tasks._broker, "dequeue", side_effect=ConnectionError):
        assert taken(tasks) == ("articles.tasks.run", (article.pk,))


def test_a_database_that_is_away_is_asked_again(hand_in: HandIn, tasks: Tasks) -> None:
    article = hand_in()
    OrmQ.objects.all().delete()
    answers = [OperationalError("no room"), OperationalError("no room"), None]

    with (
        mock.patch("config.supervision.worker.put_down", side_effect=answers),
        mock.patch("config.supervision.worker.connection.close"),
    ):
        assert taken(tasks) == ("articles.tasks.run", (article.pk,))


def test_a_message_that_cannot_be_read_is_thrown_away(hand_in: HandIn, tasks: Tasks) -> None:
    article = hand_in()
    OrmQ.objects.all().delete()
    OrmQ.objects.create(key="galley", payload="signed with another key", lock=timezone.now() - timedelta(minutes=1))

    assert taken(tasks) == ("articles.tasks.run", (article.pk,))
    assert not OrmQ.objects.exists()


def test_what_it_had_not_put_down_goes_on(hand_in: HandIn, tasks: Tasks) -> None:
    """Its last run could not write its own end: a full disk, say."""
    article = hand_in()
    assert transitions.claim(article.pk)
    OrmQ.objects.all().delete()

    assert taken(tasks) == ("articles.tasks.run", (article.pk,))


@pytest.mark.parametrize(
    "left",
    [
        {"status": Article.Status.WAITING, "next_at": timezone.now()},
        {"status": Article.Status.RUNNING, "lease_owner": "elsewhere|1|1", "lease_until": timezone.now()},
    ],
    ids=["due", "its lease has run out"],
)
def test_what_has_its_time_needs_no_sweep(hand_in: HandIn, tasks: Tasks, left: dict[str, Any]) -> None:
    later, article = hand_in(), hand_in()
    ahead = {field: timezone.now() + timedelta(hours=1) for field in left if field in ("next_at", "lease_until")}
    Article.objects.filter(pk=article.pk).update(**left, attempt=1)
    Article.objects.filter(pk=later.pk).update(**left | ahead, attempt=1)
    OrmQ.objects.all().delete()

    assert taken(tasks) == ("articles.tasks.run", (article.pk,))
    later.refresh_from_db()
    assert later.status == left["status"]


def test_a_worker_that_is_asked_to_stop_takes_nothing(
    hand_in: HandIn, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in()
    monkeypatch.setattr(processes, "_asked_to_stop", True)

    assert tasks.get() == STOP
    assert Article.objects.get().status == Article.Status.QUEUED


@pytest.mark.parametrize(("success", "failures"), [(True, 0), (False, 1)])
def test_a_message_that_is_done_with_goes_and_a_failure_stays(tasks: Tasks, success: bool, failures: int) -> None:
    async_task("backups.tasks.watch")
    task = tasks.get()
    assert isinstance(task, dict)

    Results(tasks._broker).put(task | {"result": "it said no", "success": success, "stopped": timezone.now()})

    assert not OrmQ.objects.exists()
    assert Failure.objects.count() == failures


def test_a_queue_that_cannot_be_told_ends_no_worker(tasks: Tasks) -> None:
    task: Task = {"func": "f", "name": "n", "ack_id": 1, "result": None, "success": True, "stopped": timezone.now()}

    with mock.patch.object(tasks._broker, "acknowledge", side_effect=OperationalError):
        Results(tasks._broker).put(task)


@pytest.mark.parametrize("timeout", [None, 14_400])
def test_whoever_looks_is_told_how_long_the_task_may_take(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    said: list[float] = []
    monkeypatch.setattr("articles.pipeline.worker_health.begins_a_task", said.append)
    async_task("backups.tasks.watch", **({"timeout": timeout} if timeout else {}))

    tasks.get()

    assert said == [timeout or 600]


def test_schedules_become_messages(tasks: Tasks) -> None:
    Schedule.objects.filter(func="backups.tasks.watch").update(next_run=timezone.now() - timedelta(minutes=1))

    assert taken(tasks)[0] == "backups.tasks.watch"
    assert not OrmQ.objects.filter(lock__lte=timezone.now()).exists()


def test_mail_about_what_stopped_comes_before_what_is_queued(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    now, long_enough = timezone.now(), timedelta(seconds=31)
    stop = Stop.objects.create(article=article, attempt=1, recipient=editor, cause="refused", stopped_at=now)
    assert taken(Tasks(get_broker()))[0] == "articles.tasks.run"  # it may still be mended

    Stop.objects.filter(pk=stop.pk).update(stopped_at=now - long_enough)
    tasks = Tasks(get_broker())
    assert taken(tasks) == ("recovery.tasks.send_mail", ())
    assert taken(tasks)[0] == "articles.tasks.run"  # not again before the next look at the schedules


def test_an_idle_worker_says_how_its_machine_is(tasks: Tasks, hand_in: HandIn) -> None:
    hand_in()
    taken(tasks)
    assert Machine.objects.get().name == processes.this_machine()


@pytest.mark.parametrize(
    ("engine", "options", "seconds"),
    [("postgresql", {}, KEPT), ("postgresql", {"pool": {"max_size": 8}}, 0), ("sqlite3", {}, 0)],
)
def test_a_worker_connects_once_and_not_with_each_look(engine: str, options: dict[str, Any], seconds: int) -> None:
    database = {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": options, "CONN_MAX_AGE": 0}
    keep_connection(database)
    assert database["CONN_MAX_AGE"] == seconds

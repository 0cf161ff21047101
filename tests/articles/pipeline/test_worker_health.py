"""Whether the pool of this machine is well, and whether anybody on any machine takes what is queued."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Attempt, Event
from articles.pipeline import worker_health
from articles.pipeline.lease import Lease
from articles.pipeline.processes import this_machine, this_process
from articles.pipeline.sweep import sweep
from articles.pipeline.transitions import claim
from tests.conftest import HandIn


def passes(seconds: float) -> None:
    """As if all that happened had happened so long ago."""
    ago = timedelta(seconds=seconds)
    Article.objects.filter(queued_at__isnull=False).update(queued_at=F("queued_at") - ago)
    Article.objects.filter(lease_until__isnull=False).update(lease_until=F("lease_until") - ago)
    Article.objects.filter(next_at__isnull=False).update(next_at=F("next_at") - ago)
    Article.objects.filter(scheduled_at__isnull=False).update(scheduled_at=F("scheduled_at") - ago)
    Attempt.objects.update(asked_at=F("asked_at") - ago)
    Event.objects.update(at=F("at") - ago)


@pytest.fixture
def worker(tmp_path: Path, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A process that left the note of a worker whose pool is this process."""
    settings.VAR_DIR = tmp_path
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        note = worker_health._folder() / f"{os.getpid()}-{process.pid}"
        note.parent.mkdir(parents=True)
        note.write_text(f"{this_process()}\n{this_process(process.pid)}\n")
        yield process
        process.kill()


def grown_up() -> None:
    """As if the pool had been there for long."""
    for note in worker_health._folder().glob("*-*"):
        os.utime(note, (0, 0))


@pytest.fixture
def queued(hand_in: HandIn) -> Article:
    """Handed in two minutes ago, and not begun."""
    article = hand_in()
    passes(120)
    return article


# Does anybody work?


def test_an_article_that_nobody_takes(queued: Article) -> None:
    assert worker_health.nobody_works()


def test_one_that_was_just_handed_in_has_time(hand_in: HandIn) -> None:
    hand_in()
    assert not worker_health.nobody_works()


def test_giving_its_message_again_hides_nothing(queued: Article) -> None:
    assert sweep().tasks_restarted == 1
    assert worker_health.nobody_works()


def test_one_whose_time_has_just_come_has_not_waited_long(hand_in: HandIn) -> None:
    hand_in(scheduled_at=timezone.now() + timedelta(seconds=60))
    passes(120)
    assert sweep().tasks_restarted == 1

    assert not worker_health.nobody_works()
    passes(120)
    assert worker_health.nobody_works()


def test_where_all_are_busy_others_may_wait(queued: Article, hand_in: HandIn) -> None:
    running = hand_in()
    assert claim(running.pk)
    assert not worker_health.nobody_works()

    # A long call: nothing is heard of it, and its lease holds.
    passes(300)
    assert not worker_health.nobody_works()

    passes(300)
    assert worker_health.nobody_works()


def test_an_article_in_the_hands_of_the_dead_is_nobodys(queued: Article, hand_in: HandIn) -> None:
    assert claim(hand_in().pk)
    Article.objects.filter(status=Article.Status.RUNNING).update(lease_owner=f"{this_machine()}|1|1")

    assert worker_health.nobody_works()


def test_between_two_articles_nobody_holds_one(queued: Article, hand_in: HandIn) -> None:
    article = hand_in()
    claimed = claim(article.pk)
    assert claimed
    Lease(claimed).note("done", "The article is done")
    article.delete()  # only what is left of it counts
    assert worker_health.nobody_works()

    Event.objects.create(article=queued, attempt=1, kind="interrupted", message="Interrupted")
    Event.objects.create(article=queued, kind="recovered", message="ada pressed Recover")
    assert worker_health.nobody_works()
    Event.objects.create(article=queued, attempt=1, kind="done", message="The article is done")
    assert not worker_health.nobody_works()


# Is the pool of this machine well?


def test_no_worker_at_all(db: None, tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path

    with pytest.raises(CommandError, match="No worker runs on this machine"):
        call_command("worker_health")


def test_all_is_well(
    db: None, worker: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str], hand_in: HandIn
) -> None:
    hand_in()
    grown_up()

    call_command("worker_health")

    assert capsys.readouterr().out == "1 worker runs on this machine.\n"


def test_a_killed_worker_may_have_frozen_its_pool(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()

    with pytest.raises(CommandError, match="A worker was killed, and its pool may be frozen"):
        call_command("worker_health")


def test_a_pool_that_takes_nothing_is_frozen(queued: Article, worker: subprocess.Popen[bytes]) -> None:
    # One that has just been started has its chance first.
    assert worker_health.frozen() is None

    grown_up()
    with pytest.raises(CommandError, match="nobody takes them: the pool may be frozen"):
        call_command("worker_health")


def test_a_database_that_is_away_is_no_reason(queued: Article, worker: subprocess.Popen[bytes]) -> None:
    grown_up()

    with (
        mock.patch("articles.pipeline.worker_health.nobody_works", side_effect=OperationalError),
        mock.patch("articles.pipeline.worker_health.connection.close") as closed,
    ):
        assert worker_health.problem() is None
    closed.assert_called_once_with()

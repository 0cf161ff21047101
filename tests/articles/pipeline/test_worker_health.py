"""Whether the workers of this machine are well, and whether anybody on any machine takes what is queued."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article, Attempt, Event
from articles.pipeline import worker_health
from articles.pipeline.lease import Lease
from articles.pipeline.sweep import sweep
from articles.pipeline.transitions import claim
from articles.processes import this_machine, this_process
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
def worker(tmp_path: Path, settings: Settings) -> Iterator[Worker]:
    """A process that left the note of a worker."""
    settings.VAR_DIR = tmp_path
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        _, pid, started = this_process(process.pid).rsplit("|", 2)
        note = worker_health._folder() / f"{pid}-{started}"
        note.parent.mkdir(parents=True)
        note.touch()
        worker = Worker(process, note)
        worker.says(worker_health.is_idle)
        yield worker
        process.kill()


@dataclass(frozen=True)
class Worker:
    process: subprocess.Popen[bytes]
    note: Path

    def says(self, word: Callable[[], None]) -> None:
        """Say of itself what a worker does."""
        with mock.patch("articles.pipeline.worker_health._note", return_value=self.note):
            word()

    def later(self, seconds: float) -> None:
        """As if it had said so long ago what it said last."""
        until = self.note.stat().st_mtime
        os.utime(self.note, (0, max(until - seconds, 0)))


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


# Are the workers of this machine well?


def test_no_worker_at_all(db: None, tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path

    with pytest.raises(CommandError, match="No worker runs on this machine"):
        call_command("worker_health")


def test_all_is_well(worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("worker_health")

    assert capsys.readouterr().out == "1 worker runs on this machine.\n"
    assert worker_health.health() == worker_health.Health(alive=(worker.process.pid,))


def test_of_a_killed_worker_nothing_is_left(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()

    assert worker_health.health() == worker_health.Health()
    assert not worker.note.exists()


def test_an_idle_worker_that_says_nothing_hangs(worker: Worker) -> None:
    worker.later(worker_health.IDLE_SECONDS + 1)

    assert worker_health.health().silent == (worker.process.pid,)
    with pytest.raises(CommandError, match="A worker hangs"):
        call_command("worker_health")


@pytest.mark.parametrize("seconds", [60, 600, 14_400])
def test_a_worker_may_be_at_a_task_for_as_long_as_the_task_may_take(
    queued: Article, worker: Worker, seconds: float
) -> None:
    """An article that waits beside a backup of four hours is no sign of anything."""
    worker.says(partial(worker_health.begins_a_task, seconds))
    worker.later(seconds - 1)
    assert worker_health.nobody_works()

    assert worker_health.problem() is None
    assert worker_health.health().busy == (worker.process.pid,)

    worker.later(worker_health.GRACE_SECONDS + 2)
    assert worker_health.health().silent == (worker.process.pid,)


def test_the_notes_of_another_world_are_not_read(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two containers share a folder and a host name; the numbers of one mean nothing in the other."""
    machine, _, world = this_machine().rpartition("/")
    monkeypatch.setattr("articles.pipeline.worker_health.this_machine", lambda: f"{machine}/{int(world) + 1}")

    assert worker_health.health() == worker_health.Health()
    assert worker.note.exists()


def test_a_full_disk_has_room_for_a_note(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path
    full = mock.Mock(side_effect=OSError(28, "No space left on device"))
    monkeypatch.setattr("pathlib.Path.write_text", full)
    monkeypatch.setattr("pathlib.Path.write_bytes", full)

    worker_health.announce()

    assert worker_health.health().alive == (os.getpid(),)

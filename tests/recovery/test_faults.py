"""Faults of the ground under a run: clock, disk, storage, processes. Each passes, and nothing is paid for twice.

Everything is real but the services, which tell by their own logs what they were asked.
tests/articles/pipeline/test_pipeline.py has the same in small, tests/journeys/test_faults.py with whole installations.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import DateTimeField, F
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from pytest_django import Settings

from articles import processes
from articles.failures import Failure, report
from articles.models import Article, Event
from articles.pipeline import transitions, worker
from articles.pipeline.lease import LEASE
from articles.pipeline.run import Run
from articles.pipeline.sweep import Swept, sweep
from articles.providers import Answer
from articles.providers.errors import IT, Unreachable
from articles.providers.text import TextClient
from audit.models import Change
from backups.trees.tree import Stored, Tree
from tests.conftest import MANUSCRIPT, HandIn, error_of
from tests.doubles.meanwhile import Meanwhile
from tests.doubles.server import Doubles
from tests.services import s3

Work = Callable[[Article], Article]
HOUR = timedelta(hours=1)
PAID = {("openai", "responses"), ("replicate", "create"), ("anthropic", "messages")}
CALLS = 7  # text, prompts, four pictures, the page


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("articles.stages.images.POLL_SECONDS", (0.001,))


def paid(services: Doubles) -> int:
    return sum((request.provider, request.operation) in PAID for request in services.requests())


def let_time_pass(by: timedelta) -> None:
    """So much later; or, when it is less than nothing, after the clock was set back by so much.

    Only the distance between the clock and the times in the rows matters: the rows are moved.
    """
    for model in apps.get_models():
        times = [field.name for field in model._meta.fields if isinstance(field, DateTimeField)]
        if times and model is not Change:  # which nothing alters, and nothing waits for
            model._default_manager.update(**{name: F(name) - by for name in times})


# Owners


def zombie() -> Iterator[str]:
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.DEVNULL)
    name = processes.this_process(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended; nobody has collected it
    yield name
    child.wait()


def reused() -> Iterator[str]:
    """A number that belongs to a living process now, and belonged to another before."""
    machine, pid, started = processes.this_process().split("|")
    yield f"{machine}|{pid}|{int(started) - 1}"


@pytest.mark.parametrize("owner", [zombie, reused])
def test_what_a_dead_owner_left_goes_on_at_once(hand_in: HandIn, run: Work, owner: Callable[[], Iterator[str]]) -> None:
    article = hand_in()
    transitions.claim(article.pk)
    for name in owner():
        Article.objects.update(lease_owner=name)

        assert sweep() == Swept(1, 0, 1)
    assert run(article).status == Article.Status.DONE


# The clock


def test_a_clock_that_is_set_back_hides_no_queued_article(
    hand_in: HandIn, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """Its message hides as well: the queue gives out none from the future."""
    with django_capture_on_commit_callbacks(execute=True):
        hand_in()
    let_time_pass(-HOUR)

    with django_capture_on_commit_callbacks(execute=True):
        assert sweep().tasks_restarted == 1
    assert OrmQ.objects.filter(lock__lte=timezone.now()).count() == 1
    assert sweep() == Swept()


@pytest.mark.parametrize("back", [HOUR, timedelta(minutes=10)])
def test_a_clock_that_is_set_back_prolongs_no_wait(
    hand_in: HandIn, run: Work, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    article = hand_in()
    with monkeypatch.context() as broken:
        away = mock.Mock(side_effect=Unreachable("text", f"{IT} did not answer in time"))
        broken.setattr("articles.stages.article.run", away)
        run(article)
    assert sweep() == Swept(), "not due yet"
    let_time_pass(-back)

    assert sweep().tasks_restarted == 1
    assert run(article).status == Article.Status.DONE


def test_a_clock_that_is_set_back_prolongs_no_lease(hand_in: HandIn, run: Work) -> None:
    """Its holder on another machine may be at work: it keeps what a lease may last, and no more."""
    article = hand_in()
    claimed = transitions.claim(article.pk)
    assert claimed
    Article.objects.update(lease_owner="elsewhere|1|1")
    let_time_pass(-HOUR)

    assert sweep() == Swept()
    Run(claimed).lease.renew()  # not fenced
    let_time_pass(-HOUR)
    assert sweep() == Swept()
    let_time_pass(LEASE)
    assert sweep().tasks_restarted == 1
    assert run(article).status == Article.Status.DONE


def test_a_clock_that_is_set_back_does_not_put_the_sweep_to_sleep(db: None) -> None:
    schedule = Schedule.objects.get(func="articles.tasks.sweep")
    schedule.next_run = timezone.now() + timedelta(minutes=1)
    schedule.save()
    sweep()
    assert Schedule.objects.get(pk=schedule.pk).next_run == schedule.next_run
    let_time_pass(-HOUR)

    sweep()

    assert Schedule.objects.get(pk=schedule.pk).next_run <= timezone.now()


def test_an_operators_own_rhythm_of_the_sweep_stays(db: None) -> None:
    later = timezone.now() + timedelta(minutes=29)
    Schedule.objects.filter(func="articles.tasks.sweep").update(minutes=30, next_run=later)
    sweep()
    assert Schedule.objects.get(func="articles.tasks.sweep").next_run == later


def test_clocks_that_differ_a_little_change_nothing(hand_in: HandIn, run: Work) -> None:
    queued, running = hand_in(), hand_in()
    transitions.claim(running.pk)
    Article.objects.filter(pk=running.pk).update(lease_owner="elsewhere|1|1")
    let_time_pass(-timedelta(minutes=1))
    before = list(Article.objects.order_by("pk").values())

    assert sweep() == Swept()

    assert list(Article.objects.order_by("pk").values()) == before
    assert run(queued).status == Article.Status.DONE


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_jumps_ahead_costs_at_most_the_call_in_flight(
    hand_in: HandIn, services: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every lease has run out at once; the worker that had one is fenced when it comes back with its answer."""
    article = hand_in(idea="the slow return of night trains")
    ask = TextClient.ask

    def overtaken(*args: Any, **kwargs: Any) -> Answer:
        monkeypatch.setattr(TextClient, "ask", ask)
        let_time_pass(HOUR)
        assert sweep().tasks_restarted == 1
        worker.run_article(article.pk)
        return ask(*args, **kwargs)

    monkeypatch.setattr(TextClient, "ask", overtaken)
    worker.run_article(article.pk)

    article.refresh_from_db()
    assert (article.status, article.attempt) == (Article.Status.DONE, 2)
    assert paid(services) == CALLS + 1
    assert article.calls.get(key="text").lost_answers == 1
    assert Event.objects.filter(article=article, kind="repeated").count() == 1
    assert article.tree.verify() == []


# The disk and the storage


class Disk(Protocol):
    """A backup folder on a disk that is full soon, until it is given room."""

    def make_room(self) -> None: ...


@dataclass
class SmallDisk:
    """A real one: a file system of its own with so many bytes."""

    folder: Path
    bytes: int

    def __enter__(self) -> SmallDisk:
        self.folder.mkdir(parents=True)
        self._mount(f"size={self.bytes}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", self.folder], check=True)

    def make_room(self) -> None:
        self._mount(f"remount,size={64 * 1024 * 1024}")

    def _mount(self, options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder], check=True, capture_output=True)


@dataclass
class SmallFiles:
    """For those who may not mount, too: a file that gets larger than so many bytes breaks off in the middle."""

    bytes: int

    def __enter__(self) -> SmallFiles:
        self._limit(self.bytes)
        return self

    def __exit__(self, *_: object) -> None:
        self.make_room()

    def make_room(self) -> None:
        self._limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])

    def _limit(self, most: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def may_mount(folder: Path) -> bool:
    folder.mkdir()
    tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True)
    return tried.returncode == 0 and subprocess.run(["umount", folder], check=False).returncode == 0


IMAGE_BYTES = 300_000  # the picture; its sidecar has a third more


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path, storage_folder: Path) -> Iterator[Disk]:
    kind, size = request.param
    if kind is SmallDisk and not may_mount(tmp_path / "probe"):
        pytest.skip("needs the right to mount a file system")
    with kind(storage_folder, size) if kind is SmallDisk else kind(size) as made:
        yield made


SMALL = [
    *((SmallDisk, size * 1024) for size in (8, 400, 900, 1600, 2400)),
    *((SmallFiles, size) for size in (200_000, 420_000)),
]


@pytest.mark.parametrize("disk", SMALL, indirect=True, ids=lambda small: f"{small[0].__name__}-{small[1]}")
def test_a_disk_that_is_full_in_the_middle_of_a_tree(
    hand_in: HandIn, run: Work, services: Doubles, disk: Disk, storage_folder: Path
) -> None:
    services.configure(image_bytes=IMAGE_BYTES, image_width=2048)
    article = run(hand_in(idea="the slow return of night trains"))

    assert (article.status, error_of(article)["code"]) == (Article.Status.WAITING, "storage")
    assert Failure.read(error_of(article)).reason in (
        "it did not take a file (No space left on device)",
        "it did not take a file (File too large)",
    )
    there = {file.name: file.read_bytes() for file in storage_folder.rglob("*") if file.is_file()}
    assert article.tree.verify() == [], "what was saved before is whole"
    before = paid(services)

    disk.make_room()
    article = on(run, article)

    assert article.status == Article.Status.DONE
    assert before <= paid(services) == CALLS
    assert len(article.tree.files()) == 12
    assert article.tree.verify() == []
    now = {file.name: file.read_bytes() for file in storage_folder.rglob("*") if file.is_file()}
    assert now.keys() == {*article.tree.files(), "manifest.json"}, "nothing is left of what broke off"
    assert {name for name in there if there[name] != now[name]} <= {"manifest.json"}, "no part ever had a final name"


def on(run: Work, article: Article) -> Article:
    """Its time to wait has come."""
    assert article.next_at
    let_time_pass(article.next_at - timezone.now())
    assert sweep().tasks_restarted == 1
    return run(article)


@pytest.fixture
def bucket(tmp_path: Path, settings: Settings) -> Iterator[s3.S3]:
    """Backups go to a real S3 server."""
    if reason := s3.rclone_available():
        pytest.skip(reason)
    with s3.rclone(tmp_path) as running:
        options = {"bucket_name": running.bucket, "location": "desk", "endpoint_url": running.endpoint_url}
        keys = {"access_key": running.access_key, "secret_key": running.secret_key}
        entry = {"BACKEND": "backups.storage.django_bucket.BucketStorage", "OPTIONS": options | keys}
        settings.STORAGES = {**settings.STORAGES, "backups": entry}
        yield running


@pytest.mark.parametrize("operation", ["responses", "create", "deliver", "messages"])
def test_a_storage_that_is_down_for_a_minute(
    hand_in: HandIn, run: Work, services: Doubles, bucket: s3.S3, operation: str
) -> None:
    services.configure(latency=Meanwhile(operation, bucket.server.kill))
    article = run(hand_in(idea="the slow return of night trains"))
    for _ in range(2):  # two more tries, half a minute apart
        assert (article.status, error_of(article)["code"]) == (Article.Status.WAITING, "storage")
        article = on(run, article)
    before = paid(services)

    bucket.server.start()
    article = on(run, article)

    assert article.status == Article.Status.DONE
    assert before <= paid(services) == CALLS
    assert len(article.tree.files()) == 12
    assert article.tree.verify() == []


# A write that comes late


@pytest.mark.parametrize("landing", ["before it is done", "after it is done"])
def test_a_fenced_workers_late_write_is_noticed_and_mended(
    hand_in: HandIn, run: Work, editor: User, monkeypatch: pytest.MonkeyPatch, landing: str
) -> None:
    """Frozen in the middle of writing a file; meanwhile a person cancels, changes the manuscript and recovers."""
    article = hand_in()
    write = Tree.add
    late: list[Callable[[], object]] = []

    def overtaken(tree: Tree, name: str, content: bytes) -> Stored:
        late.append(lambda: write(tree, name, content))
        monkeypatch.setattr(Tree, "add", write if landing == "after it is done" else landing_first)
        transitions.cancel(article, editor)
        Article.objects.update(manuscript=MANUSCRIPT.replace("Tariffs", "Lighthouses"))
        transitions.resume(article, editor)
        worker.run_article(article.pk)
        return write(tree, name, content)

    def landing_first(tree: Tree, name: str, content: bytes) -> Stored:
        if name == "05_final.html":
            late[0]()
        return write(tree, name, content)

    monkeypatch.setattr(Tree, "add", overtaken)
    article = run(article)
    monkeypatch.undo()

    assert article.status == Article.Status.FAILED
    assert error_of(article)["reason"] == "01_raw_article.html in the backup is not the file that was saved"
    assert "A saved file is damaged or gone (step 1 of 5)" in str(report(article))
    assert "Next: press Recover to have it made again." in str(report(article))
    assert "Not done: article." in str(report(article))

    assert transitions.resume(article, editor)
    article = run(article)
    assert (article.status, article.title) == (Article.Status.DONE, "Lighthouses and AI")
    assert article.tree.verify() == []

"""What the settings leave out, put off or slow down: schedules keep to it, and whoever asks is told."""

from __future__ import annotations

import json
from datetime import time, timedelta
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from backups import configured, models, tasks
from backups.health import report
from backups.repository.manifests import DATABASE, FILES
from backups.storage.pace import Hours, Paced
from backups.storage.port import FIRST, SECOND

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def places(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.STORAGES = settings.STORAGES | {
        name: {"BACKEND": "backups.storage.django_folder.LocalStorage", "OPTIONS": {"location": str(tmp_path / name)}}
        for name in ("backups", "second")
    }
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for n in range(40):
        (folder / f"{n}.txt").write_text(f"text {n}")
    return folder


def _hours(begin: int, end: int) -> tuple[time, time]:
    """From so many hours from now on until so many, by the clock of the desk."""
    now = timezone.localtime()
    return (now + timedelta(hours=begin)).time(), (now + timedelta(hours=end)).time()


def _names(tier: str) -> set[str]:
    return set(models.Generation.objects.filter(tier=tier, storage=FIRST).values_list("name", flat=True))


def test_out_of_hours_schedules_wait_and_nothing_is_wrong(source: Path, settings: Settings) -> None:
    settings.GALLEY_BACKUP_HOURS = _hours(5, 6)
    other = Schedule.objects.create(
        func="backups.tasks.backup_files", args="('/elsewhere',)", next_run=timezone.now() + timedelta(days=6)
    )
    mine = Schedule.objects.create(
        func="backups.tasks.backup_files",
        args=repr((str(source),)),
        schedule_type=Schedule.WEEKLY,
        next_run=timezone.now() + timedelta(days=7),
    )
    due = other.next_run

    tasks.backup_files(str(source))
    tasks.backup_database()

    assert (_names("files"), len(_names("database"))) == (set(), 1), "the database is backed up at any time"
    assert not models.Generation.objects.filter(storage=SECOND).exists()
    assert not models.Copy.objects.exclude(reason="").exists()
    mine.refresh_from_db()
    other.refresh_from_db()
    hours = configured.hours()
    assert hours
    assert hours.are_now(mine.next_run)
    assert mine.next_run - timezone.now() < timedelta(hours=6)
    assert other.next_run == due

    settings.GALLEY_BACKUP_HOURS = _hours(-1, 2)
    tasks.backup_files(str(source))
    assert len(_names("files")) == 1
    assert models.Generation.objects.filter(storage=SECOND).count() == 2


def test_a_run_ends_with_the_hours_and_the_next_goes_on(source: Path, settings: Settings) -> None:
    settings.GALLEY_BACKUP_HOURS = _hours(-1, 2)
    answers = iter([True] * 10)
    sent = []
    put = Paced.put

    def counted(self: Paced, key: str, content: bytes, *, replace: bool = False) -> str:
        if "/objects/" in key:
            sent.append(f"{self} {key}")
        return put(self, key, content, replace=replace)

    settings.GALLEY_BACKUP_KILOBYTES = 1_000_000
    with mock.patch.object(Paced, "put", counted):
        with (
            mock.patch.object(Hours, "are_now", side_effect=lambda _: next(answers, False)),
            mock.patch.object(Hours, "begin", return_value=timezone.now()),
        ):
            tasks.backup_files(str(source))
        assert _names("files") == set()
        assert 1 < len(sent) < 40
        tasks.backup_files(str(source))
    assert len(sent) == len(set(sent)) == 2 * 40, "none is sent twice to either storage"
    assert len(_names("files")) == 1


def test_copies_end_with_the_hours_too(source: Path, settings: Settings) -> None:
    settings.GALLEY_BACKUP_HOURS = _hours(-1, 2)
    call_command("backup_files", str(source), stdout=StringIO())
    tasks.look()
    answers = iter([True] * 10)
    with mock.patch.object(Hours, "are_now", side_effect=lambda _: next(answers, False)):
        tasks.copy()
    assert not models.Generation.objects.filter(tier="files", storage=SECOND).exists()
    assert not models.Copy.objects.exclude(reason="").exists()

    tasks.copy()
    assert models.Generation.objects.filter(tier="files", storage=SECOND).exists()


def test_by_hand_it_is_done_at_any_time(source: Path, settings: Settings) -> None:
    settings.GALLEY_BACKUP_HOURS = _hours(5, 6)
    call_command("backup_files", str(source), stdout=StringIO())
    call_command("copy_backups", stdout=StringIO())
    assert models.Generation.objects.filter(tier="files", storage=SECOND).exists()


def test_files_and_copies_are_paced_and_the_database_is_not(settings: Settings) -> None:
    settings.GALLEY_BACKUP_KILOBYTES = 500
    paced = {
        (storage, tier.name): isinstance(configured.repository(tier, storage).object_store, Paced)
        for storage in (FIRST, SECOND)
        for tier in (FILES, DATABASE)
    }
    assert paced == {
        (FIRST, "files"): True,
        (FIRST, "database"): False,
        (SECOND, "files"): True,
        (SECOND, "database"): True,
    }


def test_what_waits_for_its_hours_is_not_late(settings: Settings, source: Path) -> None:
    """An hourly schedule that may run at night alone is as late as a nightly one."""
    Schedule.objects.create(
        func="backups.tasks.backup_files", args=repr((str(source),)), schedule_type=Schedule.HOURLY, repeats=-1
    )
    call_command("backup_files", str(source), stdout=StringIO())
    tasks.look()
    models.Generation.objects.update(began=timezone.now() - timedelta(hours=14))

    def late() -> set[str]:
        [part] = [part for part in report.known(timezone.now()).parts if part.name == "files"]
        return {type(finding).__name__ for finding in part.findings}

    assert "NotBackedUpSince" in late()
    settings.GALLEY_BACKUP_HOURS = _hours(5, 6)
    assert "NotBackedUpSince" not in late()


def test_it_is_said_to_whoever_asks(source: Path, settings: Settings, client: Client, admin_user: User) -> None:
    assert configured.terms() == []
    settings.GALLEY_BACKUP_EXCLUDE = ["*.tmp", "1?.txt"]
    settings.GALLEY_BACKUP_HOURS = (time(22, 0), time(6, 0))
    settings.GALLEY_BACKUP_KILOBYTES = 1500
    settings.TIME_ZONE = "Europe/Berlin"
    call_command("backup_files", str(source), stdout=StringIO(), stderr=StringIO())
    said = [
        "No backup of files takes what these patterns name: *.tmp, 1?.txt.",
        "Schedules back up files, and copy to the second storage, from 22:00 to 06:00 (Europe/Berlin).",
        "Files and copies are sent with 1,500 kB a second, at most.",
    ]
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("backup_status", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert (found["terms"], found["files"]["left out by patterns"]) == (said, 10)

    client.force_login(admin_user)
    page = client.get(reverse("admin:backups_generation_changelist")).content.decode()
    for sentence in (*said, "10 left out by patterns"):
        assert sentence in page

"""The commands of the file tier, from outside: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from backups import configured, models
from backups.files import backup
from backups.files.source import UNSETTLED
from backups.repository.manifests import FILES
from backups.repository.repository import Repository
from tests.backups.conftest import bucket
from tests.backups.files.test_backup import CONTENTS as SEVERAL
from tests.backups.files.test_backup import contents, filled
from tests.services import s3
from tests.services.process import wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return filled(tmp_path / "source", SEVERAL)


@pytest.fixture
def environment(tmp_path: Path, storage_folder: Path) -> dict[str, str]:
    return os.environ | {"GALLEY_STORAGE_URL": f"file://{storage_folder}", "GALLEY_VAR_DIR": str(tmp_path / "var")}


@pytest.fixture(autouse=True)
def own_cache(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"


def galley(environment: dict[str, str], *argv: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, argv)],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )


def told(capsys: pytest.CaptureFixture[str], *argv: Any, **options: Any) -> str:
    call_command(*argv, **options)
    return capsys.readouterr().out


def test_exit_codes_of_a_backup(environment: dict[str, str], source: Path, tmp_path: Path) -> None:
    made = galley(environment, "backup_files", source)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("20 files with ")

    (source / "link").symlink_to("/etc/passwd")
    (source / "log").mkdir(mode=0)
    linked = galley(environment, "backup_files", source, "--json")
    if os.geteuid():
        assert linked.returncode == 2
    outcome = json.loads(linked.stdout)
    assert (outcome["files"], outcome["left_symlink"]) == (20, 1)
    assert "link: a symlink has no content to back up." in linked.stderr
    (source / "log").rmdir()

    absent = galley(environment, "backup_files", tmp_path / "none")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "is not mounted" in absent.stderr

    for path in source.rglob("*.txt"):
        path.unlink()
    shrunk = galley(environment, "backup_files", source)
    assert (shrunk.returncode, shrunk.stdout) == (3, "")
    assert shrunk.stderr.endswith("Is it mounted, and whole? If so: --accept-shrink\n")
    assert galley(environment, "backup_files", source, "--accept-shrink").returncode == 0


def test_a_backup_with_unusable_settings_says_so(environment: dict[str, str], source: Path) -> None:
    refused = galley(environment | {"GALLEY_SECRET_KEY": "", "GALLEY_DEBUG": ""}, "backup_files", source)

    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: GALLEY_SECRET_KEY is missing.")
    assert "Traceback" not in refused.stderr


@pytest.mark.dealt(2)
def test_lost_and_restored_by_commands(
    rclone: s3.S3, environment: dict[str, str], source: Path, tmp_path: Path
) -> None:
    """The machine is lost: its folder of variables, its database, its files. Keys and storage are left."""
    before = contents(source)
    here = environment | rclone.environment() | {"GALLEY_STORAGE_URL": rclone.galley_url(f"desk/{tmp_path.name}")}
    assert galley(here, "backup_files", source).returncode == 0
    for path in source.rglob("*.txt"):
        path.unlink()

    elsewhere = here | {"GALLEY_VAR_DIR": str(tmp_path / "new")}
    dry = galley(elsewhere, "restore_files", tmp_path / "back")
    assert "20 to create" in dry.stdout
    assert not (tmp_path / "back").exists()
    done = galley(elsewhere, "restore_files", tmp_path / "back", "--apply", "--json")
    assert (done.returncode, json.loads(done.stdout)["done"]) == (0, {"create": 20})
    assert contents(tmp_path / "back") == before

    server_side = bucket(rclone, f"desk/{tmp_path.name}", server_side_encryption="AES256")
    assert len([*server_side.list("source_files/objects")]) == 20


@pytest.mark.dealt(2)
def test_killed_while_it_copies_to_a_bucket(rclone: s3.S3, environment: dict[str, str], tmp_path: Path) -> None:
    """A real process, by kill -9, once some objects are there; twice. The third goes on from there."""
    source = filled(tmp_path / "source", {f"{n:04}": b"%d" % n * 999 for n in range(1500)})
    here = environment | rclone.environment() | {"GALLEY_STORAGE_URL": rclone.galley_url(f"desk/{tmp_path.name}")}
    folder = rclone.server.log.parent / "s3" / "backups" / "desk" / tmp_path.name / "source_files"
    rested = max(path.stat().st_ctime_ns for path in source.iterdir()) + UNSETTLED
    wait_until(lambda: time.time_ns() > rested, 10)  # else what a checkpoint noted would be read again
    for kind in ("objects/0*", "notes/*/*-0*.json"):  # before the first checkpoint, and after it
        with subprocess.Popen(
            [sys.executable, "manage.py", "backup_files", str(source)], cwd=ROOT, env=here, stdout=subprocess.DEVNULL
        ) as process:
            wait_until(lambda kind=kind: [*folder.glob(kind)], 60)  # type: ignore[misc]
            process.kill()
        assert process.returncode == -signal.SIGKILL
    assert galley(here, "restore_files", "--list").stdout == ""

    outcome = json.loads(galley(here, "backup_files", source, "--json").stdout)
    assert outcome["files"] == 1500
    assert outcome["read"] < 1500
    galley(here, "restore_files", tmp_path / "back", "--apply")
    assert contents(tmp_path / "back") == contents(source)


def test_a_restore_shows_pages_and_needs_apply(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(source, {f"more/{n:03}": b"%d" % n for n in range(100)})
    generation = backup.backup(_repository(), source).generation

    first = told(capsys, "restore_files", tmp_path / "target").splitlines()
    assert (len(first), first[50]) == (53, "Page 1 of 3; --page N shows another.")
    assert first[-1] == "Nothing was changed. To do it, add --apply"
    third = json.loads(told(capsys, "restore_files", tmp_path / "target", page=3, json=True))
    assert (third["create"], len(third["steps"]), third["generation"]) == (120, 20, generation.id)
    assert generation.id in told(capsys, "restore_files", list=True)
    told(capsys, "restore_files", tmp_path / "target", "more/00*", apply=True)
    assert len(contents(tmp_path / "target")) == 10


def test_a_mirror_is_asked_for_twice(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup.backup(_repository(), source)
    target = filled(tmp_path / "target", {"mine": b"mine"})
    with pytest.raises(CommandError, match="say so twice"):
        call_command("restore_files", target, mode="mirror", apply=True)

    told(capsys, "restore_files", target, mode="mirror", apply=True, confirm="mirror")
    assert "mine" not in contents(target)
    assert b"mine" in contents(target).values(), "set aside"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--at", "some day"], "Write it like"),
        (["--at", "2020-01-01"], "no such backup"),
        (["--backup", "none"], "no such backup"),
        (["--source", "none"], "no such backup"),
    ],
)
def test_what_cannot_be_restored_is_a_sentence(source: Path, tmp_path: Path, argv: list[str], sentence: str) -> None:
    backup.backup(_repository(), source)

    with pytest.raises(CommandError, match=sentence):
        call_command("restore_files", str(tmp_path / "target"), *argv)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_point_in_time_is_meant_in_the_desks_zone(
    settings: Settings, source: Path, tmp_path: Path, zone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.TIME_ZONE = zone
    made = backup.backup(_repository(), source).generation.made.replace(tzinfo=None)
    shift = {"UTC": 0, "Asia/Tokyo": 9}[zone]
    local = made.replace(microsecond=0).timestamp() + 3600 * shift
    moments = [made.fromtimestamp(local + seconds).isoformat() for seconds in (1, -1)]

    assert "to create" in told(capsys, "restore_files", tmp_path / "target", "--at", moments[0])
    with pytest.raises(CommandError, match="no such backup"):
        call_command("restore_files", tmp_path / "target", "--at", moments[1])


@pytest.mark.django_db
def test_verification_and_removal(source: Path, capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    repository = _repository()
    made = [backup.backup(repository, source).generation for _ in range(3)]
    assert "all are whole" in told(capsys, "verify_backups", tier="files", deep=True)
    assert models.Generation.objects.exclude(verified_at=None).count() == 3
    assert "database: there is no backup." in told(capsys, "verify_backups")

    assert "2 stay: it is one of the last two\n" in told(capsys, "prune_backups", tier="files")
    call_command("prune_backups", tier="files", pin=made[0].id)
    [pinned] = json.loads(told(capsys, "prune_backups", tier="files", json=True))["stayed"].keys() - {
        each.id for each in made[1:]
    }
    assert pinned == made[0].id
    call_command("prune_backups", tier="files", unpin=made[0].id)

    models.Generation.objects.all().delete()
    assert "files: 3 backups are known." in told(capsys, "verify_backups", rebuild=True)

    [*objects] = repository.object_store.list(repository.path("objects"))
    repository.object_store.delete(objects[0].key)
    with pytest.raises(SystemExit) as stopped:
        call_command("verify_backups", tier="files", json=True)
    assert stopped.value.code == 2
    out = capsys.readouterr()
    assert "is missing from the backup storage" in out.err
    assert len(json.loads(out.out)["damage"]) == 1
    assert models.Generation.objects.filter(damage=[]).count() == 0


def _repository() -> Repository:
    return configured.repository(FILES)

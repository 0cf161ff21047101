"""Damage outranks everything, and a backup that did not run is an alarm."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from backups import database, drill, health, models, posture, tasks
from backups.manifests import DATABASE, FILES
from backups.places import Folder
from backups.repository import Repository
from tests.backups import desks
from tests.backups.conftest import KEYS
from tests.services import s3

pytestmark = pytest.mark.django_db


def _backed_up(age: timedelta = timedelta(), **fields: object) -> models.Generation:
    moment = timezone.now() - age
    values = {"counts": {"rows": 5}, "about": {"source": "desk", "kind": "full"}} | fields
    return models.Generation.objects.create(
        tier="database", name=f"b{models.Generation.objects.count()}", began=moment, made=moment, **values
    )


def _part(name: str) -> health.Part:
    return next(part for part in health.known(timezone.now()).parts if part.name == name)


def test_the_schedules_are_there_and_call_what_exists() -> None:
    ours = Schedule.objects.filter(func__startswith="backups.tasks.")
    assert {schedule.func.rpartition(".")[2] for schedule in ours} == {"backup_database", "verify", "try_restore"}
    assert all(callable(getattr(tasks, schedule.func.rpartition(".")[2])) for schedule in ours)


def test_no_backup_at_all_is_an_alarm() -> None:
    assert (_part("database").state, _part("database").sentences) == ("alarm", ["There is no backup yet."])
    assert _part("files").state == "ok"  # nobody has asked for one
    Schedule.objects.create(func="backups.tasks.backup_files", args="'/srv/ocr'", schedule_type=Schedule.DAILY)
    assert _part("files").state == "alarm"


@pytest.mark.parametrize(("hours", "state"), [(0, "ok"), (2.9, "ok"), (3.1, "alarm")])
def test_a_backup_that_did_not_run_is_an_alarm(hours: float, state: str) -> None:
    _backed_up(timedelta(hours=hours))
    assert _part("database").state == state


def test_the_backup_before_a_restore_does_not_count() -> None:
    _backed_up(timedelta(hours=9))
    _backed_up(about={"source": "before a restore", "kind": "full"})
    assert _part("database").state == "alarm"


def test_damage_outranks_a_fresh_backup() -> None:
    _backed_up(timedelta(hours=1))
    _backed_up(damage=["chunks/x is missing."])
    assert _part("database").state == health.known(timezone.now()).state == "damaged"
    assert "b1 is damaged: chunks/x is missing." in _part("database").sentences[0]


def test_without_a_schedule_somebody_should_look() -> None:
    Schedule.objects.filter(func="backups.tasks.backup_database").delete()
    _backed_up()
    assert _part("database").sentences == ["No schedule backs it up."]


def test_drift_and_drills_are_told() -> None:
    _backed_up(counts={"rows": 5, "drifted_rows": 2})
    assert _part("database").state == "look"
    assert _part("drill").state == "look"
    now = timezone.now()
    models.drilled([drill.Drilled("database", "b0", 5, 1.5)], now - timedelta(days=9))
    assert "No restore was tried since" in _part("drill").sentences[0]
    models.drilled([drill.Drilled("database", "b0", 5, 1.5, ["articles.Article 7 is another."])], now)
    assert (_part("drill").state, "7 is another" in _part("drill").sentences[0]) == ("alarm", True)


def test_the_probe_tells_it() -> None:
    answer = Client().get("/readyz").json()
    assert answer["backups"] == "alarm"
    assert answer["status"] != "alarm"


# From the shell


@pytest.fixture
def desk_file(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path / "var"
    return tmp_path


def _status(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    with pytest.raises(SystemExit) as left:
        call_command("backup_status", "--json")
    return int(str(left.value.code)), json.loads(capsys.readouterr().out)


def test_the_status_names_what_is_not_backed_up(
    transactional_db: None, desk_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Schedule.objects.get_or_create(func=health.RUNS["database"], defaults={"schedule_type": Schedule.HOURLY})
    code, told = _status(capsys)
    assert (code, told["state"]) == (3, "alarm")

    call_command("backup_database")
    capsys.readouterr()
    desks.fill("default", 1)
    code, told = _status(capsys)
    assert told["database"]["state"] == "ok"  # type: ignore[index]
    assert told["database"]["rows not yet backed up"] > 10  # type: ignore[index]
    assert code == 2  # no drill yet


def test_a_drill_of_a_damaged_backup_does_not_pass(sqlite_desk: str, store: Repository, tmp_path: Path) -> None:
    desks.fill(sqlite_desk, 2)
    made = database.backup(store, sqlite_desk).generation
    files = Repository(Folder(tmp_path / "place"), FILES, KEYS)
    [passed] = drill.drill(store, files, now=timezone.now())
    assert passed.passed
    assert passed.things == made.counts["rows"]

    chunk = next(entry for entry in store.entries(made) if entry["role"] == "chunk")
    store.place.delete(store.path(chunk["key"]))
    [failed] = drill.drill(store, files, now=timezone.now())
    assert not failed.passed
    assert "chunk_" in failed.differences[0]


def test_tasks_never_raise(settings: Settings, storage_folder: Path) -> None:
    storage_folder.write_text("no folder")
    tasks.backup_database()
    tasks.backup_files("/nowhere")
    tasks.verify()
    tasks.try_restore()


# The bucket


@pytest.fixture
def bucket(moto: s3.S3, settings: Settings) -> s3.S3:
    settings.STORAGES = settings.STORAGES | {
        "backups": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": moto.bucket,
                "location": "desk",
                "endpoint_url": moto.endpoint_url,
                "region_name": moto.region,
                "access_key": moto.access_key,
                "secret_key": moto.secret_key,
            },
        }
    }
    return moto


def test_what_is_missing_from_a_bucket_is_named_with_its_remedy(bucket: s3.S3) -> None:
    client = bucket.client()
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket.bucket,
        LifecycleConfiguration={
            "Rules": [
                {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": "desk/"}, "Expiration": {"Days": 30}},
                {"ID": "others", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}},
                {
                    "ID": "old",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                },
            ]
        },
    )
    client.create_multipart_upload(Bucket=bucket.bucket, Key=f"desk/{DATABASE.folder}/chunks/x")
    seen = posture.look(timezone.now() + timedelta(days=2))
    assert [sentence.partition(" ")[0] for sentence in seen.findings] == ["Versioning", "Public", "The"]
    assert "tidy" in seen.findings[2]
    assert seen.unfinished == 1

    client.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
    client.delete_bucket_lifecycle(Bucket=bucket.bucket)
    client.put_public_access_block(
        Bucket=bucket.bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(  # type: ignore[arg-type]
            ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True
        ),
    )
    assert posture.look().findings == []

"""Damage outranks everything, and a backup that did not run is an alarm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import pytest
from botocore.exceptions import ClientError
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from backups import models, tasks
from backups.database import backup
from backups.health import bucket_audit, drill, report
from backups.health.bucket_findings import PublicAccessOpen, RuleDeletesBackups, VersioningOff
from backups.health.wording import sentences, words
from backups.models import Look, Restore
from backups.repository.manifests import DATABASE, FILES
from backups.repository.repository import Repository
from backups.restores import database
from backups.storage.folder import Folder
from tests.backups import desks
from tests.backups.conftest import KEYS
from tests.services import s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.django_db


def _backed_up(age: timedelta = timedelta(), **fields: object) -> models.Generation:
    moment = timezone.now() - age
    values = {"counts": {"rows": 5}, "about": {"source": "desk", "kind": "full"}} | fields
    return models.Generation.objects.create(
        tier="database", name=f"b{models.Generation.objects.count()}", began=moment, made=moment, **values
    )


def _part(name: str) -> report.Part:
    return next(part for part in report.known(timezone.now()).parts if part.name == name)


RUN = {"backup_database", "copy", "verify", "remove_old", "try_restore", "watch"}


def test_the_schedules_are_there_and_call_what_exists() -> None:
    ours = Schedule.objects.filter(func__startswith="backups.tasks.")
    assert {schedule.func.rpartition(".")[2] for schedule in ours} == RUN
    assert all(callable(getattr(tasks, schedule.func.rpartition(".")[2])) for schedule in ours)


@pytest.mark.parametrize(("hours", "state"), [(0, "look"), (2.9, "look"), (3.1, "alarm")])
def test_the_first_backup_is_late_as_every_other_would_be(hours: float, state: str) -> None:
    desks.awaited_since(timezone.now() - timedelta(hours=hours))
    assert _part("database").state == state
    assert sentences(_part("database"))[0].startswith("There is no backup yet.")


def test_no_backup_at_all_and_no_schedule_is_an_alarm() -> None:
    Schedule.objects.filter(func="backups.tasks.backup_database").update(repeats=0)
    assert (_part("database").state, sentences(_part("database"))) == ("alarm", ["There is no backup yet."])


def test_a_folder_has_the_time_of_its_own_schedule_for_its_first_backup() -> None:
    assert _part("files").state == "ok"  # nobody has asked for one
    schedule = Schedule.objects.create(
        func="backups.tasks.backup_files", args="'/srv/ocr'", schedule_type=Schedule.DAILY
    )
    now = timezone.now()
    report.note_sources(now)
    report.note_sources(now + timedelta(hours=70))

    for hours, state in {0: "look", 71: "look", 73: "alarm"}.items():
        part = next(part for part in report.known(now + timedelta(hours=hours)).parts if part.name == "files")
        assert part.state == state

    schedule.delete()  # and made anew, a week later
    report.note_sources(now + timedelta(days=7))
    Schedule.objects.create(func="backups.tasks.backup_files", args="'/srv/ocr'", schedule_type=Schedule.DAILY)
    assert _part("files").state == "look"


def test_a_desk_whose_queue_never_ran_is_an_alarm() -> None:
    """Nobody but the first migration has noted since when its backup is awaited."""
    late = timezone.now() + timedelta(hours=4)
    assert report.known(late).state == "alarm"


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
    assert _part("database").state == report.known(timezone.now()).state == "damaged"
    assert "b1 is damaged: chunks/x is missing." in sentences(_part("database"))[0]


def test_without_a_schedule_somebody_should_look() -> None:
    Schedule.objects.filter(func="backups.tasks.backup_database").delete()
    _backed_up()
    assert sentences(_part("database")) == ["No schedule backs it up."]


def test_drift_and_drills_are_told() -> None:
    _backed_up(counts={"rows": 5, "drifted_rows": 2})
    assert _part("database").state == "look"
    assert _part("drill").state == "look"
    now = timezone.now()
    drill.record([drill.DrillResult("database", "b0", 5, 1.5)], now - timedelta(days=9))
    assert "No restore was tried since" in sentences(_part("drill"))[0]
    drill.record([drill.DrillResult("database", "b0", 5, 1.5, ["articles.Article 7 is another."])], now)
    assert (_part("drill").state, "7 is another" in sentences(_part("drill"))[0]) == ("alarm", True)


def test_the_probe_tells_it() -> None:
    desks.awaited_since(timezone.now() - timedelta(days=1))
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
    Schedule.objects.get_or_create(func=report.RUNS["database"], defaults={"schedule_type": Schedule.HOURLY})
    desks.awaited_since(timezone.now() - timedelta(days=1))
    code, told = _status(capsys)
    assert (code, told["state"]) == (3, "alarm")

    call_command("backup_database")
    capsys.readouterr()
    desks.fill("default", 1)
    code, told = _status(capsys)
    assert told["database"]["state"] == "ok"  # type: ignore[index]
    assert told["database"]["rows not yet backed up"] > 10  # type: ignore[index]
    assert code == 2  # no drill yet


@pytest.mark.usefixtures("quick_scratch")
def test_a_drill_of_a_damaged_backup_does_not_pass(sqlite_desk: str, store: Repository, tmp_path: Path) -> None:
    desks.fill(sqlite_desk, 2)
    made = backup.backup(store, sqlite_desk).generation
    files = Repository(Folder(tmp_path / "place"), FILES, KEYS)
    [passed] = drill.drill(store, files, now=timezone.now())
    assert passed.passed
    assert passed.things == made.counts["rows"]

    chunk = next(entry for entry in store.entries(made) if entry["role"] == "chunk")
    store.object_store.delete(store.path(chunk["key"]))
    [failed] = drill.drill(store, files, now=timezone.now())
    assert not failed.passed
    assert "chunk_" in failed.differences[0]


@pytest.mark.parametrize("tried", [True, False])
def test_a_drill_without_any_backup_is_tried_again_soon(tried: bool) -> None:
    """The schedules of a new desk are all due at once, and the drill may well be the first."""
    week = timezone.now() + timedelta(days=7)
    Schedule.objects.filter(func="backups.tasks.try_restore").update(next_run=week)
    found = [drill.DrillResult("database", "b0", 5, 1.5)] if tried else []
    with mock.patch("backups.health.drill.drill", return_value=found):
        tasks.try_restore()

    assert models.Drill.objects.exists() == tried
    soon = timezone.now() + timedelta(hours=1)
    [due] = Schedule.objects.filter(func="backups.tasks.try_restore").values_list("next_run", flat=True)
    assert (due == week) if tried else (due <= soon)


def test_there_is_nothing_to_try_where_nothing_was_backed_up(
    store: Repository, sqlite_desk: str, tmp_path: Path
) -> None:
    files = Repository(Folder(tmp_path / "place"), FILES, KEYS)
    assert drill.drill(store, files, now=timezone.now()) == []

    desks.fill(sqlite_desk, 2)
    backup.backup(store, sqlite_desk)
    for manifest in [*store.object_store.list(store.path("manifests"))]:
        store.object_store.put(manifest.key, b"{}", replace=True)
    [failed] = drill.drill(store, files, now=timezone.now())
    assert "can be believed" in failed.differences[0]


def test_tasks_never_raise(settings: Settings, storage_folder: Path) -> None:
    storage_folder.write_text("no folder")
    tasks.backup_database()
    tasks.backup_files("/nowhere")
    tasks.verify()
    tasks.try_restore()
    with mock.patch("backups.health.report.remembered", side_effect=DatabaseError):
        tasks.watch()


# The watch


def test_the_watch_is_a_schedule_of_its_own() -> None:
    watch = Schedule.objects.get(name="Galley: watch the backups")
    assert (watch.func, watch.schedule_type, watch.minutes) == ("backups.tasks.watch", Schedule.MINUTES, 10)


LONG_AGO, LATELY = timedelta(hours=4, minutes=16), timedelta(hours=4)


@pytest.mark.parametrize(
    ("state", "age", "becomes", "says"),
    [
        ("comparing", LONG_AGO, "failed", "Nothing was changed."),
        ("confirmed", LONG_AGO, "failed", "It did not begin within four hours"),
        ("restoring", LONG_AGO, "failed", "nothing was changed"),
        ("comparing", LATELY, "comparing", ""),
        ("confirmed", LATELY, "confirmed", ""),
        ("restoring", LATELY, "restoring", ""),
        ("shown", LONG_AGO, "shown", ""),
        ("done", LONG_AGO, "done", ""),
    ],
)
def test_a_restore_whose_worker_was_killed_is_ended(state: str, age: timedelta, becomes: str, says: str) -> None:
    job = Restore.objects.create(state=state, who="chief", moved_at=timezone.now() - age)

    tasks.watch()
    tasks.watch()

    job.refresh_from_db()
    assert job.state == becomes
    assert says in job.reason
    assert bool(job.reason) == bool(says)


def test_a_restore_of_files_whose_worker_was_killed_may_go_on() -> None:
    job = Restore.objects.create(
        tier="files", state="restoring", began=timezone.now(), moved_at=timezone.now() - LONG_AGO
    )

    tasks.watch()

    job.refresh_from_db()
    assert "What was done until then stays" in job.reason
    assert job.may_go_on


def test_a_restore_that_waits_for_its_person_or_its_worker_is_not_ended() -> None:
    """What counts is when it came into its state, not when it was asked for."""
    job = Restore.objects.create(state="shown", who="chief", fingerprint="f", moved_at=timezone.now() - LONG_AGO)
    assert database.confirm(job.pk, "f")

    assert database.give_up(timezone.now()) == 0
    assert database.give_up(timezone.now() + LONG_AGO) == 1
    database.restore(job.pk)  # its message comes after all
    job.refresh_from_db()
    assert job.state == "failed"


def test_one_that_restored_after_it_was_given_up_says_so() -> None:
    job = Restore.objects.create(state="confirmed", who="chief")

    def slow(*_: Any, **__: Any) -> None:
        assert database.give_up(timezone.now() + LONG_AGO) == 1

    with (
        mock.patch("backups.database.restore.choose"),
        mock.patch("backups.database.restore.planned"),
        mock.patch("backups.database.restore.restore", side_effect=slow),
    ):
        database.restore(job.pk)

    job.refresh_from_db()
    assert (job.state, job.reason) == ("done", "")


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
    begun = client.create_multipart_upload(Bucket=bucket.bucket, Key=f"desk/{DATABASE.folder}/chunks/x")
    seen = bucket_audit.audit(timezone.now() + timedelta(days=2))
    assert seen.findings == [
        VersioningOff(bucket.bucket),
        PublicAccessOpen(bucket.bucket),
        RuleDeletesBackups("tidy", "desk/"),
    ]
    assert [words(each).text.partition(" ")[0] for each in seen.findings] == ["Versioning", "Public", "The"]
    assert "tidy" in words(seen.findings[2]).text
    assert seen.unfinished == 1

    client.abort_multipart_upload(Bucket=bucket.bucket, Key=begun["Key"], UploadId=begun["UploadId"])
    client.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
    client.delete_bucket_lifecycle(Bucket=bucket.bucket)
    client.put_public_access_block(
        Bucket=bucket.bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(  # type: ignore[arg-type]
            ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True
        ),
    )
    assert bucket_audit.audit().findings == []


@pytest.fixture
def uploads(bucket: s3.S3) -> Iterator[list[str]]:
    """Of two backups and of somebody else, in one bucket."""
    client = bucket.client()
    keys = [f"desk/{tier.folder}/objects/x" for tier in (DATABASE, FILES)] + ["others/x", f"desk-2/{FILES.folder}/x"]
    begun = [(key, client.create_multipart_upload(Bucket=bucket.bucket, Key=key)["UploadId"]) for key in keys]
    yield keys
    for key, upload in begun:
        client.abort_multipart_upload(Bucket=bucket.bucket, Key=key, UploadId=upload)


def test_unfinished_uploads_are_counted_below_our_folders_alone(bucket: s3.S3, uploads: list[str]) -> None:
    assert bucket_audit.audit(timezone.now()).unfinished == 2


BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


class _Pages:
    """A store that lists so many unfinished uploads, two at a time, and believes no marker but its own."""

    def __init__(self, number: int) -> None:
        self.number, self.asked = number, 0

    def list_multipart_uploads(self, **asked: str) -> dict[str, Any]:
        self.asked += 1
        after = {name: value for name, value in asked.items() if name.endswith("Marker")}
        first = int(after.get("KeyMarker", "0"))
        assert after in ({}, {"KeyMarker": str(first), "UploadIdMarker": f"u{first}"})
        last = min(first + 2, self.number)
        uploads = [{"Key": f"{asked['Prefix']}x", "Initiated": BEGUN}] * (last - first)
        more = {"IsTruncated": last < self.number, "NextKeyMarker": str(last), "NextUploadIdMarker": f"u{last}"}
        return {"Uploads": uploads, **more}


@pytest.mark.parametrize(("number", "found"), [(0, 0), (2, 4), (5, 10), (41, 80)])
def test_unfinished_uploads_are_counted_page_by_page_up_to_a_bound(number: int, found: int) -> None:
    store = _Pages(number)
    asking = bucket_audit._Bucket(cast("S3Client", store), "backups", "desk")
    assert asking.unfinished(BEGUN + timedelta(hours=25)) == found
    assert store.asked <= 2 * bucket_audit.MOST
    assert asking.unfinished(BEGUN + timedelta(hours=23)) == 0  # they may be under way


def test_what_a_store_does_not_tell_is_not_nought(rclone: s3.S3) -> None:
    asking = bucket_audit._Bucket(rclone.client(), rclone.bucket, "desk")
    with pytest.raises(bucket_audit.NoAnswer) as refused:
        asking.unfinished(timezone.now())
    assert refused.value.findings == ()

    Look.objects.create(pk=1, at=timezone.now(), pending=0)
    storage = report.remembered(timezone.now()).parts[-2]
    assert (storage.state, storage.facts) == ("ok", report.Facts())


def test_a_key_that_may_not_list_them_is_told(bucket: s3.S3) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied"}}, "ListMultipartUploads")
    asking = bucket_audit._Bucket(mock.Mock(list_multipart_uploads=mock.Mock(side_effect=error)), "backups", "desk")
    with pytest.raises(bucket_audit.NoAnswer) as refused:
        asking.unfinished(timezone.now())
    assert [words(finding).text for finding in refused.value.findings] == [
        "The bucket does not let us see what is unfinished. Give our key the right for list_multipart_uploads."
    ]

"""Every finding has its words, and what the bucket audit found comes back from its row as it was."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import get_args

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from backups.health import bucket_findings, findings, wording
from backups.health.findings import Finding
from backups.health.report import Facts, Part, Report
from backups.health.second import findings as second
from backups.health.states import ALARM, DAMAGED
from backups.models import Look

AT = datetime(2026, 5, 8, 10, 0, tzinfo=UTC)
OF_THE_BUCKET: list[tuple[bucket_findings.BucketFinding, str]] = [
    (
        bucket_findings.OnDiskOfDatabase(),
        "The backups lie on the disk of the database, and are lost with it. Set GALLEY_STORAGE_URL to another.",
    ),
    (
        bucket_findings.VersioningOff("desk"),
        "Versioning is off: what is deleted is gone for ever. Switch it on: aws s3api put-bucket-versioning "
        "--bucket desk --versioning-configuration Status=Enabled",
    ),
    (
        bucket_findings.PublicAccessOpen("desk"),
        "Public access is not blocked. Block it: aws s3api put-public-access-block --bucket desk "
        "--public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,"
        "BlockPublicPolicy=true,RestrictPublicBuckets=true",
    ),
    (
        bucket_findings.RuleDeletesBackups("tidy", "desk/"),
        "The rule tidy deletes objects of the backups below 'desk/'. Retention is manage.py prune_backups alone: "
        "remove that rule, or restrict it to other folders.",
    ),
    (
        bucket_findings.BucketElsewhere("backups.s3.eu-west-1.amazonaws.com"),
        "The store sends us on to backups.s3.eu-west-1.amazonaws.com: no request reaches the bucket. "
        "Set endpoint_url and region_name in GALLEY_STORAGE_URL to those of the bucket.",
    ),
    (
        bucket_findings.BucketElsewhere(""),
        "The store sends us on: no request reaches the bucket. "
        "Set endpoint_url and region_name in GALLEY_STORAGE_URL to those of the bucket.",
    ),
    (
        bucket_findings.HostWanted(),
        "The store wants the bucket's name in its host: no request reaches the bucket. "
        "Set addressing_style=virtual in GALLEY_STORAGE_URL.",
    ),
    (
        bucket_findings.QuestionForbidden("get_public_access_block"),
        "The bucket does not let us see who may reach it. Give our key the right for get_public_access_block.",
    ),
    (
        bucket_findings.QuestionRefused("get_bucket_versioning", "SlowDown"),
        "The bucket does not say whether it keeps versions: SlowDown.",
    ),
    (
        bucket_findings.QuestionUnanswered("get_bucket_lifecycle_configuration", "It is away. Really"),
        "The bucket does not say its rules: It is away. Really",
    ),
]
OTHERS: list[tuple[Finding, str, str]] = [  # with the command that ends it
    (findings.NothingAskedFor(), "There is no backup yet.", "backup_files SOURCE"),
    (findings.NeverBackedUp("database"), "There is no backup yet.", "backup_database"),
    (findings.NeverBackedUp("files", "/a b"), "There is no backup of /a b yet.", "backup_files '/a b'"),
    (
        findings.NotBackedUpSince("database", AT),
        "The last good backup is of 2026-05-08 10:00 UTC: it did not run since.",
        "backup_database",
    ),
    (
        findings.NotBackedUpSince("files", AT, "/a"),
        "The last good backup of /a is of 2026-05-08 10:00 UTC: it did not run since.",
        "backup_files /a",
    ),
    (findings.NoneUsable("files", "/a"), "None of the backups of /a can be restored.", "backup_files /a"),
    (
        findings.TimeAhead("database", "b1", AT),
        "The newest backup, b1, is of 2026-05-08 10:00 UTC, which lies ahead: a clock was wrong. Set the clock right, "
        "and make another one.",
        "backup_database",
    ),
    (findings.DatabaseUnscheduled(), "No schedule backs it up.", ""),
    (
        findings.SourceUnscheduled("/a", AT),
        "No schedule backs up /a, of which the last good backup is of 2026-05-08 10:00 UTC.",
        "",
    ),
    (findings.RowsDrifted(1), "1 row had changed without a backup noticing, until the last full one.", ""),
    (findings.RowsDrifted(2000), "2,000 rows had changed without a backup noticing, until the last full one.", ""),
    (
        findings.BackupDamaged("files", "f1", "It is torn.", others=0, pinned=False),
        "The backup f1 is damaged: It is torn.",
        "backup_files SOURCE",
    ),
    (
        findings.BackupDamaged("database", "b1", "It is torn.", others=2, pinned=True),
        "The backup b1 is damaged: It is torn. 2 more build on it. It is pinned.",
        "prune_backups --tier database --unpin b1",
    ),
    (findings.MoreBackupsDamaged("files", 3), "3 more backups are damaged.", ""),
    (
        findings.ManifestsUnusable("files", 2, "One is odd."),
        "2 manifests cannot be believed, so nothing old is removed: One is odd.",
        "verify_backups --tier files",
    ),
    (
        findings.OldBackupsDamaged("files", 2, AT),
        "2 old backups are damaged: not every day up to 2026-05-08 10:00 UTC can be restored. Nothing newer needs "
        "them, and they go when old enough.",
        "prune_backups --tier files --apply",
    ),
    (
        findings.FirstBackupAwaited("database"),
        "There is no backup yet. Its schedule makes the first one.",
        "backup_database",
    ),
    (
        findings.FirstBackupAwaited("files", "/srv/ocr"),
        "There is no backup of /srv/ocr yet. Its schedule makes the first one.",
        "backup_files /srv/ocr",
    ),
    (
        findings.TreesDamaged(1, "user_6/a", "It is torn."),
        "The files of an article are damaged or missing, and no other copy is at hand; user_6/a: It is torn. "
        "Recover it: what can be made again is.",
        "verify_backups --tier trees --all",
    ),
    (
        findings.TreesUnread(AT),
        "The files of articles were not read since 2026-05-08 10:00 UTC.",
        "verify_backups --tier trees --all",
    ),
    (
        findings.KitNeverPrinted(),
        "No recovery kit was printed: with the machine its keys are lost, and all backups with them. Print it, and "
        "keep it in another place.",
        "recovery_kit --with-secrets --file FILE",
    ),
    (
        findings.KitOutdated(AT, ("GALLEY_BACKUP_KEYS", "GALLEY_STORAGE_URL")),
        "The recovery kit was printed on 2026-05-08 10:00 UTC; GALLEY_BACKUP_KEYS, GALLEY_STORAGE_URL have changed "
        "since. Print it again, and keep the old one while it opens older backups.",
        "recovery_kit --with-secrets --file FILE",
    ),
    (
        findings.KitUntried(AT),
        "No restore was tried with nothing but the recovery kit of 2026-05-08 10:00 UTC.",
        "backup_drill --kit FILE",
    ),
    (findings.NeverDrilled(), "No restore was tried yet.", "backup_drill"),
    (findings.NothingToTry(), "No restore was tried yet: there is no backup.", ""),
    (findings.NotDrilledSince(AT), "No restore was tried since 2026-05-08 10:00 UTC.", "backup_drill"),
    (
        findings.DrillFailed(AT, "One is another.", 7),
        "The drill of 2026-05-08 10:00 UTC did not pass: One is another.",
        "backup_drill",
    ),
    (findings.NeverChecked(), "Nobody has looked at the storage yet.", "backup_status"),
    (findings.StorageUnread("It is away. Really"), "It is away. Really", "backup_status"),
    (
        findings.UploadsUnfinished(3),
        "3 uploads were never finished, and cost money. A lifecycle rule ends them.",
        "",
    ),
]
OF_THE_SECOND: list[tuple[Finding, str, str]] = [
    (second.NeverCopied(), "Nothing was copied to the second storage yet.", "copy_backups"),
    (
        second.CopyFailed("files", "The second storage: It is gone."),
        "The last copy of the files to the second storage ended early. The second storage: It is gone.",
        "copy_backups",
    ),
    (
        second.SecondBehind("database", 2, AT),
        "The second storage lacks 2 backups of the database, since 2026-05-08 10:00 UTC.",
        "copy_backups --tier database",
    ),
    (
        second.NotCopied("files", 1, "It is torn."),
        "1 backup is not in the second storage: It is torn. What is damaged is not copied.",
        "",
    ),
    (
        second.SecondDamaged("files", 2, "b1", "It is torn."),
        "In the second storage the backup b1 is damaged: It is torn. 1 more are damaged there. "
        "The next copy sends it anew.",
        "copy_backups --tier files",
    ),
    (
        second.SecondUnverified("files", AT),
        "The backups of the files in the second storage were not verified since 2026-05-08 10:00 UTC.",
        "verify_backups --tier files --storage second",
    ),
    (
        second.SecondDrillFailed(AT, "It is torn."),
        "The drill of 2026-05-08 10:00 UTC with the second storage did not pass: It is torn.",
        "backup_drill --storage second",
    ),
]
ALL = [*OF_THE_SECOND, *OTHERS, *((finding, text, "") for finding, text in OF_THE_BUCKET)]


@pytest.mark.parametrize(("finding", "text", "command"), ALL, ids=lambda each: type(each).__name__)
def test_every_finding_has_its_words(finding: Finding, text: str, command: str) -> None:
    words = wording.words(finding)
    assert (words.text, words.command) == (text, command)


def test_none_is_left_out() -> None:
    assert {type(finding) for finding, _, _ in ALL} == set(get_args(Finding))


def test_those_that_wake_people_are_the_urgent_ones() -> None:
    urgent = {type(finding) for finding, _, _ in ALL if finding.state in (ALARM, DAMAGED)}
    assert urgent == set(get_args(findings.Urgent))


def test_what_is_kept_comes_back_as_it_was() -> None:
    kept = json.loads(json.dumps([bucket_findings.to_json(finding) for finding, _ in OF_THE_BUCKET]))
    assert list(map(bucket_findings.from_json, kept)) == [finding for finding, _ in OF_THE_BUCKET]
    assert {type(finding) for finding, _ in OF_THE_BUCKET} == set(bucket_findings.CODES.values())


@pytest.mark.django_db
def test_sentences_of_an_older_version_are_taken_out_and_nothing_else() -> None:
    now = timezone.now()
    Look.objects.create(pk=1, at=now, pending=7, unread="It is away.", findings=["Versioning is off."], unfinished=3)
    migration = import_module("backups.migrations.0012_empty_findings")

    migration.empty(apps, SimpleNamespace(connection=connection))

    kept = Look.objects.values_list("at", "pending", "unread", "findings", "unfinished")
    assert list(kept) == [(now, 7, "It is away.", [], 3)]


def test_facts_have_their_phrases_and_what_nobody_knows_is_not_told() -> None:
    assert set(wording.FACTS) == set(asdict(Facts()))
    part = Part("database", facts=Facts(rows=1200, earlier=0, drifted=0, damaged=0, orphans=0), age=3600)
    assert wording.text(part) == "database  ok       1:00:00 h ago, 1,200 rows, 0 orphans"
    told = wording.summary(Report(AT, [part]))["database"]
    assert told == {"state": "ok", "age": 3600, "rows": 1200, "orphans": 0, "sentences": []}


def test_a_finding_stands_above_its_command() -> None:
    part = Part("drill", (findings.NotDrilledSince(AT),), age=int(timedelta(days=9).total_seconds()))
    assert wording.text(part).splitlines() == [
        "drill     look     9 days, 0:00:00 h ago, ",
        "    No restore was tried since 2026-05-08 10:00 UTC.",
        "        manage.py backup_drill",
    ]

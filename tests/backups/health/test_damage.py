"""Each source is judged by itself, and damage by what is still needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from backups import models
from backups.health import intervals, report
from backups.health.wording import sentences, words
from backups.models import Generation, Verification
from tests.backups import desks

pytestmark = pytest.mark.django_db


def _made(name: str, hours: float = 0, *, tier: str = "database", source: str = "desk", **fields: Any) -> Generation:
    moment = timezone.now() - timedelta(hours=hours)
    things = "rows" if tier == "database" else "files"
    values = {"counts": {things: 5}, "about": {"source": source, "kind": "full"}} | fields
    return Generation.objects.create(tier=tier, name=name, began=moment, made=moment, **values)


def _files(source: str, hours: float, **fields: Any) -> Generation:
    return _made(f"{source}-{hours}", hours, tier="files", source=source, **fields)


def _changes(name: str, hours: float, parent: str, **fields: Any) -> Generation:
    return _made(name, hours, parent=parent, about={"source": "desk", "kind": "changes"}, **fields)


def _schedule(folder: str, **fields: Any) -> Schedule:
    """One that has been there for long."""
    values = {"args": f"'{folder}',", "schedule_type": Schedule.DAILY} | fields
    schedule = Schedule.objects.create(func="backups.tasks.backup_files", **values)
    desks.awaited_since(timezone.now() - timedelta(days=30), intervals.folder(schedule), "files")
    return schedule


def _part(name: str) -> report.Part:
    return next(part for part in report.known(timezone.now()).parts if part.name == name)


# Sources


def test_a_late_source_does_not_hide_behind_another() -> None:
    for folder in ("/srv/ocr", "/srv/scans"):
        _schedule(folder)
    _files("/srv/ocr", 100)
    _files("/srv/scans", 1)

    part = _part("files")

    assert part.state == "alarm"
    [late] = map(words, part.findings)
    assert "The last good backup of /srv/ocr is of " in late.sentence
    assert late.command == "backup_files /srv/ocr"
    assert part.facts.files == 10
    assert part.age
    assert part.age >= 100 * 3600


def test_each_source_has_the_time_of_its_own_schedule() -> None:
    _schedule("/srv/ocr", schedule_type=Schedule.WEEKLY)
    _schedule("/srv/scans", schedule_type=Schedule.HOURLY)
    _files("/srv/ocr", 100)
    _files("/srv/scans", 4)

    assert [words(finding).command for finding in _part("files").findings] == ["backup_files /srv/scans"]


def test_a_source_that_was_never_backed_up_is_an_alarm() -> None:
    _schedule("/srv/ocr")
    _schedule("/srv/new scans")
    _files("/srv/ocr", 1)

    [finding] = _part("files").findings

    assert (finding.state, words(finding).sentence) == ("alarm", "There is no backup of /srv/new scans yet.")
    assert words(finding).command == "backup_files '/srv/new scans'"


def test_a_source_whose_schedule_was_removed_is_no_alarm() -> None:
    _schedule("/srv/ocr")
    _schedule("/srv/scans", repeats=0)
    _files("/srv/ocr", 1)
    _files("/srv/scans", 1000)

    part = _part("files")

    assert part.state == "look"
    assert sentences(part)[0].startswith("No schedule backs up /srv/scans, of which the last good backup is of ")
    assert part.age
    assert part.age < 2 * 3600  # a source that was left says nothing about the others


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ("'/srv/ocr'", ""),
        ("'/srv/ocr/',", "q_options={'timeout': 14400}"),
        ("", "folder='/srv/ocr'"),
        ("", "q_options={'timeout': 14400}, folder='/srv/ocr'"),
        (None, "{'folder': '/srv/ocr', 'q_options': {'timeout': 14400}}"),
    ],
)
def test_the_folder_of_a_schedule_is_read_as_the_queue_reads_it(args: str | None, kwargs: str) -> None:
    assert intervals.folder(_schedule("", args=args, kwargs=kwargs)) == "/srv/ocr"


@pytest.mark.parametrize("args", ["/srv/ocr", "f('x')", "17", "(", ""])
def test_a_schedule_without_a_folder_is_an_alarm_and_no_crash(args: str) -> None:
    _schedule("", args=args, kwargs="folder=1", name="Scans")
    assert sentences(_part("files")) == [f"There is no backup of {args or 'Scans'} yet."]


def test_it_takes_as_many_queries_for_many_sources_and_backups() -> None:
    _made("b1")
    _files("/srv/ocr", 1)
    with CaptureQueriesContext(connection) as few:
        report.known(timezone.now())
    for number in range(6):
        _schedule(f"/srv/{number}")
        for hours in range(5):
            _files(f"/srv/{number}", hours)
    with CaptureQueriesContext(connection) as many:
        report.known(timezone.now())
    assert len(many) == len(few) == 12
    Generation.objects.update(damage=["It is missing."])
    with CaptureQueriesContext(connection) as damaged:
        report.known(timezone.now())
    assert len(damaged) <= len(few) + 2


def test_orphans_are_those_of_the_last_that_counted_them() -> None:
    """A verification that reads counts none; both are noted with one time."""
    now = timezone.now()
    for kind, orphans in (("quick", 4), ("deep", 0)):
        Verification.objects.create(tier="files", kind=kind, at=now, objects_seen=9, bytes_seen=9, orphans=orphans)
    assert _part("files").facts.orphans == 4


# Damage

GONE = ["chunks/x is missing."]


def test_damage_of_the_newest_outranks_its_being_fresh() -> None:
    _made("b1", 2)
    _made("b2", 0, damage=GONE)

    part = _part("database")

    assert part.state == "damaged"
    assert [(said.sentence, said.command) for said in map(words, part.findings)] == [
        ("The backup b2 is damaged: chunks/x is missing.", "backup_database")
    ]
    assert part.age
    assert part.age >= 2 * 3600  # of the last that can be restored


def test_what_the_newest_builds_on_is_needed() -> None:
    _made("b0", 9)
    _made("b1", 3, damage=GONE)
    _changes("b2", 2, "b1")
    _changes("b3", 1, "b2")

    part = _part("database")

    assert part.state == "damaged"
    assert "The backup b1 is damaged: chunks/x is missing. 2 more build on it." in sentences(part)
    assert part.age
    assert part.age >= 9 * 3600
    newest = report.last_good()
    assert newest
    assert newest.name == "b0"


def test_what_builds_on_nothing_is_damaged() -> None:
    _changes("b1", 1, "b0")
    assert "The backup b1 is damaged: It builds on b0, which is not there." in sentences(_part("database"))


def test_a_new_whole_backup_makes_an_old_damaged_one_something_to_look_at() -> None:
    _made("b1", 40, damage=GONE)
    _changes("b2", 39, "b1")
    _made("b3", 1)

    part = _part("database")

    assert part.state == "look"
    [said] = map(words, part.findings)
    assert said.sentence.startswith("1 old backup is damaged: not every day up to ")
    assert said.sentence.endswith("can be restored. Nothing newer needs it, and it goes when old enough.")
    assert said.command == "prune_backups --tier database --apply"


def test_one_of_the_last_two_that_were_verified_is_needed_until_there_are_two_later_ones() -> None:
    now = timezone.now()
    _made("b1", 9, damage=GONE, verified_at=now - timedelta(days=1))
    _made("b2", 8, verified_at=now)
    _made("b3", 1)
    assert _part("database").state == "damaged"

    Generation.objects.filter(name="b3").update(verified_at=now)
    assert _part("database").state == "look"


def test_what_the_last_verified_ones_build_on_is_needed() -> None:
    _made("b1", 9, damage=GONE)
    _changes("b2", 8, "b1", verified_at=timezone.now())
    _made("b3", 1)
    assert _part("database").state == "damaged"


def test_a_pinned_one_is_needed_until_it_is_unpinned() -> None:
    _made("b1", 900, damage=GONE)
    _changes("b2", 899, "b1", pinned=True)
    _made("b3", 1)
    assert _part("database").state == "damaged"

    Generation.objects.filter(name="b2").update(pinned=False)
    assert _part("database").state == "look"

    Generation.objects.filter(name="b1").update(pinned=True)
    [said] = map(words, _part("database").findings)
    assert said.sentence.endswith("It is pinned.")
    assert said.command == "prune_backups --tier database --unpin b1"


def test_the_newest_of_each_source_is_needed_as_long_as_somebody_backs_it_up() -> None:
    _schedule("/srv/scans")
    _files("/srv/scans", 1)
    _files("/srv/ocr", 100, damage=GONE)  # perhaps from a crontab
    assert _part("files").state == "damaged"

    Generation.objects.filter(about__source="/srv/ocr").update(made=timezone.now() - timedelta(days=91))
    assert _part("files").state == "look"

    _schedule("/srv/ocr")
    assert _part("files").state == "damaged"


def test_the_backup_from_before_a_restore_is_needed_for_a_while() -> None:
    _made("b1", 1)
    _made("s1", 5, source="before a restore", damage=GONE)
    assert _part("database").state == "damaged"

    Generation.objects.filter(name="s1").update(made=timezone.now() - timedelta(days=91))
    assert _part("database").state == "look"


def test_many_damaged_ones_are_counted() -> None:
    for number in range(5):
        _made(f"b{number}", number, damage=GONE, pinned=True)
    assert sentences(_part("database"))[-1] == "2 more backups are damaged."


def test_without_any_whole_one_there_is_none() -> None:
    _made("b1", 1, damage=GONE)
    desks.awaited_since(timezone.now() - timedelta(days=1))
    assert report.last_good() is None
    assert "None of the backups can be restored." in sentences(_part("database"))
    models.Generation.objects.all().delete()
    _files("/srv/ocr", 1, damage=GONE)
    assert sentences(_part("files")) == ["The backup /srv/ocr-1 is damaged: chunks/x is missing."]


class _To:
    """All queries go to one database."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def db_for_read(self, *_: Any, **__: Any) -> str:
        return self.alias

    db_for_write = db_for_read


def test_both_databases_tell_the_same(desk: str, settings: Settings) -> None:
    settings.DATABASE_ROUTERS = [_To(desk)]
    _schedule("/srv/ocr")
    for hours in (100, 200):
        _files("/srv/ocr", hours)
        _files("/srv/scans", hours / 100)
    _made("b1", 9, damage=GONE, verified_at=timezone.now())
    _changes("b2", 8, "b1")
    _changes("b4", 7, "b3")
    _made("b5", 1, counts={"rows": 7})

    files, database = _part("files"), _part("database")

    assert [words(finding).command for finding in files.findings] == ["backup_files /srv/ocr"]
    assert files.facts.files == 10
    assert database.facts.rows == 7
    assert database.facts.damaged == 2
    assert "The backup b1 is damaged: chunks/x is missing. 1 more builds on it." in sentences(database)
    assert sentences(database)[1].startswith("1 old backup is damaged")

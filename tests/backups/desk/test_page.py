"""The page of the backups answers from the rows, whatever the storage does, and each problem stands beside its end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from pytest_django import DjangoAssertNumQueries, Settings

from backups import catalogue, configured, models, tasks
from backups.database import backup
from backups.desk.admin import NOW
from backups.health import drill, wording
from backups.health.bucket_findings import RuleDeletesBackups, VersioningOff, to_json
from backups.health.drill import DrillResult
from backups.repository import prune
from backups.repository.manifests import DATABASE
from backups.repository.run import begin
from config.roles import CHIEF_EDITORS
from tests.backups import desks
from tests.conftest import HandIn
from tests.desk import HOSTILE, START, as_, text

pytestmark = pytest.mark.django_db

PAGE = "/admin/backups/"


def _backup(tier: str = "database", age: timedelta = timedelta(hours=1), **fields: Any) -> models.Generation:
    moment = timezone.now() - age
    values: dict[str, Any] = {
        "counts": {"rows": 134012} if tier == "database" else {"files": 14730, "stored_bytes": 9_700_000_000},
        "about": {"source": "desk", "kind": "full"},
        "name": f"{tier}-{models.Generation.objects.count()}",
    }
    return models.Generation.objects.create(tier=tier, began=moment, made=moment, **values | fields)


def _look(**fields: Any) -> models.Look:
    return models.Look.objects.create(**{"pk": 1, "at": timezone.now(), "pending": 0} | fields)


def _line(client: Client, kind: str) -> str:
    """One of the four lines, as a person reads it."""
    body = client.get(PAGE).content.decode()
    start = body.index(f'id="line-{kind}"')
    line = re.split(r'<li class="\w+" id="line-|<div class="buttons">|</section>', body[start:])[0]
    return " ".join(re.sub(r"<[^>]+>", " ", f"<li {line}").split())


def _schedule(task: str) -> Schedule:
    return Schedule.objects.get(func=f"backups.tasks.{task}")


# Who

TABLE = [  # path, method, then the status for: chief, somebody who may only view, editor, nobody
    (PAGE, "get", 200, 200, 403, 302),
    (PAGE, "post", 405, 405, 403, 302),
    ("pin", "post", 302, 403, 403, 302),
    ("unpin", "post", 302, 403, 403, 302),
    ("schedule", "post", 302, 403, 403, 302),
    ("now", "post", 302, 403, 403, 302),
    ("pin", "get", 302, 302, 302, 302),
    ("unpin", "get", 302, 302, 302, 302),
    ("schedule", "get", 302, 302, 302, 302),
    ("now", "get", 302, 302, 302, 302),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1]}")
def test_every_view_asks_who_it_is(row: tuple[Any, ...], chief: User, editor: User) -> None:
    viewer = User.objects.create_user("viewer", password="a long password", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_generation"))
    view, method, *expected = row
    args = {"schedule": _schedule("verify").pk, "now": "look"}.get(view, _backup().pk)
    url = view if view == PAGE else reverse(f"admin:backups_{view}", args=[args])

    found = [getattr(client, method)(url).status_code for client in (as_(chief), as_(viewer), as_(editor), Client())]

    assert found == expected


def test_it_is_a_section_of_the_desk_for_those_who_may_see_it(chief: User, editor: User) -> None:
    link = f'<a href="{PAGE}">Backups</a>'
    assert link in as_(chief).get(START).content.decode()
    assert PAGE not in as_(editor).get(START).content.decode()


def test_who_may_only_look_sees_no_button(chief: User) -> None:
    _backup()
    chief.groups.clear()
    chief.user_permissions.add(Permission.objects.get(codename="view_generation"))
    page = as_(chief).get(PAGE)
    assert "134,012 rows" in text(page)
    assert PAGE + "now" not in page.content.decode()
    assert "row-button" not in page.content.decode()


def test_chief_editors_have_the_right() -> None:
    rights = Group.objects.get(name=CHIEF_EDITORS).permissions.filter(content_type__app_label="backups")
    assert set(rights.values_list("codename", flat=True)) == {"view_generation", "change_generation"}


def test_groups_that_were_there_before_get_the_right(chief: User, editor: User) -> None:
    group = Group.objects.get(name=CHIEF_EDITORS)
    group.permissions.remove(*group.permissions.filter(content_type__app_label="backups"))
    migration = __import__("articles.migrations.0008_rights_on_backups", fromlist=["give"])

    migration.give(apps, SimpleNamespace(connection=connection))

    assert as_(chief).get(PAGE).status_code == 200
    assert as_(editor).get(PAGE).status_code == 403


# The four lines


def test_without_any_backup_it_says_what_to_do(chief: User) -> None:
    seen = text(as_(chief).get(PAGE))
    for words in ("No backup was made yet", "GALLEY_BACKUP_KEYS", "manage.py backup_files SOURCE", "--rebuild"):
        assert words in seen
    assert _line(as_(chief), "files").startswith("Files Nothing There is no backup yet.")
    line = _line(as_(chief), "database")
    assert line.startswith("Database Look")
    assert "There is no backup yet. Its schedule makes the first one." in line
    assert "No restore was tried yet: there is no backup." in _line(as_(chief), "drill")

    desks.awaited_since(timezone.now() - timedelta(days=1))
    assert _line(as_(chief), "database").startswith("Database Late")
    assert "There is no backup yet." in _line(as_(chief), "database")


def test_a_healthy_desk_says_so_in_four_lines(chief: User) -> None:
    Schedule.objects.create(
        func="backups.tasks.backup_files",
        args="'/srv/ocr'",
        schedule_type=Schedule.DAILY,
        next_run=timezone.now() + timedelta(hours=22, minutes=5),
    )
    _backup()
    _backup("files", timedelta(hours=2), about={"source": "/srv/ocr"})
    now = timezone.now()
    for tier in ("database", "files"):
        models.Verification.objects.create(tier=tier, kind="deep", slot=3, at=now, objects_seen=1, bytes_seen=1)
    drill.record([DrillResult("database", "b", 134012, 200.0), DrillResult("files", "f", 14730, 52.0)], now)
    _look(pending=3)

    client = as_(chief)

    files = _line(client, "files")
    assert files.startswith("Files OK 14,730 of 14,730 files last 2 h ago next in 22 h")
    assert "3 % read and verified in 30 days" in files
    assert "OK 134,012 rows last 1 h ago" in _line(client, "database")
    assert "3 rows not yet backed up" in _line(client, "database")
    assert "OK restored all in 4 min 12 s, just now , with 0 differences" in _line(client, "drill")
    assert _line(client, "storage") == "Folder OK nothing is missing"


def test_the_exact_time_is_told_on_hover(chief: User) -> None:
    moment = timezone.localtime(_backup().began)
    assert f'title="{moment:%A} {moment.day} {moment:%B %Y, %H:%M:%S}"' in as_(chief).get(PAGE).content.decode()


def test_a_late_backup_stands_beside_its_button_and_its_command(chief: User) -> None:
    _backup(age=timedelta(hours=9))
    line = _line(as_(chief), "database")
    assert line.startswith("Database Late")
    assert "it did not run since" in line
    assert "manage.py backup_database" in line
    assert line.endswith("Back up now")


def test_damage_is_said_in_the_line_and_at_the_backup(chief: User) -> None:
    _backup(age=timedelta(hours=3))
    _backup(damage=["chunks/x is missing."])
    page = as_(chief).get(PAGE)
    assert _line(as_(chief), "database").startswith("Database Damaged")
    assert "1 finding chunks/x is missing." in text(page)


def test_a_drill_that_did_not_pass_is_told(chief: User) -> None:
    _backup()
    drill.record([DrillResult("database", "b", 5, 1.0, ["articles.Article 7 is another."])], timezone.now())
    line = _line(as_(chief), "drill")
    assert line.startswith("Drill Failed restored 5 rows and files in 1 s")
    assert "articles.Article 7 is another." in line


def test_what_the_bucket_lacks_comes_with_what_to_do(chief: User) -> None:
    _look(findings=[to_json(VersioningOff("desk"))])
    line = _line(as_(chief), "storage")
    assert line.startswith("Folder Look")
    assert "gone for ever. What to do Switch it on: aws s3api put-bucket-versioning --bucket desk" in line


def test_a_name_that_holds_a_full_stop_does_not_end_a_sentence(chief: User) -> None:
    _look(findings=[to_json(RuleDeletesBackups("Tidy. Weekly", "desk/"))])
    line = _line(as_(chief), "storage")
    assert "The rule Tidy. Weekly deletes objects of the backups below" in line
    assert "desk/" in line.partition("What to do")[0]


def test_what_another_version_has_kept_is_not_shown_and_breaks_nothing(chief: User) -> None:
    """A sentence, as before there were codes; a code that is not known; values of another kind."""
    _look(findings=["Versioning is off.", {"code": "unheard_of"}, {"code": "versioning_off", "pail": "x"}, None])
    assert _line(as_(chief), "storage") == "Folder OK nothing is missing"


def test_nothing_is_said_of_rows_that_a_backup_has_seen_since(chief: User) -> None:
    _look(pending=3, at=timezone.now() - timedelta(hours=5))
    _backup()
    assert "not yet backed up" not in _line(as_(chief), "database")


def test_hostile_words_are_text(chief: User) -> None:
    _backup(damage=[HOSTILE], about={"source": HOSTILE})
    _backup("files", about={"source": HOSTILE})
    _look(unread=HOSTILE, findings=[to_json(RuleDeletesBackups(HOSTILE, HOSTILE))])
    drill.record([DrillResult("database", "b", 5, 1.0, [HOSTILE])], timezone.now())
    assert "<script>alert" not in as_(chief).get(PAGE).content.decode()


# A storage that does not answer


def test_a_storage_that_cannot_be_read_is_said_and_the_rest_still_shown(chief: User, storage_folder: Path) -> None:
    storage_folder.write_text("no folder")
    generation = _backup(age=timedelta(minutes=1))

    tasks.look()
    client = as_(chief)

    assert _line(client, "storage").startswith("Folder Failed")
    assert "134,012 rows" in _line(client, "database")
    said = text(client.post(reverse("admin:backups_pin", args=[generation.pk]), follow=True))
    assert "is as it was, because the storage did not do it" in said
    generation.refresh_from_db()
    assert not generation.pinned
    assert not LogEntry.objects.exists()


# Queries


@pytest.mark.parametrize("path", [PAGE, START])
def test_queries_do_not_grow_with_the_backups(
    path: str, hand_in: HandIn, chief: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hand_in()
    client = as_(chief)

    def fill(number: int) -> None:
        for n in range(number):
            _backup(damage=["It is torn."] if n % 3 == 0 else [])
            _backup("files")

    fill(4)
    _look()
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    fill(60)
    with django_assert_num_queries(len(few)):
        client.get(path)


def test_the_start_page_tells_the_last_good_backup_to_those_who_may_see_it(
    hand_in: HandIn, chief: User, editor: User
) -> None:
    _backup(age=timedelta(hours=2))
    hand_in()
    assert "Last good backup 2 h ago" in text(as_(chief).get(START))
    with CaptureQueriesContext(connection) as asked:
        seen = text(as_(editor).get(START))
    assert "Last good backup" not in seen
    assert not any("backups_generation" in query["sql"] for query in asked)


# The lists


def test_each_tier_is_paged_by_itself(chief: User) -> None:
    for n in range(60):
        _backup(age=timedelta(hours=n), name=f"rows-{n:02}")
        _backup("files", age=timedelta(hours=n), name=f"files-{n:02}")
    client = as_(chief)

    first = text(client.get(PAGE))
    assert "rows-49" in first
    assert "rows-50" not in first
    assert "Backups 1 to 50 of 60" in first
    second = text(client.get(PAGE, {"database": "2"}))
    assert "rows-50" in second
    assert "files-00" in second
    for odd in ("0", "-1", "99999999999999999999", "x"):
        assert client.get(PAGE, {"files": odd}).status_code == 200


def test_pin_and_unpin_are_kept_in_the_storage_and_noted(chief: User, settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"
    repository = configured.repository(DATABASE)
    run = begin(repository, {"source": "desk", "kind": "full"})
    made = run.commit(parent=None, counts={"rows": 0}, about={"source": "desk", "kind": "full", "rows": {}}, objects=[])
    row = catalogue.remember(made)
    client = as_(chief)

    client.post(reverse("admin:backups_pin", args=[row.pk]))
    assert prune.pins(repository) == {made.id}
    assert "pinned" in text(client.get(PAGE))
    catalogue.rebuild(repository)
    row.refresh_from_db()
    assert row.pinned

    client.post(reverse("admin:backups_unpin", args=[row.pk]))
    row.refresh_from_db()
    assert (prune.pins(repository), row.pinned) == (set(), False)
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Pinned.", "Unpinned."]


def test_a_pin_from_the_shell_is_seen_when_the_rows_are_brought_up_to_date(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"
    repository = configured.repository(DATABASE)
    run = begin(repository, {"source": "desk", "kind": "full"})
    made = run.commit(parent=None, counts={"rows": 0}, about={"source": "desk", "kind": "full", "rows": {}}, objects=[])
    prune.pin(repository, made.id)
    catalogue.rebuild(repository)
    assert models.Generation.objects.get(name=made.id).pinned


# Doing it now


@pytest.mark.parametrize(
    ("what", "task"),
    [
        ("database", "backup_database"),
        ("copy", "copy"),
        ("drill", "try_restore"),
        ("verify", "verify"),
        ("look", "look"),
    ],
)
def test_a_button_has_the_queue_do_it(what: str, task: str, chief: User) -> None:
    said = text(as_(chief).post(reverse("admin:backups_now", args=[what]), follow=True))
    assert "in a moment" in said
    [message] = OrmQ.objects.all()
    assert message.task["func"] == f"backups.tasks.{task}"
    assert message.task["timeout"] == 14400


def test_each_button_beside_a_finding_begins_something() -> None:
    assert set(wording.BUTTONS) <= set(NOW)


def test_nothing_else_can_be_begun(chief: User) -> None:
    assert as_(chief).post(reverse("admin:backups_now", args=["prune"])).status_code == 404
    assert not OrmQ.objects.exists()


def test_a_look_keeps_what_only_the_storage_and_a_comparison_tell(
    transactional_db: None, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path / "var"
    backup.backup(configured.repository(DATABASE))
    User.objects.create_user("newcomer")
    tasks.look()
    tasks.look()
    [look] = models.Look.objects.all()
    assert (look.unread, look.pending) == ("", 1)
    assert models.Generation.objects.get().tier == "database"


# Schedules


def _save(client: Client, schedule: Schedule, **fields: str) -> Any:
    return client.post(reverse("admin:backups_schedule", args=[schedule.pk]), fields, follow=True)


def test_a_schedule_is_switched_off_and_on(chief: User) -> None:
    client, schedule = as_(chief), _schedule("backup_database")

    assert "switched off" in text(_save(client, schedule))
    schedule.refresh_from_db()
    assert schedule.repeats == 0
    _backup()
    assert "No schedule backs it up. What to do Switch it on under Schedules" in _line(client, "database")

    _save(client, schedule, runs="on")
    schedule.refresh_from_db()
    assert schedule.repeats == -1
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "In the desk: switched off.",
        "In the desk: switched on.",
    ]


@pytest.mark.parametrize(
    ("kind", "due", "at", "next_run"),
    [  # it is Wednesday, 12:00
        (Schedule.DAILY, datetime(2026, 7, 2, 3, 0, tzinfo=UTC), "23:30", datetime(2026, 7, 1, 23, 30, tzinfo=UTC)),
        (Schedule.DAILY, datetime(2026, 7, 2, 3, 0, tzinfo=UTC), "04:00", datetime(2026, 7, 2, 4, 0, tzinfo=UTC)),
        (Schedule.WEEKLY, datetime(2026, 7, 5, 3, 0, tzinfo=UTC), "05:15", datetime(2026, 7, 5, 5, 15, tzinfo=UTC)),
        (Schedule.WEEKLY, datetime(2026, 6, 21, 3, 0, tzinfo=UTC), "05:15", datetime(2026, 7, 5, 5, 15, tzinfo=UTC)),
        (Schedule.MONTHLY, datetime(2026, 6, 30, 3, 0, tzinfo=UTC), "05:15", datetime(2026, 7, 30, 5, 15, tzinfo=UTC)),
    ],
)
def test_an_hour_is_the_next_one_on_the_same_day(
    kind: str,
    due: datetime,
    at: str,
    next_run: datetime,
    chief: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.TIME_ZONE = "UTC"
    schedule = _schedule("verify")
    Schedule.objects.filter(pk=schedule.pk).update(schedule_type=kind, next_run=due)
    monkeypatch.setattr("backups.desk.admin.timezone.now", lambda: datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    client = as_(chief)

    _save(client, schedule, runs="on", at=at)

    schedule.refresh_from_db()
    assert schedule.next_run == next_run
    assert schedule.repeats == -1


def test_an_hour_that_is_none_changes_nothing_and_says_so(chief: User) -> None:
    schedule = _schedule("verify")
    for at in ("25:00", ""):
        assert "Enter an hour, such as 03:00." in text(_save(as_(chief), schedule, runs="on", at=at))
    changed = Schedule.objects.get(pk=schedule.pk)
    assert (changed.next_run, changed.repeats) == (schedule.next_run, schedule.repeats)
    assert not LogEntry.objects.exists()


def test_saving_what_is_as_it_was_writes_nothing(chief: User) -> None:
    schedule = _schedule("verify")
    due = timezone.localtime(schedule.next_run)
    assert "is as it was" in text(_save(as_(chief), schedule, runs="on", at=f"{due:%H:%M}"))
    assert Schedule.objects.get(pk=schedule.pk).next_run == schedule.next_run
    assert not LogEntry.objects.exists()


def test_what_a_schedule_runs_cannot_be_changed_here(chief: User) -> None:
    schedule = _schedule("verify")
    _save(as_(chief), schedule, func="os.abort", args="'/etc'", name="x", kwargs="q_options={}", schedule_type="I")
    after = Schedule.objects.get(pk=schedule.pk)
    kept = ("func", "args", "name", "kwargs", "schedule_type")
    assert [getattr(after, name) for name in kept] == [getattr(schedule, name) for name in kept]


def test_the_schedules_of_others_are_not_here(chief: User) -> None:
    other = Schedule.objects.create(func="articles.tasks.sweep", name="Sweeping of articles", schedule_type="D")
    client = as_(chief)
    assert "Sweeping of articles" not in text(client.get(PAGE))
    assert _save(client, other).status_code == 404
    assert Schedule.objects.get(pk=other.pk).repeats == other.repeats

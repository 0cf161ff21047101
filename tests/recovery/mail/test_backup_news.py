"""People learn how the backups do: each turn once, and once a day while they are not well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError
from django.test import Client
from django_q.models import Schedule
from pytest_django import Settings

from articles.models import Preferences
from backups import tasks
from backups.health import report
from backups.models import Drill, Generation, Look, Verification
from config.roles import CHIEF_EDITORS
from recovery.mail import backup_wording, delivery, outbox
from recovery.models import Mail
from tests.backups import desks
from tests.conftest import HandIn
from tests.recovery.conftest import stop_again
from tests.services.smtp import MailServer

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 5, 8, 10, 0, tzinfo=BERLIN)  # a Friday
NEVER_SAID = re.compile(r"\b(task|worker|exception|null|none|uuid|stack trace)\b", re.IGNORECASE)


@contextmanager
def _at(moment: datetime) -> Iterator[None]:
    with mock.patch("django.utils.timezone.now", return_value=moment):
        yield


def _back_up(moment: datetime, **fields: Any) -> Generation:
    values = {"counts": {"rows": 5}, "about": {"source": "desk", "kind": "full"}, "tier": "database"} | fields
    return Generation.objects.create(name=f"b{Generation.objects.count()}", began=moment, made=moment, **values)


def _look_after(begin: datetime, *, step: int = 10, **passed: float) -> datetime:
    """What the schedules of the watch and of the mail do until then; in steps of so many minutes."""
    moment, end = begin, begin + timedelta(**passed)
    while moment <= end:
        with _at(moment):
            tasks.watch()
            outbox.deliver()
        moment += timedelta(minutes=step)
    return moment


def _never_backed_up(folder: str) -> None:
    """By a schedule that should have done it long ago."""
    Schedule.objects.create(func="backups.tasks.backup_files", args=f"'{folder}'", schedule_type=Schedule.DAILY)
    desks.awaited_since(START - timedelta(days=4), folder, "files")


@pytest.fixture(autouse=True)
def clocks(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"


@pytest.fixture
def well(chief: User) -> Generation:
    return _back_up(START)


@pytest.fixture
def late(well: Generation) -> datetime:
    """When the backup of Friday, ten o'clock, counts as missing: it was an hourly one."""
    return START + timedelta(hours=3, minutes=1)


# Once


def test_a_backup_that_did_not_run_is_told_once(server: MailServer, late: datetime) -> None:
    _look_after(START, step=20, hours=12)

    [mail] = server.received
    assert mail.to == ["chief@example.org"]
    assert mail.subject == "Backups: alarm – the database was not backed up since 10:00"


def test_it_is_told_again_after_a_day_and_when_it_turns(server: MailServer, well: Generation) -> None:
    moment = _look_after(START, step=20, hours=30)
    assert server.subjects == [
        "Backups: alarm – the database was not backed up since 10:00",
        "Backups: alarm – the database was not backed up since Friday 10:00",
    ]

    well.damage = ["chunks/x is missing."]
    well.save()
    moment = _look_after(moment, hours=1)
    assert server.subjects[2:] == ["Backups: damaged – a backup of the database cannot be restored"]

    _back_up(moment)
    Generation.objects.filter(pk=well.pk).update(damage=[])
    moment = _look_after(moment, hours=2)
    assert server.subjects[3:] == ["Backups: all is well again"]


def test_while_all_is_well_nobody_is_told(server: MailServer, well: Generation) -> None:
    for hour in range(6):
        _back_up(START + timedelta(hours=hour))
        _look_after(START + timedelta(hours=hour), minutes=59)
    assert server.received == []


def test_what_ends_by_itself_within_minutes_is_not_told(server: MailServer, chief: User) -> None:
    """The first backup comes late, while the watch has just seen that it did not."""
    desks.awaited_since(START - timedelta(days=1))
    with _at(START):
        tasks.watch()
        outbox.deliver()
    assert Mail.objects.get().state == Mail.State.OPEN

    _back_up(START + timedelta(minutes=5))
    _look_after(START + timedelta(minutes=10), minutes=30)
    assert server.received == []
    assert not Mail.objects.exists()


def test_a_new_desk_is_calm_until_its_first_backup_is_late(
    server: MailServer, chief: User, client: Client, storage_folder: Path
) -> None:
    """Whatever its queue begins with: the drill comes before there is anything to restore."""
    desks.awaited_since(START)
    with _at(START):
        tasks.try_restore()
        tasks.watch()
        assert client.get("/readyz").json()["backups"] == "look"
        assert client.get("/healthz/backups").status_code == client.get("/readyz").status_code == 200
    _look_after(START, hours=2, minutes=50)
    assert server.received == []
    assert not Mail.objects.exists()

    moment = _look_after(START + timedelta(hours=3), minutes=30)
    assert server.subjects == ["Backups: alarm – the database was never backed up"]
    with _at(moment):
        assert client.get("/healthz/backups").status_code == 503


def test_an_alarm_that_is_over_before_its_end_was_told_goes_on(server: MailServer, late: datetime) -> None:
    moment = _look_after(late, minutes=30)
    look = Look.objects.create(pk=1, at=moment, pending=0)
    made = _back_up(moment)
    with _at(moment):
        tasks.watch()
    made.delete()
    _look_after(moment + timedelta(minutes=10), hours=1)

    assert len(server.received) == 1
    look.delete()


def test_many_watches_and_senders_tell_it_once(server: MailServer, late: datetime) -> None:
    for _ in range(3):
        with _at(late):
            tasks.watch()
    for _ in range(3):
        with _at(late + timedelta(minutes=11)):
            tasks.watch()
            outbox.deliver()
            tasks.watch()
    assert len(server.received) == 1


def test_a_sender_that_died_before_it_noted_what_it_sent_sends_the_very_same_again(
    server: MailServer, late: datetime
) -> None:
    with _at(late):
        tasks.watch()
    with _at(late + timedelta(minutes=11)), mock.patch("recovery.mail.delivery._claimed", side_effect=_dies_after(1)):
        with pytest.raises(SystemExit):
            delivery.send_due()
        tasks.watch()
    _back_up(late + timedelta(minutes=12))  # meanwhile, all is well
    _look_after(late + timedelta(minutes=20), minutes=40)

    first, second, end = server.received
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.text == second.text
    assert end.subject == "Backups: all is well again"


def _dies_after(number: int) -> Callable[..., Any]:
    """The process ends when it notes something for the time after that."""
    claimed, done = delivery._claimed, [0]

    def note(mail: Mail) -> Any:
        done[0] += 1
        if done[0] > number:
            raise SystemExit
        return claimed(mail)

    return note


def test_a_mail_server_that_is_down_loses_none_and_tells_what_is_true_then(
    server: MailServer, late: datetime, well: Generation
) -> None:
    server.stop()
    moment = _look_after(late, hours=1)
    assert "10:00" not in Mail.objects.get().subject
    well.damage = ["chunks/x is missing."]
    well.save()
    server.start()
    _look_after(moment, hours=1)

    assert server.subjects == ["Backups: damaged – a backup of the database cannot be restored"]


def test_a_mail_that_cannot_be_made_holds_up_no_other(server: MailServer, late: datetime, editor: User) -> None:
    editor.groups.add(Group.objects.get(name=CHIEF_EDITORS))
    original = outbox._note_backups

    def failing(user: User, state: str) -> None:
        if user.username == "chief":
            raise DatabaseError
        original(user, state)

    with mock.patch("recovery.mail.outbox._note_backups", failing):
        _look_after(late, minutes=30)

    assert [mail.to for mail in server.received] == [["ada@example.org"]]


def test_what_was_told_long_ago_is_forgotten_without_being_told_again(server: MailServer, late: datetime) -> None:
    moment = _look_after(late, minutes=30)
    _back_up(moment)
    moment = _look_after(moment, minutes=30)
    _back_up(moment + timedelta(days=31))
    with _at(moment + timedelta(days=31)):
        delivery.forget()
        assert not Mail.objects.exists()
    _look_after(moment + timedelta(days=31), minutes=30)
    assert len(server.received) == 2


# Who


def _becomes(user: User, what: str) -> None:
    match what:
        case "never told":
            Preferences.objects.create(user=user, stop_mail="never")
        case "inactive":
            User.objects.update(is_active=False)
        case "without address":
            User.objects.update(email="")
        case "editor":
            user.groups.clear()
        case "superuser":
            user.groups.clear()
            User.objects.update(is_superuser=True)


@pytest.mark.parametrize("what", ["chief", "superuser", "never told", "inactive", "without address", "editor"])
def test_who_may_act_and_wants_to_know_is_told(server: MailServer, late: datetime, chief: User, what: str) -> None:
    _becomes(chief, what)
    _look_after(late, minutes=30)
    assert bool(server.received) == (what in ("chief", "superuser"))


def test_who_loses_the_right_before_it_is_sent_is_not_told(server: MailServer, late: datetime, chief: User) -> None:
    with _at(late):
        tasks.watch()
    assert Mail.objects.exists()
    chief.groups.clear()
    with _at(late + timedelta(minutes=11)):
        outbox.deliver()
    assert server.received == []


# What


def test_it_says_why_then_what_to_do_then_what_is_safe_then_a_link(server: MailServer, late: datetime) -> None:
    _never_backed_up("/srv/<b>ocr")
    _look_after(late, minutes=30)

    [mail] = server.received
    words = " ".join(mail.text.split())
    assert mail.text.startswith("The database was not backed up since 10:00.\nNext: press “Back up now”, or have the")
    assert "Next: press “Back up now”, or have the operator run manage.py backup_database. Safe: the desk and" in words
    assert "were the database lost, a backup would bring it back as of 10:00. Besides:" in words
    assert "- There is no backup of /srv/<b>ocr yet." in words
    assert "See the backups: http://127.0.0.1:8000/admin/backups/ Until this is over you are told" in words
    assert all(len(line) <= 72 for line in mail.text.split("\n") if not line.startswith("http"))
    assert mail.html.count('class="button"') == 1
    assert 'href="http://127.0.0.1:8000/admin/backups/"' in mail.html
    assert "<b>" not in mail.html
    assert not NEVER_SAID.search(f"{mail.subject}\n{mail.text}")


def _said(now: datetime) -> backup_wording.News:
    with _at(now):
        return backup_wording.news(report.remembered(now))


def test_each_alarm_has_its_words(well: Generation) -> None:
    now = START + timedelta(hours=1)
    Drill.objects.create(tier="files", at=START, seconds=1, things=3, differences=["secret/file differs."])
    said = _said(now)
    assert said.subject == "Backups: alarm – a restore that was tried did not pass, with 1 difference"
    assert said.next == "press “Try a restore now”, or have the operator run manage.py backup_drill"
    assert "secret" not in said.reason

    _never_backed_up("/srv/ocr")
    said = _said(now)
    assert said.headline == "/srv/ocr was never backed up"
    assert said.next == "have the operator run manage.py backup_files /srv/ocr"

    Look.objects.create(pk=1, at=START, unread="The backup storage does not answer.")
    said = _said(now)
    assert said.headline == "the storage could not be read"
    assert said.reason == "The backup storage does not answer"
    assert said.next == "press “Look now”, or have the operator run manage.py backup_status"
    assert said.safe.endswith("nobody knows what a backup would bring back")
    assert said.others == [
        "There is no backup of /srv/ocr yet.",
        "A restore that was tried did not pass, with 1 difference.",
    ]

    well.damage, well.pinned = ["chunks/x is missing."], True
    well.save()
    said = _said(now)
    assert said.subject == "Backups: damaged – a backup of the database cannot be restored"
    assert said.reason == "The backup b0 is damaged: chunks/x is missing. It is pinned"
    assert said.next.startswith("unpin it, if nobody needs it, or have the operator run manage.py prune_backups")

    well.delete()
    Verification.objects.create(
        tier="database",
        kind="quick",
        at=START,
        objects_seen=1,
        bytes_seen=1,
        unusable=["The manifest b0 is not signed."],
    )
    said = _said(now)
    assert said.reason.endswith("The manifest b0 is not signed")
    assert said.next == "have the operator run manage.py verify_backups --tier database"


def test_many_problems_are_counted(well: Generation) -> None:
    for number in range(9):
        _never_backed_up(f"/srv/{number}")
    said = _said(START)
    assert len(said.others) == backup_wording.MOST + 1
    assert said.others[-1] == "And 3 more problems."


# In the digest


@pytest.fixture
def daily(chief: User) -> User:
    Preferences.objects.create(user=chief, stop_mail="daily")
    return chief


def test_who_wants_mail_once_a_day_is_told_at_seven(server: MailServer, well: Generation, daily: User) -> None:
    moment = _look_after(START, step=30, hours=20)  # Saturday, six o'clock
    assert server.received == []
    moment = _look_after(moment, step=30, hours=50)
    days = [datetime.fromisoformat(str(mail.ended_at)).astimezone(BERLIN) for mail in Mail.objects.exclude(told="")]
    assert [f"{day:%a %H:%M}" for day in days] == ["Sat 07:00", "Sun 07:00", "Mon 07:00"]
    assert len(server.received) == 3
    assert server.received[0].subject == "Backups: alarm – the database was not backed up since Friday 10:00"

    _back_up(moment)
    _look_after(moment, hours=2)
    assert len(server.received) == 3


def test_an_alarm_comes_first_in_the_digest(server: MailServer, well: Generation, daily: User, hand_in: HandIn) -> None:
    with _at(START):
        stop_again(hand_in(idea="Home batteries", owner=daily))
    _look_after(START, step=30, hours=21)

    [mail] = server.received
    assert mail.subject == (
        "Backups: alarm – the database was not backed up since Friday 10:00. Stopped: 1 article – "
        "Article, the text service: request declined"
    )
    assert mail.text.startswith(
        "Backups: the database was not backed up since Friday 10:00.\nNext: press “Back up now”"
    )
    assert mail.text.index("/admin/backups/") < mail.text.index("- Home batteries")
    assert mail.html.count('class="button"') == 1
    assert Mail.objects.get().told == "alarm"


def test_one_line_ends_the_digest_when_all_is_well(
    server: MailServer, daily: User, hand_in: HandIn, editor: User
) -> None:
    Preferences.objects.create(user=editor, stop_mail="daily")
    _back_up(START + timedelta(hours=20))
    for owner in (daily, editor):
        with _at(START):
            stop_again(hand_in(idea="Home batteries", owner=owner))
    with _at(START + timedelta(hours=21)):
        outbox.deliver()

    mails = {mail.to[0]: mail for mail in server.received}
    line = "Backups: nothing is wrong, and 3 things could be better."
    assert mails["chief@example.org"].text.rstrip().endswith(line)
    assert line in mails["chief@example.org"].html
    assert "Backups" not in mails["ada@example.org"].text  # who could not do anything about it
    assert mails["chief@example.org"].subject.startswith("Stopped: 1 article")


def test_the_command_does_not_hasten_what_has_its_hour(server: MailServer, well: Generation, daily: User) -> None:
    _look_after(START, hours=5)
    with _at(START + timedelta(hours=5)):
        assert Mail.objects.get().day
        delivery.wake()
        outbox.deliver()
    assert server.received == []

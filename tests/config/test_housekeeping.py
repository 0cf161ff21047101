"""Housekeeping: what has ended goes, all else stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from axes.models import AccessFailureLog, AccessLog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import Schedule, Task
from pytest_django import Settings

from articles.models import Article, CostRecord, Event
from config import housekeeping, tasks
from insights.models import CostSum
from insights.rollups import paid
from tests.conftest import HandIn

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_sessions_that_ended_and_old_logins_go() -> None:
    now = timezone.now()
    for key, ends in (("ended", now - DAY), ("open", now + DAY)):
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    for model in (AccessFailureLog, AccessLog):
        for name, days in (("old", 91), ("new", 89)):
            made = model.objects.create(username=name)
            model.objects.filter(pk=made.pk).update(attempt_time=now - days * DAY)

    housekeeping.remove_what_ended(now)

    assert [session.session_key for session in Session.objects.all()] == ["open"]
    for model in (AccessFailureLog, AccessLog):
        assert [row.username for row in model.objects.all()] == ["new"]


def test_what_the_queue_failed_at_and_what_the_admin_noted_go(editor: User, settings: Settings) -> None:
    now = timezone.now()
    for days in (91, 89):
        at = now - days * DAY
        Task.objects.create(id=f"{days:032}", name=f"{days}", func="f", started=at, stopped=at, success=False)
    for days in (731, 729):
        LogEntry.objects.create(user=editor, action_flag=CHANGE, object_repr=f"{days}", action_time=now - days * DAY)

    settings.GALLEY_AUDIT_KEEP_DAYS = 0
    housekeeping.remove_what_ended(now)
    assert [task.name for task in Task.objects.all()] == ["89"]
    assert LogEntry.objects.count() == 2
    settings.GALLEY_AUDIT_KEEP_DAYS = 730
    housekeeping.remove_what_ended(now)
    assert [entry.object_repr for entry in LogEntry.objects.all()] == ["729"]


def test_timelines_are_kept_for_ever_unless_the_operator_wants_otherwise(hand_in: HandIn, settings: Settings) -> None:
    old, now = timezone.now() - 40 * DAY, timezone.now()
    done, failed = hand_in(), hand_in()
    Article.objects.filter(pk=done.pk).update(status=Article.Status.DONE)
    Article.objects.filter(pk=failed.pk).update(status=Article.Status.FAILED, error={})
    Event.objects.update(at=old)
    Event.objects.create(article=done, kind="note", message="new")

    assert housekeeping.remove_what_ended(now) == 0
    settings.GALLEY_TIMELINE_KEEP_DAYS = 30
    assert housekeeping.remove_what_ended(now) == 1

    assert [event.message for event in done.events.all()] == ["new"]
    assert failed.events.exists(), "whoever mends it still wants to know"


def test_many_lines_go_in_slices(hand_in: HandIn, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "ROWS", 2)
    settings.GALLEY_TIMELINE_KEEP_DAYS = 30
    done = hand_in()
    Article.objects.update(status=Article.Status.DONE)
    Event.objects.all().delete()
    old = timezone.now() - 40 * DAY
    Event.objects.bulk_create(Event(article=done, at=old, kind="note", message=str(n)) for n in range(5))

    with CaptureQueriesContext(connection) as queries:
        assert housekeeping.remove_what_ended(timezone.now()) == 5

    assert len([query for query in queries if query["sql"].startswith('DELETE FROM "articles_event"')]) == 3


def test_records_go_by_whole_months(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The month at hand, and so many that are over, stay whole."""
    monkeypatch.setattr(housekeeping, "ROWS", 2)
    settings.GALLEY_COST_KEEP_MONTHS = 2
    days = [date(2025, 10, 1), date(2025, 10, 31), date(2025, 11, 1), date(2025, 12, 31), date(2026, 1, 15)]
    for number, day in enumerate([*days[:2], *days], 1):
        CostRecord.objects.create(day=day, article="a", key="text", number=number, stage="article", provider="text")

    paid.roll_up(seconds=60)

    housekeeping.remove_what_ended(datetime(2026, 1, 15, tzinfo=UTC))
    assert sorted({record.day for record in CostRecord.objects.all()}) == days[2:]
    assert sorted({of_day.day for of_day in CostSum.objects.all()}) == days[2:], "their sums go with them"

    housekeeping.remove_what_ended(datetime(2030, 1, 15, tzinfo=UTC))  # by a clock that is years ahead
    assert sorted({record.day for record in CostRecord.objects.all()}) == days[2:]

    settings.GALLEY_COST_KEEP_MONTHS = 0
    housekeeping.remove_what_ended(datetime(2046, 1, 15, tzinfo=UTC))
    assert sorted({record.day for record in CostRecord.objects.all()}) == days[2:]


def test_it_is_done_once_a_day_and_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule.objects.get(func="config.tasks.keep_house")
    assert schedule.schedule_type == Schedule.DAILY

    def broken(_: object) -> int:
        raise OSError("no disk")

    monkeypatch.setattr(tasks, "remove_what_ended", broken)
    assert tasks.keep_house() is None  # type: ignore[func-returns-value]  # that it returns is what is tried

"""What is to run at half past two runs at half past two, also after nights that have none, or two."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from backups.desk.hours import hour_of

DAYS = 400


@pytest.fixture
def schedule(db: None) -> Schedule:
    return Schedule.objects.get(func="backups.tasks.verify")


def runs(schedule: Schedule, zone: str, first: datetime, times: int) -> list[datetime]:
    """By the clock of the desk, when the queue runs it, which saves it with its own reckoning each time."""
    schedule.next_run = first
    schedule.save()
    found = []
    for _ in range(times):
        found.append(schedule.next_run.astimezone(ZoneInfo(zone)))
        schedule.next_run = schedule.calculate_next_run(schedule.next_run)
        schedule.save()
        schedule.refresh_from_db()
    return found


@pytest.mark.reported("dst-daily.md")
@pytest.mark.parametrize("hour", [time(0, 0), time(0, 30), time(2, 0), time(2, 30), time(3, 0), time(23, 30)])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "UTC"])
def test_it_runs_every_day_at_its_hour(schedule: Schedule, settings: Settings, zone: str, hour: time) -> None:
    settings.TIME_ZONE = zone
    timezone.activate(zone)
    try:
        first = datetime.combine(date(2027, 1, 10), hour, ZoneInfo(zone))
        found = runs(schedule, zone, first, DAYS)
    finally:
        timezone.deactivate()

    assert [moment.date() for moment in found] == [first.date() + timedelta(days=n) for n in range(DAYS)]
    other = [moment for moment in found if moment.time() != hour]
    # On one day in a year at most, and then by what that night lacks.
    assert len(other) <= 2
    for moment in other:
        meant = datetime.combine(moment.date(), hour, ZoneInfo(zone))
        assert meant.astimezone(UTC) == moment.astimezone(UTC)


@pytest.mark.parametrize("kind", [Schedule.WEEKLY, Schedule.BIWEEKLY, Schedule.MONTHLY])
def test_so_do_those_that_run_less_often(schedule: Schedule, settings: Settings, kind: str) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    timezone.activate("Europe/Berlin")
    try:
        schedule.schedule_type = kind
        found = runs(schedule, "Europe/Berlin", datetime(2027, 2, 28, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")), 12)
    finally:
        timezone.deactivate()

    assert {moment.time() for moment in found} <= {time(2, 30), time(3, 30)}
    assert found[-1].time() == time(2, 30)


def test_the_page_of_the_backups_says_the_hour_that_was_meant(schedule: Schedule, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    schedule.cron, schedule.next_run = "30 2 * * *", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert hour_of(schedule) == time(2, 30)


def test_an_hour_that_somebody_chooses_is_kept_from_then_on(schedule: Schedule, client: Client, chief: User) -> None:
    schedule.save()
    client.force_login(chief)
    address = reverse("admin:backups_schedule", args=[schedule.pk])
    client.post(address, {"runs": "on", "at": "04:10"})
    schedule.refresh_from_db()
    schedule.next_run = schedule.calculate_next_run()
    schedule.save()
    assert hour_of(schedule) == time(4, 10)
    assert timezone.localtime(schedule.next_run).time() == time(4, 10)


@pytest.mark.parametrize("cron", ["*/5 * * * *", "0 3 * * 1-5", "99 99 * * *", "30 2"])
def test_a_note_of_somebody_else_stops_nobody(schedule: Schedule, cron: str) -> None:
    """The queue saves all its schedules in one go."""
    schedule.cron = cron
    schedule.save()
    due = timezone.localtime(schedule.next_run)
    assert hour_of(schedule) == time(due.hour, due.minute)

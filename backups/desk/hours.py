"""The hour at which a schedule runs, kept through the changes of the clocks.

The queue reckons each time from the one before. Where a night has no half past two, its reckoning ends an hour earlier,
and from then on every night. So the hour that was meant stands in the row, as minute and hour of its `cron`, which the
queue reads for schedules of that type alone.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Any

from django_q.models import Schedule

from backups.clocks import DESK

AT_AN_HOUR = {Schedule.DAILY, Schedule.WEEKLY, Schedule.BIWEEKLY, Schedule.MONTHLY}
NOTED = re.compile(r"([0-5]?\d) ([01]?\d|2[0-3]) \* \* \*")
CHANGED = timedelta(hours=2)  # clocks change by less: a time further away was chosen by somebody


def hour_of(schedule: Schedule) -> time:
    """When it is to run, by the desk's clock. Of one that has no note yet, when it is due."""
    if found := NOTED.fullmatch(schedule.cron or ""):
        return time(int(found[2]), int(found[1]))
    due = DESK.local(schedule.next_run)
    return time(due.hour, due.minute)


def noted(hour: time) -> str:
    """For the row."""
    return f"{hour.minute} {hour.hour} * * *"


def keep_hour(instance: Schedule, **_: Any) -> None:
    """Before a schedule is saved: it is due at its hour, or where a day has none such, when that would have been."""
    if instance.schedule_type not in AT_AN_HOUR:
        return
    hour, day = hour_of(instance), DESK.day(instance.next_run)
    # An hour earlier may have been yesterday.
    moments = [DESK.at(day + timedelta(days=more), hour) for more in (-1, 0, 1)]
    nearest = min(moments, key=lambda moment: abs(moment - instance.next_run))
    if abs(nearest - instance.next_run) < CHANGED:
        instance.next_run = nearest
    else:
        hour = DESK.local(instance.next_run).time()
    instance.cron = noted(hour)

"""What the queue's schedules back up, and how often they ought to."""

from __future__ import annotations

import ast
import contextlib
from datetime import datetime, timedelta
from pathlib import Path

from django_q.models import Schedule

UNKNOWN = timedelta(days=1)  # of a kind of schedule that is not among these
INTERVALS = {
    Schedule.HOURLY: timedelta(hours=1),
    Schedule.DAILY: timedelta(days=1),
    Schedule.WEEKLY: timedelta(days=7),
    Schedule.BIWEEKLY: timedelta(days=14),
    Schedule.MONTHLY: timedelta(days=31),
    Schedule.BIMONTHLY: timedelta(days=62),
    Schedule.QUARTERLY: timedelta(days=92),
    Schedule.YEARLY: timedelta(days=366),
}


def running(func: str) -> list[Schedule]:
    """The schedules of a function that are not switched off (one query)."""
    return list(Schedule.objects.filter(func=func).exclude(repeats=0))


def interval(schedule: Schedule) -> timedelta:
    if schedule.schedule_type == Schedule.MINUTES:
        return timedelta(minutes=schedule.minutes or 1)
    return INTERVALS.get(schedule.schedule_type, UNKNOWN)


def hasten(func: str, moment: datetime, source: str = "") -> None:
    """Have the schedules of a function run by then, and from then on at that hour; or those of one source alone."""
    later = Schedule.objects.filter(func=func, next_run__gt=moment)
    meant = [each.pk for each in later if not source or folder(each) == source]
    later.filter(pk__in=meant).update(next_run=moment)


def folder(schedule: Schedule) -> str:
    """The source that a schedule of `backups.tasks.backup_files` names, as its backups are labelled.

    Its arguments are read as the queue reads them; where they are none, the label is what stands there.
    """
    arguments = [*_positional(schedule.args), *_named(schedule.kwargs)]
    return str(Path(arguments[0])) if arguments else str(schedule.args or schedule.name or schedule.pk)


def _positional(text: str | None) -> list[str]:
    try:
        found = ast.literal_eval(text or "()")
    except (SyntaxError, ValueError):
        return []
    first = found[:1] if isinstance(found, tuple) else [found]
    return [each for each in first if isinstance(each, str)]


def _named(text: str | None) -> list[str]:
    """`folder` of a dictionary, or of what would stand in the brackets of a call."""
    found: object = None
    try:
        found = ast.literal_eval(text or "{}")
    except (SyntaxError, ValueError):
        with contextlib.suppress(SyntaxError, ValueError):
            call = ast.parse(f"dict({text})", mode="eval").body
            keywords = call.keywords if isinstance(call, ast.Call) else []
            found = {each.arg: ast.literal_eval(each.value) for each in keywords}
    named = found.get("folder") if isinstance(found, dict) else None
    return [named] if isinstance(named, str) else []

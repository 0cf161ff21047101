"""Days summed anew: those that bear a mark, each in one transaction with the removal of its marks.

Whoever sums holds the row of the sums, so of two at once the second finds what the first has left. The marks of a day
go first and its rows are read after: what was committed with a mark that went is read, and what is committed later has
left a mark that stays. So whenever a process dies, a day is as it was and marked, or as it should be.
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from datetime import time as hour

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models.functions import TruncDate
from django.utils import timezone

from articles.models import Call
from backups.clocks import DESK
from insights.models import Mark, ProviderMetric, Rollup
from insights.rollups.measured import sums_of
from publishing.models import PublishTask

SECONDS = 300.0  # for one go: a task of the queue has twice as many
MIDDAY = hour(12)  # at which a day is marked that is meant as a whole


def roll_up(*, seconds: float = SECONDS, using: str = DEFAULT_DB_ALIAS) -> int:
    """Sum the marked days anew. Returns how many were; those that had no time are left for the next go."""
    began, stop = timezone.now(), time.monotonic() + seconds
    Rollup.objects.using(using).get_or_create(name="desk")
    _mark_all_days(using)
    summed = 0
    for day in _marked(using):
        if time.monotonic() > stop:
            return summed
        sum_up(day, using)
        summed += 1
    Rollup.objects.using(using).update(at=began)
    return summed


def sum_up(day: date, using: str = DEFAULT_DB_ALIAS) -> None:
    """Sum one day anew."""
    since, until = bounds(day)
    with transaction.atomic(using=using):
        _lock(using)
        marks = Mark.objects.using(using).filter(at__gte=since)
        (marks.filter(at__lt=until) if until else marks).delete()
        ProviderMetric.objects.using(using).filter(day=day).delete()
        ProviderMetric.objects.using(using).bulk_create(
            ProviderMetric(day=day, **of._asdict(), **vars(sums)) for of, sums in sums_of(since, until, using).items()
        )


def bounds(day: date) -> tuple[datetime, datetime | None]:
    """The moments at which a day of the desk begins and ends; None: after it there is none."""
    since = DESK.at(day)
    if day == date.max:
        return since, None
    return since, DESK.at(day + timedelta(days=1))


def _lock(using: str) -> Rollup:
    return Rollup.objects.using(using).select_for_update().get(name="desk")


def _mark_all_days(using: str) -> None:
    """Where everything is marked, or the desk has another time zone than the sums: each day that has rows, or sums."""
    with transaction.atomic(using=using):
        row = _lock(using)
        whole = Mark.objects.using(using).filter(at=None)
        if row.zone == settings.TIME_ZONE and not whole.exists():
            return
        whole.delete()
        zone = DESK.zone()
        tasks = PublishTask.objects.using(using).order_by().annotate(day=TruncDate("created_at", tzinfo=zone))
        calls = Call.objects.using(using).filter(sent_at__isnull=False).order_by()
        calls_of = calls.annotate(day=TruncDate("sent_at", tzinfo=zone))
        sums = ProviderMetric.objects.using(using).order_by()
        days = {day for rows in (tasks, calls_of, sums) for day in rows.values_list("day", flat=True).distinct()}
        noons = (DESK.at(day, MIDDAY) for day in sorted(days))
        Mark.objects.using(using).bulk_create(Mark(at=noon) for noon in noons)
        Rollup.objects.using(using).filter(pk=row.pk).update(zone=settings.TIME_ZONE)


def _marked(using: str) -> list[date]:
    """Newest first: that is what people look at."""
    marks = Mark.objects.using(using).filter(at__isnull=False).order_by()
    days = marks.annotate(day=TruncDate("at", tzinfo=DESK.zone())).values_list("day", flat=True)
    return sorted(days.distinct(), reverse=True)

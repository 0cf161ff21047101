"""What nobody needs any more, once a day: sessions that ended, old records of logins, keys of requests, timelines and
months of records as old as the operator wants. The months that come get their partitions.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import accumulate

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Max
from django_q.models import Task

from articles.models import Article, ArticleKey, CostRecord, DeskSettings, Event
from audit.models import Change
from backups import partitions
from backups.clocks import DESK
from config.supervision import machines
from insights.models import CostSum
from publishing.models import ExecutionLog, PublishTask, Shot, SubmitKey
from webhooks.models import Delivery

LOGIN_DAYS = 90  # who has signed in, and who was locked out, may be asked about for a while
TASK_DAYS = 90  # what the queue has failed at, which its log has told as well
ROWS = 1000  # of timelines, or of records, in one transaction: nobody waits for it
MONTHS_AHEAD = 3  # that have their partition: a desk that stood still for so long still finds one


def remove_what_ended(now: datetime) -> int:
    """Returns the number of lines of timelines that are gone."""
    call_command("clearsessions")
    AxesProxyHandler.reset_logs(age_days=LOGIN_DAYS)
    AxesProxyHandler.reset_failure_logs(age_days=LOGIN_DAYS)
    machines.forget()
    _remove_film(now)
    ArticleKey.forget()
    SubmitKey.forget()
    Delivery.forget()
    Task.objects.filter(stopped__lt=now - timedelta(days=TASK_DAYS)).delete()
    if settings.GALLEY_AUDIT_KEEP_DAYS:
        before = now - timedelta(days=settings.GALLEY_AUDIT_KEEP_DAYS)
        Change.forget(before)
        LogEntry.objects.filter(action_time__lt=before).delete()  # what Django's admin notes of the same
    today = DESK.day(now)
    keep_months(CostRecord, today, settings.GALLEY_COST_KEEP_MONTHS)
    keep_months(ExecutionLog, today, settings.GALLEY_LOG_KEEP_MONTHS)
    return _remove_timelines(now, settings.GALLEY_TIMELINE_KEEP_DAYS)


def keep_months(model: type[CostRecord | ExecutionLog], today: date, months: int) -> None:
    """Make the months that come, and drop those before the last so many that are over; 0: none.

    They are counted from the newest record, if that is older: by a clock that is years ahead, all would have to go.
    """
    table = model._meta.db_table
    coming = accumulate(range(MONTHS_AHEAD), lambda day, _: partitions.month_after(day), initial=today)
    partitions.make_room(table, coming, DEFAULT_DB_ALIAS)
    newest = model._base_manager.aggregate(day=Max("day"))["day"]
    if not months or newest is None:
        return
    last = min(today, newest)
    before = last.year * 12 + last.month - 1 - months
    first = date(before // 12, before % 12 + 1, 1)
    partitions.drop_before(table, first, DEFAULT_DB_ALIAS)
    if model is CostRecord:
        CostSum.objects.filter(day__lt=first).delete()  # a month that is dropped leaves no marks
    old = model._base_manager.filter(day__lt=first)
    while some := list(old.values_list("pk", flat=True)[:ROWS]):  # where a table is whole
        model._base_manager.filter(pk__in=some).delete()


def _remove_film(now: datetime) -> None:
    kept = DeskSettings.now()
    stopped = Shot.objects.filter(task__status=PublishTask.Status.FAILED)
    stopped.filter(at__lt=now - timedelta(days=kept.keeps_film_of_failed)).delete()
    others = Shot.objects.exclude(task__status=PublishTask.Status.FAILED)
    others.filter(at__lt=now - timedelta(days=kept.keeps_film)).delete()


def _remove_timelines(now: datetime, days: int) -> int:
    """Of articles that are over. 0 days: none."""
    if not days:
        return 0
    over = [Article.Status.DONE, Article.Status.CANCELLED]
    old = Event.objects.filter(at__lt=now - timedelta(days=days), article__status__in=over).order_by("pk")
    removed = 0
    while some := list(old.values_list("pk", flat=True)[:ROWS]):
        removed += Event.objects.filter(pk__in=some).delete()[0]
    return removed

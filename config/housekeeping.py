"""What nobody needs any more, once a day: sessions that ended, old records of logins, keys of requests, and timelines
as old as the operator wants.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.core.management import call_command

from articles.models import Article, Event
from publishing.models import PublishTask, Shot, SubmitKey

LOGIN_DAYS = 90  # who has signed in, and who was locked out, may be asked about for a while
ROWS = 1000  # of timelines in one transaction: nobody waits for it


def remove_what_ended(now: datetime) -> int:
    """Returns the number of lines of timelines that are gone."""
    call_command("clearsessions")
    AxesProxyHandler.reset_logs(age_days=LOGIN_DAYS)
    AxesProxyHandler.reset_failure_logs(age_days=LOGIN_DAYS)
    _remove_film(now)
    SubmitKey.objects.filter(at__lt=now - timedelta(days=SubmitKey.DAYS)).delete()
    return _remove_timelines(now, settings.GALLEY_TIMELINE_KEEP_DAYS)


def _remove_film(now: datetime) -> None:
    stopped = Shot.objects.filter(task__status=PublishTask.Status.FAILED)
    stopped.filter(at__lt=now - timedelta(days=settings.GALLEY_FILM_FAILED_DAYS)).delete()
    others = Shot.objects.exclude(task__status=PublishTask.Status.FAILED)
    others.filter(at__lt=now - timedelta(days=settings.GALLEY_FILM_DAYS)).delete()


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

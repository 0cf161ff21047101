"""What nobody needs any more, once a day: sessions that ended, old records of logins, and timelines as old as the
operator wants. A thousand rows at a time, so that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from articles.models import Article, Event

LOGINS = timedelta(days=90)  # who has signed in, and who was locked out, may be asked about for a while
ROWS = 1000


def remove_what_ended(now: datetime) -> int:
    """Returns the number of rows."""
    return sum(_remove(rows) for rows in _ended(now))


def _ended(now: datetime) -> Iterator[QuerySet[Any]]:
    yield Session.objects.filter(expire_date__lt=now)
    for logins in (AccessAttempt, AccessFailureLog, AccessLog):
        yield logins.objects.filter(attempt_time__lt=now - LOGINS)
    if days := settings.GALLEY_TIMELINE_KEEP_DAYS:
        over = [Article.Status.DONE, Article.Status.CANCELLED]
        yield Event.objects.filter(at__lt=now - timedelta(days=days), article__status__in=over)


def _remove(rows: QuerySet[Any]) -> int:
    removed = 0
    while some := list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS]):
        removed += rows.model._default_manager.filter(pk__in=some).delete()[0]
    return removed

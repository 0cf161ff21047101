"""What stopped, hour by hour: from the timelines, which keep it when somebody has pressed Recover since."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count
from django.db.models.functions import TruncHour

from articles.models import Article, Event
from articles.models.access import EVERYTHING, may_look

HOURS = 48
HOUR = timedelta(hours=1)


class What(NamedTuple):
    """That stopped articles: where they stood, and by whom."""

    stage: str
    provider: str


def by_hour(user: AbstractBaseUser | AnonymousUser, now: datetime) -> dict[datetime, Counter[What]]:
    """The last hours, that at hand among them, each with what this person may know of (one query)."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = {last - n * HOUR: Counter[What]() for n in range(HOURS - 1, -1, -1)}
    if not may_look(user, Article):
        return hours
    stopped = Event.objects.filter(kind="stopped", at__gte=min(hours), at__lt=last + HOUR).order_by()
    if not user.has_perm(EVERYTHING):
        stopped = stopped.filter(article__owner=user)
    rows = stopped.annotate(hour=TruncHour("at", tzinfo=UTC)).values_list("hour", "stage", "provider")
    for hour, stage, provider, number in rows.annotate(Count("pk")):
        hours[hour][What(stage, provider)] += number
    return hours

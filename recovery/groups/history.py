"""What was before: counted from the attempts at articles, which hold what stopped each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from articles.failures import Problem
from articles.formats import count
from articles.models import Article, Attempt

DAY, WEEK = timedelta(days=1), timedelta(days=7)
Reader = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Return:
    """A cause that was gone, and came again: the last article that it had stopped, and that was finished since."""

    title: str
    address: str
    by: str  # who pressed Recover
    finished_at: datetime
    again_at: datetime  # the last stop since


def _stops(causes: Iterable[str], reader: Reader) -> QuerySet[Attempt]:
    mine = Article.objects.touchable_by(reader)
    return Attempt.objects.order_by().filter(cause__in=causes, article__in=mine.order_by().values("pk"))


def trends(causes: list[str], reader: Reader) -> dict[str, str]:
    """A sentence by cause, where the day before had any (one query)."""
    now = timezone.now()
    counted = (
        _stops(causes, reader)
        .filter(ended_at__gt=now - 2 * DAY)
        .values("cause")
        .annotate(
            day=Count("article", distinct=True, filter=Q(ended_at__gt=now - DAY)),
            before=Count("article", distinct=True, filter=Q(ended_at__lte=now - DAY)),
        )
    )
    return {row["cause"]: _trend(row["day"], row["before"]) for row in counted if row["cause"] and row["before"]}


def _trend(day: int, before: int) -> str:
    word = "More than" if day > before else "Fewer than" if day < before else "As many as"
    return f"{word} the day before: {count(day, 'article')} in the last 24 hours, {before:,} in the 24 before."


def returns(problems: list[Problem], reader: Reader) -> dict[str, Return]:
    """Those whose cause was gone within a week, and came again (one query).

    Only of what lies outside the articles: that the text of one was mended says nothing of the next one's.
    """
    last = {problem.cause: problem.last for problem in problems if problem.is_outside}
    recovered = Attempt.objects.filter(article=OuterRef("article"), why=Attempt.Why.RECOVERED).order_by("-pk")
    newest = Window(RowNumber(), partition_by="cause", order_by=[F("article__ended_at").desc(), F("pk").desc()])
    found = (
        _stops(last, reader)
        .filter(article__status=Article.Status.DONE, article__ended_at__gt=timezone.now() - WEEK)
        .annotate(
            newest=newest,
            first_name=Subquery(recovered.values("asked_by__first_name")[:1]),
            username=Subquery(recovered.values("asked_by__username")[:1]),
        )
        .filter(newest=1)
        .select_related("article")
        .only("cause", "article__title", "article__idea", "article__ended_at")
    )
    return {
        attempt.cause: Return(
            title=str(attempt.article),
            address=attempt.article.get_absolute_url(),
            by=attempt.first_name or attempt.username or "somebody",
            finished_at=attempt.article.ended_at,
            again_at=last[attempt.cause],
        )
        for attempt in found
        if attempt.cause and attempt.article.ended_at and last[attempt.cause] > attempt.article.ended_at
    }

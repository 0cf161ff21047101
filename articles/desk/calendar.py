"""The calendar of the desk: which articles begin when."""

from __future__ import annotations

import re
from calendar import Calendar
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db.models import Exists, OuterRef

from articles.desk.listing.article_list import SEEN
from articles.models import Article, ArticleQuerySet, Stage, StageRecord
from backups.clocks import READER

MOST = 500  # articles in one month's view
NINE = time(9)  # when work on an article of a chosen day begins, unless the editor says otherwise


@dataclass(frozen=True)
class Day:
    date: date
    articles: list[Article]  # that begin on it
    in_month: bool
    published: list[Article] = field(default_factory=list)

    @property
    def is_today(self) -> bool:
        return self.date == READER.today()

    @property
    def is_over(self) -> bool:
        return self.date < READER.today()

    @property
    def proposal(self) -> str:
        """For the form of a new article; empty for a day that is over, and for today: that begins at once."""
        return f"{datetime.combine(self.date, NINE):%Y-%m-%dT%H:%M}" if self.date > READER.today() else ""


@dataclass(frozen=True)
class Month:
    """A month of the years that a date can have."""

    first: date

    @classmethod
    def read(cls, text: str) -> Month:
        """`2026-11`; this month for anything else."""
        found = re.fullmatch(r"([12]\d{3})-(0[1-9]|1[0-2])", text, re.ASCII)
        return cls(date(int(found[1]), int(found[2]), 1) if found else READER.today().replace(day=1))

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def before(self) -> Month:
        return Month((self.first - timedelta(days=1)).replace(day=1))

    @property
    def after(self) -> Month:
        return Month((self.first + timedelta(days=32)).replace(day=1))

    def weeks(self, articles: ArticleQuerySet) -> list[list[Day]]:
        """Its weeks from Monday on, with the articles that begin on each day, and those that were published on it
        (eight queries)."""
        dates = Calendar().monthdatescalendar(self.first.year, self.first.month)
        start, end = dates[0][0], dates[-1][-1] + timedelta(days=1)
        span = tuple(READER.at(day) for day in (start, end))
        begins = articles.filter(scheduled_at__gte=span[0], scheduled_at__lt=span[1]).order_by("scheduled_at", "pk")
        of_day = _by_day(begins, lambda article: article.scheduled_at)
        seen = _by_day(_published(articles, *span), lambda article: article.ended_at)
        return [
            [Day(day, of_day.get(day, []), day.month == self.first.month, seen.get(day, [])) for day in week]
            for week in dates
        ]


def _published(articles: ArticleQuerySet, start: datetime, end: datetime) -> ArticleQuerySet:
    """What readers have seen since a day of this time: not drafts, and not the pages of the desk."""
    uploads = StageRecord.objects.filter(stage=Stage.UPLOAD, details__status__in=list(SEEN), article=OuterRef("pk"))
    done = articles.filter(status=Article.Status.DONE, ended_at__gte=start, ended_at__lt=end)
    return done.exclude(site=None).filter(Exists(uploads)).order_by("ended_at", "pk")


def _by_day(articles: ArticleQuerySet, when: Callable[[Article], datetime | None]) -> dict[date, list[Article]]:
    found: dict[date, list[Article]] = {}
    for article in articles.with_progress()[:MOST]:
        if moment := when(article):
            found.setdefault(READER.day(moment), []).append(article)
    return found

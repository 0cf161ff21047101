"""The calendar of the desk: which articles begin when."""

from __future__ import annotations

import re
from calendar import Calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import cast

from django.utils import timezone

from articles.models import Article, ArticleQuerySet

MOST = 500  # articles in one month's view
NINE = time(9)  # when work on an article of a chosen day begins, unless the editor says otherwise


@dataclass(frozen=True)
class Day:
    date: date
    articles: list[Article]
    in_month: bool

    @property
    def is_today(self) -> bool:
        return self.date == timezone.localdate()

    @property
    def proposal(self) -> str:
        """For the form of a new article; empty for a day that is over."""
        return f"{datetime.combine(self.date, NINE):%Y-%m-%dT%H:%M}" if self.date > timezone.localdate() else ""


@dataclass(frozen=True)
class Month:
    """A month of the years that a date can have."""

    first: date

    @classmethod
    def read(cls, text: str) -> Month:
        """`2026-11`; this month for anything else."""
        found = re.fullmatch(r"([12]\d{3})-(0[1-9]|1[0-2])", text, re.ASCII)
        return cls(date(int(found[1]), int(found[2]), 1) if found else timezone.localdate().replace(day=1))

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def before(self) -> Month:
        return Month((self.first - timedelta(days=1)).replace(day=1))

    @property
    def after(self) -> Month:
        return Month((self.first + timedelta(days=32)).replace(day=1))

    def weeks(self, articles: ArticleQuerySet) -> list[list[Day]]:
        """Its weeks from Monday on, with the articles that begin on each day (four queries)."""
        dates = Calendar().monthdatescalendar(self.first.year, self.first.month)
        start, end = dates[0][0], dates[-1][-1] + timedelta(days=1)
        midnight = [timezone.make_aware(datetime.combine(day, time())) for day in (start, end)]
        found = articles.filter(scheduled_at__gte=midnight[0], scheduled_at__lt=midnight[1])
        of_day: dict[date, list[Article]] = {}
        for article in found.order_by("scheduled_at", "pk").with_progress()[:MOST]:
            begins = cast(datetime, article.scheduled_at)
            of_day.setdefault(timezone.localdate(begins), []).append(article)
        return [[Day(day, of_day.get(day, []), day.month == self.first.month) for day in week] for week in dates]

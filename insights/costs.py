"""What was paid: by day and month, by whom and to whom, from the records that outlive their articles and their sums."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, Sum

from articles.models import Cost, CostRecord, DeskSettings
from insights.models import CostMark, CostSum
from insights.rollups.paid import SUMS

LONGEST_REST = 92  # days
Key = tuple[Any, ...]  # values of columns by which costs are told apart


class Range(StrEnum):
    """Of days in the desk's time zone, today among them."""

    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    ALL = "all"

    def since(self, today: date) -> date | None:
        """Its first day; None: there is none."""
        return None if self == Range.ALL else today - timedelta(days=int(self[:-1]) - 1)


@dataclass(frozen=True)
class Paid:
    """What some answers have cost, and what they have used."""

    cost: Cost = field(default_factory=Cost)
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Paid) -> Paid:
        return Paid(
            self.cost + other.cost,
            self.answers + other.answers,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
        )


BY = {  # what costs are told apart by beside the time, and the columns that say it
    "provider": ("provider",),
    "model": ("provider", "model"),
    "stage": ("stage",),
    "person": ("owner__username",),
    "site": ("site__name", "site"),
    "batch": ("batch__name", "batch"),  # each person's batches have names of their own
}
PARTS = ("model", "provider", "stage", "owner__username", "site__name", "site", "batch__name", "batch")
OF_SUMS = {
    "known": Sum("cost"),
    "unsaid": Sum("unknown"),
    "given": Sum("answers"),
    "read": Sum("input_tokens"),
    "written": Sum("output_tokens"),
}
LEAST = Decimal("0.000001")  # US dollars, that are told


@dataclass(frozen=True)
class Usage:
    """What was paid in a range, in each way of telling it apart, and how this month goes."""

    since: date | None
    paid: Paid
    by: dict[str, dict[Key, Paid]]
    this_month: ThisMonth


@dataclass(frozen=True)
class ThisMonth:
    """US dollars. `forecast`: if its other days cost as much as those that are over, and today; None on its first."""

    spent: Cost
    forecast: Decimal | None
    limit: Decimal | None


def usage(user: AbstractBaseUser | AnonymousUser, range_: Range, today: date) -> Usage:
    """What this person may know of (four queries). Days without any cost are zeros."""
    since = range_.since(today)
    told = _Told(user, today)
    days = told.by("day", since=since and min(since, today.replace(day=1)))
    within = {key: paid for key, paid in days.items() if not since or key[0] >= since}
    parts = told.by(*PARTS, since=since)
    by = {name: _together(parts, [PARTS.index(column) for column in columns]) for name, columns in BY.items()}
    months = _summed(((day.replace(day=1),), paid) for (day,), paid in within.items())
    by |= {"day": _filled(within, since, today), "month": months}
    return Usage(since, sum(within.values(), Paid()), by, _month(days, today))


def _month(days: dict[Key, Paid], today: date) -> ThisMonth:
    """How the month of a day goes (one query)."""
    cost = sum((paid for (day,), paid in days.items() if today.replace(day=1) <= day <= today), Paid()).cost
    length = monthrange(today.year, today.month)[1]
    forecast = cost.known * length / today.day if today.day > 1 else None
    return ThisMonth(cost, forecast and round(forecast, 6), DeskSettings.now().limit_month)


class _Told:
    """What a person may know of: sums of the days that are summed, and of the others the records themselves.

    The marks are read first. So a day counts as its records were then, or as they have become: never without those
    that were there already.
    """

    def __init__(self, user: AbstractBaseUser | AnonymousUser, today: date) -> None:
        self._today, marked = today, list(CostMark.objects.values_list("day", flat=True).distinct())
        self._sums = CostSum.objects.touchable_by(user).exclude(day__in=marked).order_by()
        self._records = CostRecord.objects.touchable_by(user).filter(day__in=marked).order_by()

    def by(self, *columns: str, since: date | None) -> dict[Key, Paid]:
        """What was paid for each of these, from a day on until today, or ever (one query)."""
        within = Q(day__gte=since, day__lte=self._today) if since else Q()
        sums = self._sums.filter(within).values_list(*columns).annotate(**OF_SUMS)
        records = self._records.filter(within).values_list(*columns).annotate(**SUMS)
        rows = sums.union(records, all=True)
        return _summed((tuple(row[: len(columns)]), _of(row[len(columns) :])) for row in rows)


def _together(parts: dict[Key, Paid], places: list[int]) -> dict[Key, Paid]:
    """Told apart by some of the columns alone."""
    return _summed((tuple(key[place] for place in places), paid) for key, paid in parts.items())


def _summed(parts: Iterable[tuple[Key, Paid]]) -> dict[Key, Paid]:
    """In the order of their values; those of none come last."""
    sums = defaultdict[Key, Paid](Paid)
    for key, paid in parts:
        sums[key] += paid
    return dict(sorted(sums.items(), key=lambda each: [(value is None, value or "") for value in each[0]]))


def _of(sums: Iterable[Decimal | int | None]) -> Paid:
    known, unknown, answers, read, written = sums
    dollars = Decimal(known or 0).quantize(LEAST)  # SQLite adds up in floating point
    return Paid(Cost(dollars, int(unknown or 0)), int(answers or 0), int(read or 0), int(written or 0))


def _filled(by_day: dict[Key, Paid], since: date | None, today: date) -> dict[Key, Paid]:
    """A day without records has no row: a chart needs it all the same. Where days lie further apart than LONGEST_REST,
    a clock was wrong, or the desk has rested: what lies between is left out.
    """
    known = sorted({today, *([since] if since else []), *(day for (day,) in by_day)})
    every = known[:1]
    for day in known[1:]:
        rest = (day - every[-1]).days
        every += [every[-1] + timedelta(days=n) for n in range(1, rest)] if since or rest <= LONGEST_REST else []
        every.append(day)
    return {(day,): by_day.get((day,), Paid()) for day in every}

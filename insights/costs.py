"""What was paid: by day and month, by whom and to whom, from the records that outlive their articles."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncMonth

from articles.models import Cost, CostRecord, CostRecordQuerySet, DeskSettings

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


BY = {  # what costs are told apart by, and the columns of a record that say it
    "day": ("day",),
    "month": ("month",),
    "provider": ("provider",),
    "model": ("provider", "model"),
    "stage": ("stage",),
    "person": ("owner__username",),
    "site": ("site__name", "site"),
    "batch": ("batch__name", "batch"),  # each person's batches have names of their own
}


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
    """What this person may know of (a query for each way, and two). Days without any cost are zeros."""
    records = CostRecord.objects.touchable_by(user)
    since = range_.since(today)
    within = records.filter(day__gte=since, day__lte=today) if since else records
    by = {name: paid_by(within, *columns) for name, columns in BY.items()}
    by["day"] = _filled(by["day"], since, today)
    return Usage(since, _paid(within), by, this_month(records, today))


def this_month(records: CostRecordQuerySet, today: date) -> ThisMonth:
    """How the month of a day goes (one query)."""
    spent = records.filter(day__gte=today.replace(day=1), day__lte=today).cost()
    days = monthrange(today.year, today.month)[1]
    forecast = spent.known * days / today.day if today.day > 1 else None
    return ThisMonth(spent, forecast and round(forecast, 6), DeskSettings.now().limit_month)


def paid_by(records: CostRecordQuerySet, *columns: str) -> dict[Key, Paid]:
    """What is paid for each value of these columns, in the order of the values (one query)."""
    months = records.annotate(month=TruncMonth("day")) if "month" in columns else records
    rows = months.order_by().values_list(*columns).annotate(**SUMS).order_by(*(F(name).asc() for name in columns))
    return {tuple(row[: len(columns)]): _of(row[len(columns) :]) for row in rows}


SUMS = {
    "known": Sum("cost"),
    "unsaid": Sum("unknown"),
    "given": Count("pk", filter=Q(answered=True)),
    "read": Sum("input_tokens"),
    "written": Sum("output_tokens"),
}


def _paid(records: CostRecordQuerySet) -> Paid:
    return _of(records.order_by().aggregate(**SUMS).values())


def _of(sums: Iterable[Decimal | int | None]) -> Paid:
    known, unknown, answers, read, written = sums
    return Paid(Cost(Decimal(known or 0), int(unknown or 0)), int(answers or 0), int(read or 0), int(written or 0))


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

"""The page *Insights*, and its tables as CSV."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from articles.models import Article
from articles.models.access import may_look
from backups.clocks import DESK
from backups.models import Generation
from insights import storage
from insights.comparison import comparison
from insights.costs import Range, Usage, usage
from insights.desk import charts, provider_tables, tables
from insights.desk.tables import Table
from insights.monitoring import Statistics, TaskFilter, statistics
from insights.recommendations import Advice, advice
from insights.stops import What, by_hour

MOST_BARS = 120
LABELS = {Range.WEEK: "7 days", Range.MONTH: "30 days", Range.QUARTER: "90 days", Range.ALL: "All"}


@dataclass(frozen=True)
class Insights:
    """What the page shows to one person."""

    range: Range
    usage: Usage
    tasks: Statistics
    by_day: Table
    tables: list[Table]
    drawn: Table  # that of days, or of months where there are many days
    bars: list[charts.Bar]
    at: datetime
    works: list[Table]
    as_of: datetime | None  # of what works
    advice: Advice
    stopped: Table
    stopped_bars: list[charts.Bar]
    storage: Table | None  # for those who may see the backups
    measured_at: datetime | None

    @property
    def has_stopped(self) -> bool:
        return any(bar.height for bar in self.stopped_bars)

    @property
    def has_paid(self) -> bool:
        return bool(self.usage.by["month"])

    @property
    def ranges(self) -> list[tuple[str, str, bool]]:
        """For the links: value, label, whether it is this one."""
        return [(each.value, label, each == self.range) for each, label in LABELS.items()]


def insights(user: AbstractBaseUser | AnonymousUser, range_: Range) -> Insights:
    """Of the articles that this person may see (some twenty queries, however many there are)."""
    now = DESK.now()
    used = usage(user, range_, now.date())
    since = DESK.at(used.since) if used.since else None
    tasks = statistics(TaskFilter(since=since).of(user))
    by_day = tables.by_day(used)
    drawn = by_day if len(by_day.rows) <= MOST_BARS else tables.by_month(used)
    compared, hours = comparison(user, range_, now.date()), by_hour(user, now)
    stored = storage.usage() if may_look(user, Generation) else None
    return Insights(
        range_,
        used,
        tasks,
        by_day,
        [*tables.cost_tables(used), *tables.task_tables(tasks)],
        drawn,
        _paid_bars(drawn),
        now,
        works=[*provider_tables.comparison_tables(compared), provider_tables.price_table(compared.prices)],
        as_of=compared.as_of,
        advice=advice(user, now.date()),
        stopped=provider_tables.stopped_table(hours),
        stopped_bars=_bars(hours),
        storage=provider_tables.storage_table(stored) if stored else None,
        measured_at=stored.at if stored else None,
    )


def _paid_bars(table: Table) -> list[charts.Bar]:
    paid = list(zip(table.rows, table.plain, strict=True))[-MOST_BARS:]
    return charts.bars([(row[0], plain[1], row[1]) for row, plain in paid])  # type: ignore[misc]  # a sum of dollars


def _bars(hours: dict[datetime, Counter[What]]) -> list[charts.Bar]:
    numbers = [(provider_tables.hour_words(hour), stopped.total()) for hour, stopped in hours.items()]
    return charts.bars([(label, number, f"{number:,} stopped") for label, number in numbers])


def found(request: HttpRequest) -> Insights:
    """What a request asks for. Raises PermissionDenied, Http404."""
    if not may_look(request.user, Article):
        raise PermissionDenied
    try:
        range_ = Range(request.GET.get("time_range", Range.MONTH))
    except ValueError as exc:
        raise Http404 from exc
    return insights(request.user, range_)


def csv_of(request: HttpRequest, name: str) -> HttpResponse:
    """A table of the page, as a file. Raises PermissionDenied, Http404."""
    shown = found(request)
    for table in (shown.by_day, *shown.tables, *shown.works, shown.stopped, shown.storage):
        if table and table.name == name:
            file = f'attachment; filename="galley_{name}_{shown.range}.csv"'
            return HttpResponse(
                tables.as_csv(table), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": file}
            )
    raise Http404

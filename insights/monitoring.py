"""Publish tasks: which there are, how they ended, how long they took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, Count, DurationField, F, Func, Prefetch, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.db.models.sql.compiler import SQLCompiler

from articles.api.cursor import Cursor
from articles.models import Article
from publishing.models import ExecutionLog, PublishTask

COUNTED = 10_000  # at most; beyond it there are "more"
NEAR = 0.95 - 1e-12  # of so many durations: a hair less, lest floating point goes beyond a rank that fits exactly


class Between(Func):
    """From one moment to another. On SQLite by its own functions: Django's calls Python for each row."""

    output_field = DurationField()
    template, arg_joiner = "(%(expressions)s)", " - "

    def as_sqlite(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,  # noqa: ARG002  Django's order
        **_: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        until, since = (compiler.compile(each) for each in self.source_expressions)
        sql = " - ".join(MICROSECONDS.format(sql) for sql, _ in (until, since))
        return f"({sql})", (*until[1], *until[1], *since[1], *since[1])


# Of a moment as it is written there: a fraction of six digits or none, which `strftime` would round up.
MICROSECONDS = (
    "(CAST(strftime('%%s', substr({0}, 1, 19)) AS INTEGER) * 1000000 + CAST(substr({0} || '000000', 21, 6) AS INTEGER))"
)
DURATION = Between("completed_at", "started_at")
TIMED = Q(status=PublishTask.Status.COMPLETED, started_at__isnull=False, completed_at__isnull=False)


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks; what is None is not asked for. `since` is within, `until` is not."""

    status: str | None = None
    provider: str | None = None
    site: int | None = None
    owner: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def of(self, user: AbstractBaseUser | AnonymousUser) -> QuerySet[PublishTask]:
        """Among those that this person may see."""
        wanted = {
            "status": self.status,
            "publisher": self.provider,
            "site": self.site,
            "article__owner__username": self.owner,
            "created_at__gte": self.since,
            "created_at__lt": self.until,
            "article__title__icontains": self.text,
        }
        tasks = PublishTask.objects.touchable_by(user)
        return tasks.filter(**{name: value for name, value in wanted.items() if value is not None})


@dataclass(frozen=True)
class Page:
    """Newest first; of one moment the later row first, so that no two orders are possible."""

    tasks: list[PublishTask]
    count: int
    more: bool
    next: Cursor | None


def page(tasks: QuerySet[PublishTask], limit: int, offset: int = 0, cursor: Cursor | None = None) -> Page:
    """So many of them, and how many there are in all, counted up to COUNTED (three queries)."""
    counted = tasks.order_by()[: COUNTED + 1].count()
    behind = cursor.rows_behind(tasks) if cursor else tasks
    shown = behind.select_related("site").defer("kept").prefetch_related(Prefetch("article", Article.objects.named()))
    rows = list(shown.order_by("-created_at", "-pk")[offset : offset + limit + 1])
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        rows[:limit], min(counted, COUNTED), counted > COUNTED, Cursor(last.created_at, last.pk) if last else None
    )


def log_of(task: PublishTask, limit: int, after: int = 0, level: str | None = None) -> Sequence[ExecutionLog]:
    """Its lines in their order, from where a watcher stopped (one query)."""
    lines = task.log.filter(pk__gt=after).order_by("pk")
    return list((lines.filter(level=level) if level else lines)[:limit])


@dataclass(frozen=True)
class Figures:
    """Of some tasks. Seconds; None: of nothing there is no rate, no mean and no p95."""

    total: int = 0
    completed: int = 0
    failed: int = 0  # of their own accord
    cancelled: int = 0
    seconds: float = 0  # of those that are `timed`, together
    timed: int = 0
    p95: float | None = None

    def __add__(self, other: Figures) -> Figures:
        """Percentiles do not add up."""
        return Figures(
            self.total + other.total,
            self.completed + other.completed,
            self.failed + other.failed,
            self.cancelled + other.cancelled,
            self.seconds + other.seconds,
            self.timed + other.timed,
        )

    @property
    def in_progress(self) -> int:
        return self.total - self.completed - self.failed - self.cancelled

    @property
    def success_rate(self) -> float | None:
        ended = self.completed + self.failed
        return self.completed / ended if ended else None

    @property
    def mean(self) -> float | None:
        return self.seconds / self.timed if self.timed else None


@dataclass(frozen=True)
class Statistics:
    """All tasks together, by the way that was asked for, and by site; None: the page at the desk."""

    all: Figures
    by_provider: dict[str, Figures]
    by_site: dict[tuple[int, str] | None, Figures]


def statistics(tasks: QuerySet[PublishTask]) -> Statistics:
    """Four queries, however many tasks there are."""
    whole, providers, sites = Figures(), dict[str, Figures](), dict[tuple[int, str] | None, Figures]()
    for provider, site, name, figures in _grouped(tasks):
        whole += figures
        providers[provider] = providers.get(provider, Figures()) + figures
        of_site = (site, name) if site else None
        sites[of_site] = sites.get(of_site, Figures()) + figures
    late, by_provider, by_site = (_p95(tasks, *by) for by in ((), ("publisher",), ("site",)))
    return Statistics(
        replace(whole, p95=late.get(())),
        {name: replace(found, p95=by_provider.get((name,))) for name, found in sorted(providers.items())},
        {site: replace(found, p95=by_site.get((site and site[0],))) for site, found in sites.items()},
    )


def _grouped(tasks: QuerySet[PublishTask]) -> list[tuple[str, int | None, str, Figures]]:
    status = PublishTask.Status
    rows = tasks.order_by().values_list("publisher", "site", "site__name").annotate(
        total=Count("pk"),
        completed=Count("pk", filter=Q(status=status.COMPLETED)),
        failed=Count("pk", filter=Q(status=status.FAILED, cancelled=False)),
        cancelled=Count("pk", filter=Q(status=status.FAILED, cancelled=True)),
        time=Sum(DURATION, filter=TIMED),
        timed=Count("pk", filter=TIMED),
    )  # fmt: skip
    return [
        (
            provider,
            site,
            name,
            Figures(total, completed, failed, cancelled, (time or timedelta()).total_seconds(), timed),
        )
        for provider, site, name, total, completed, failed, cancelled, time, timed in rows
    ]


def _p95(tasks: QuerySet[PublishTask], *by: str) -> dict[tuple[object, ...], float]:
    """The duration at rank ⌈0.95 n⌉ of the n completed tasks of each group, as they stand in their order."""
    if connections[tasks.db].vendor == "postgresql":
        return _percentiles(tasks, *by)
    groups = [F(name) for name in by] or None
    ranked = tasks.filter(TIMED).order_by().annotate(
        duration=DURATION,
        rank=Window(RowNumber(), partition_by=groups, order_by=[DURATION.asc(), F("pk").asc()]),
        size=Window(Count("pk"), partition_by=groups),
    )  # fmt: skip
    rows = ranked.filter(rank=(F("size") * 95 + 99) / 100).values_list(*by, "duration")
    return {tuple(group): duration.total_seconds() for *group, duration in rows}


class _Percentile(Aggregate):
    function = "PERCENTILE_DISC"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


def _percentiles(tasks: QuerySet[PublishTask], *by: str) -> dict[tuple[object, ...], float]:
    """As PostgreSQL finds them, without numbering every row."""
    timed = tasks.filter(TIMED).order_by()
    late = _Percentile(DURATION, share=NEAR)
    rows = timed.values_list(*by).annotate(late=late) if by else [timed.aggregate(late=late).values()]
    return {tuple(group): duration.total_seconds() for *group, duration in rows if duration is not None}

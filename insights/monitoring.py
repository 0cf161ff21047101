"""Publish tasks: which there are, how they ended, how long they took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import fsum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connections
from django.db.models import (
    Aggregate,
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Prefetch,
    Q,
    QuerySet,
    Sum,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast

from articles.api.cursor import Cursor
from articles.models import Article
from publishing.models import ExecutionLog, PublishTask, Site

COUNTED = 10_000  # at most; beyond it there are "more"
ROWS = 2_000  # at a time
NEAR = 0.95 - 1e-12  # of so many durations: a hair less, lest floating point goes beyond a rank that fits exactly


DURATION = ExpressionWrapper(F("completed_at") - F("started_at"), output_field=DurationField())
TIMED = Q(status=PublishTask.Status.COMPLETED, started_at__isnull=False, completed_at__isnull=False)
ENDED = Case(
    When(status=PublishTask.Status.COMPLETED, then=Value("completed")),
    When(status=PublishTask.Status.FAILED, cancelled=True, then=Value("cancelled")),
    When(status=PublishTask.Status.FAILED, then=Value("failed")),
    default=Value(""),
)
AS_WRITTEN = [Cast(at, TextField()) for at in ("started_at", "completed_at")]


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
    """Four queries, two on SQLite, however many tasks there are."""
    added_up = _asked if connections[tasks.db].vendor == "postgresql" else _read
    groups, (late, by_provider, by_site) = added_up(tasks)
    whole, providers, sites = Figures(), dict[str, Figures](), dict[tuple[int, str] | None, Figures]()
    for provider, site, name, figures in groups:
        whole += figures
        providers[provider] = providers.get(provider, Figures()) + figures
        of_site = (site, name) if site else None
        sites[of_site] = sites.get(of_site, Figures()) + figures
    return Statistics(
        replace(whole, p95=late.get(())),
        {name: replace(found, p95=by_provider.get((name,))) for name, found in sorted(providers.items())},
        {site: replace(found, p95=by_site.get((site and site[0],))) for site, found in sites.items()},
    )


Groups = list[tuple[str, int | None, str, Figures]]  # by the way that was asked for, and by site with its name
Late = dict[tuple[object, ...], float]  # the p95 of each group


def _asked(tasks: QuerySet[PublishTask]) -> tuple[Groups, list[Late]]:
    """As PostgreSQL adds them up: all together, by way, by site."""
    return _grouped(tasks), [_p95(tasks), _p95(tasks, "publisher"), _p95(tasks, "site")]


def _grouped(tasks: QuerySet[PublishTask]) -> Groups:
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


class _Percentile(Aggregate):
    function = "PERCENTILE_DISC"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


def _p95(tasks: QuerySet[PublishTask], *by: str) -> Late:
    """The duration at rank ⌈0.95 n⌉ of the n completed tasks of each group, as they stand in their order."""
    timed = tasks.filter(TIMED).order_by()
    late = _Percentile(DURATION, share=NEAR)
    rows = timed.values_list(*by).annotate(late=late) if by else [timed.aggregate(late=late).values()]
    return {tuple(group): duration.total_seconds() for *group, duration in rows if duration is not None}


def _read(tasks: QuerySet[PublishTask]) -> tuple[Groups, list[Late]]:
    """The same from each row as it is written, once: SQLite takes four times as long to work out the durations and to
    put them in order.
    """
    took = defaultdict[tuple[str, int | None, str], list[timedelta | None]](list)
    rows = tasks.order_by().values_list("publisher", "site", ENDED, *AS_WRITTEN)
    moment = datetime.fromisoformat
    for publisher, site, ended, since, until in rows.iterator(chunk_size=ROWS):
        timed = ended == "completed" and since and until
        took[publisher, site, ended].append(moment(until) - moment(since) if timed else None)
    sites = Site.objects.using(tasks.db).filter(pk__in={site for _, site, _ in took if site})
    names = dict(sites.values_list("pk", "name"))
    groups, durations = Groups(), dict[tuple[object, ...], list[float]]()
    for (publisher, site, ended), each in took.items():
        seconds = [duration.total_seconds() for duration in each if duration is not None]
        figures = Figures(len(each), **{ended: len(each)} if ended else {}, seconds=fsum(seconds), timed=len(seconds))
        groups.append((publisher, site, names.get(site or 0, ""), figures))
        if seconds:
            durations[publisher, site] = sorted(seconds)
    return groups, [_late(durations, *places) for places in ((), (0,), (1,))]


def _late(durations: dict[tuple[object, ...], list[float]], *places: int) -> Late:
    """The p95 of those whose keys are the same at these places. Each list is in order already."""
    together = defaultdict[tuple[object, ...], list[float]](list)
    for key, seconds in durations.items():
        together[tuple(key[place] for place in places)] += seconds
    return {key: sorted(seconds)[(len(seconds) * 95 + 99) // 100 - 1] for key, seconds in together.items()}

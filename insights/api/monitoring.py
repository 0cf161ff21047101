"""Monitoring in the API: tasks listed, counted, and what has happened to one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Query, Router
from pydantic import AwareDatetime, Field

from articles.api.asking import who_may_look
from articles.api.cursor import read_cursor
from articles.api.strict import BIGGEST_ID, REFUSALS, InQuery, Strict, one_of
from articles.failures import Failure
from insights import monitoring
from insights.monitoring import COUNTED, Figures, TaskFilter
from publishing import execution_log
from publishing.models import ExecutionLog, PublishTask

MOST = 100  # rows in one answer
USUAL_DAYS = 30  # of statistics, where nobody says since when

router = Router(tags=["monitoring"])


class MonitoredTaskOut(Strict):
    """A publish task, in one line."""

    id: str
    article_id: str
    article_title: str
    owner: str
    site: str | None = Field(description="null: a page at the desk")
    provider: str
    way: str = Field(description="that it takes now, or took at last")
    status: str
    cancelled: bool = Field(description="of a failed one: somebody wanted it so")
    message: str = Field(description="the status in words")
    progress: int = Field(description="percent")
    current_step: str
    retry_count: int
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration: float | None = Field(description="seconds, until now while it runs")
    cost: Decimal = Field(description="US dollars that this task alone has cost")


class MonitoredTasksOut(Strict):
    """Newest first."""

    tasks: list[MonitoredTaskOut]
    count: int = Field(description=f"how many there are altogether, counted up to {COUNTED:,}")
    more: bool = Field(description="there are more than were counted")
    cursor: str | None = Field(description="the next page: cursor=<this>; null: this was the last")


class FiguresOut(Strict):
    """How tasks did. Null: of nothing there is no rate and no duration."""

    total: int
    completed: int
    failed: int
    cancelled: int
    in_progress: int
    success_rate: float | None = Field(description="completed among completed and failed, 0 to 1")
    mean_duration: float | None = Field(description="seconds, of those that were completed")
    p95_duration: float | None = Field(description="seconds that 95 in 100 of these did not exceed")


class OfProviderOut(FiguresOut):
    provider: str


class OfSiteOut(FiguresOut):
    site_id: str | None
    site: str | None = Field(description="null: a page at the desk")


class StatisticsOut(FiguresOut):
    since: datetime
    until: datetime | None
    by_provider: list[OfProviderOut]
    by_site: list[OfSiteOut]


class LogOut(Strict):
    """A line of a task's log."""

    id: str
    level: str = Field(description="info, warning or error")
    step: str = Field(description="the status of the task then")
    code: str
    message: str
    at: datetime


class LogsOut(Strict):
    """In their order."""

    logs: list[LogOut]
    after: str = Field(description="go on later with after=<this>; 0 where there was nothing yet")
    more: bool = Field(description="there are more already")


class Which(InQuery):
    """Which tasks."""

    status: Annotated[PublishTask.Status, one_of(PublishTask.Status.values)] | None = None
    provider: str | None = Field(None, max_length=20)
    site: int | None = Field(None, ge=1, le=BIGGEST_ID, description="its id")
    owner: str | None = Field(None, max_length=150, description="of the article: the user name")
    since: AwareDatetime | None = Field(None, alias="from", description="asked for at this time or later")
    until: AwareDatetime | None = Field(None, alias="to", description="asked for before")
    text: str | None = Field(None, min_length=1, max_length=100, description="in the title of the article")

    def filter(self) -> TaskFilter:
        return TaskFilter(**{name: getattr(self, name) for name in Which.model_fields})


class Listed(Which):
    """Which page of them."""

    limit: int = Field(20, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=COUNTED)
    cursor: str | None = Field(None, max_length=100, description="where another page ended")


class Lines(InQuery):
    """Which lines."""

    level: ExecutionLog.Level | None = None
    after: int = Field(0, ge=0, le=BIGGEST_ID, description="only lines behind this one")
    limit: int = Field(MOST, ge=1, le=MOST)


@router.get("/tasks", response={200: MonitoredTasksOut, **REFUSALS}, operation_id="monitoring_tasks")
def tasks(request: HttpRequest, wanted: Query[Listed]) -> MonitoredTasksOut:
    """Publish tasks, newest first. `cursor` goes on where another page ended, also while new ones arrive."""
    cursor = read_cursor(wanted.cursor)
    found = monitoring.page(wanted.filter().of(who_may_look(request, PublishTask)), wanted.limit, wanted.offset, cursor)
    return MonitoredTasksOut(
        tasks=[_out(task) for task in found.tasks],
        count=found.count,
        more=found.more,
        cursor=str(found.next) if found.next else None,
    )


@router.get("/statistics", response={200: StatisticsOut, **REFUSALS}, operation_id="monitoring_statistics")
def statistics(request: HttpRequest, wanted: Query[Which]) -> StatisticsOut:
    """How tasks did that were asked for in a time; where nobody says which, in the last 30 days."""
    user, which = who_may_look(request, PublishTask), wanted.filter()
    since = which.since or (which.until or timezone.now()) - timedelta(days=USUAL_DAYS)
    found = monitoring.statistics(replace(which, since=since).of(user))
    return StatisticsOut(
        since=since,
        until=which.until,
        by_provider=[OfProviderOut(provider=name, **_figures(each)) for name, each in found.by_provider.items()],
        by_site=[
            OfSiteOut(site_id=str(site[0]) if site else None, site=site[1] if site else None, **_figures(each))
            for site, each in sorted(found.by_site.items(), key=lambda item: (item[0] is None, item[0] or ()))
        ],
        **_figures(found.all),
    )


@router.get("/tasks/{int:task_id}/logs", response={200: LogsOut, **REFUSALS}, operation_id="monitoring_task_logs")
def logs(request: HttpRequest, task_id: int, wanted: Query[Lines]) -> LogsOut:
    """What has happened to a task. `after` goes on where a watcher stopped."""
    task = PublishTask.objects.touchable_by(who_may_look(request, PublishTask)).filter(pk=task_id).first()
    if task is None:
        raise Http404
    lines = monitoring.log_of(task, wanted.limit + 1, wanted.after, wanted.level)
    shown = lines[: wanted.limit]
    return LogsOut(
        logs=[
            LogOut(
                id=str(line.pk),
                level=line.level,
                step=line.step,
                code=line.code,
                message=execution_log.sentence(line),
                at=line.at,
            )
            for line in shown
        ],
        after=str(shown[-1].pk if shown else wanted.after),
        more=len(lines) > len(shown),
    )


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "total": found.total,
        "completed": found.completed,
        "failed": found.failed,
        "cancelled": found.cancelled,
        "in_progress": found.in_progress,
        "success_rate": found.success_rate,
        "mean_duration": found.mean,
        "p95_duration": found.p95,
    }


def _out(task: PublishTask) -> MonitoredTaskOut:
    return MonitoredTaskOut(
        id=str(task.pk),
        article_id=str(task.article_id),
        article_title=str(task.article),
        owner=task.article.owner.get_username(),
        site=task.site.name if task.site else None,
        provider=task.publisher,
        way=task.way,
        status=task.status,
        cancelled=task.cancelled,
        message=str(task.get_status_display()),
        progress=task.progress,
        current_step=task.current_step,
        retry_count=task.retry_count,
        error_message=f"{Failure.read(task.failure).sentence}." if task.failure else None,
        created_at=task.created_at,
        started_at=task.started_at,
        completed_at=task.completed_at,
        duration=task.seconds,
        cost=task.cost,
    )

"""The start page, which answers one question: What needs me?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.utils import timezone

from articles.desk.batch_overviews import BatchOverview, batch_overviews
from articles.failures import Problem, problems
from articles.formats import money
from articles.models import Article, Batch, Cost, CostRecord, DeskSettings
from articles.models.access import EVERYTHING
from articles.pipeline.money import limits
from articles.pipeline.worker_health import health, queued_since
from worklist.models import Document

SHOWN = 8  # lines of a kind on the start page
UNCLAIMED = timedelta(minutes=2)


@dataclass(frozen=True)
class Spent:
    """`$12.40 this month of $50`."""

    when: str
    sum: Decimal
    limit: Decimal

    def __str__(self) -> str:
        digits = 2 if self.limit % 1 else 0
        return f"{money(self.sum)} {self.when} of ${self.limit:,.{digits}f}"


@dataclass(frozen=True)
class Start:
    """What the start page says to one person."""

    problems: list[Problem]
    more_problems: int
    stopped: int
    batches: list[BatchOverview]  # that run
    paused: list[Batch]
    moving: list[Article]
    more_moving: int
    unclaimed_since: datetime | None
    done: list[Article]
    done_today: int
    scheduled: int
    cost_today: Cost
    spent: list[Spent]  # against the limits that there are
    is_new: bool
    documents: list[Document]  # on the worklist, that wait for this person by name


def greeting(now: datetime) -> str:
    if now.hour < 5 or now.hour >= 18:
        return "Good evening"
    return "Good morning" if now.hour < 12 else "Good afternoon"


def start(user: AbstractBaseUser | AnonymousUser) -> Start:
    """What concerns this person (twelve queries, fourteen where batches run, up to three for limits,
    however many articles there are)."""
    mine = Article.objects.touchable_by(user)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    scheduled = mine.filter(status=Article.Status.WAITING, attempt=0)
    # Sorted here: the database would walk through all articles by their date to find the few that move.
    # Those of batches are shown as one line, their batch's.
    moving = mine.filter(batch=None, status__in=[Article.Status.RUNNING, Article.Status.QUEUED, Article.Status.WAITING])
    oldest = sorted(moving.exclude(pk__in=scheduled.values("pk")).order_by().values_list("created_at", "pk"))
    done = mine.filter(status=Article.Status.DONE, ended_at__gte=midnight)
    shown = mine.filter(pk__in=[pk for _, pk in oldest[:SHOWN]]).order_by("created_at", "pk").with_progress()
    open_batches = Batch.objects.touchable_by(user).filter(state__in=[Batch.State.RUNNING, Batch.State.PAUSED])
    under_way = list(open_batches.select_related("owner").defer("styles", "sections", "brief"))
    documents = list(Document.objects.visible_to(user).mine(user).order_by("due", "since")[:SHOWN])
    found = problems(mine, user)
    return Start(
        problems=found[:SHOWN],
        more_problems=max(len(found) - SHOWN, 0),
        stopped=sum(problem.count for problem in found),
        batches=batch_overviews([batch for batch in under_way if batch.state == Batch.State.RUNNING]),
        paused=[batch for batch in under_way if batch.state == Batch.State.PAUSED],
        moving=list(shown),
        more_moving=max(len(oldest) - SHOWN, 0),
        unclaimed_since=_unclaimed_since(),
        done=list(done.order_by("-ended_at").with_progress()[:SHOWN]),
        done_today=done.count(),
        cost_today=CostRecord.objects.touchable_by(user).filter(day=midnight.date()).cost(),
        spent=_spent() if isinstance(user, User) and user.has_perm(EVERYTHING) else [],
        scheduled=scheduled.count(),
        is_new=not (documents or under_way or mine.exists()),
        documents=documents,
    )


def _spent() -> list[Spent]:
    """Of the whole desk, with what may have been charged besides (one query, one more for each limit)."""
    row, today = DeskSettings.now(), timezone.localdate()
    since = {"today": (row.limit_day, today), "this month": (row.limit_month, limits.first_of_month(today))}
    return [Spent(when, limits.charged(day), limit) for when, (limit, day) in since.items() if limit is not None]


def _unclaimed_since() -> datetime | None:
    """Since when articles are queued while nobody works on any: then the operator must look."""
    if health().busy or Article.objects.filter(status=Article.Status.RUNNING).exists():
        return None
    since = queued_since()
    return since if since and since <= timezone.now() - UNCLAIMED else None

"""The start page, which answers one question: What needs me?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Exists, OuterRef
from django.utils import timezone

from articles.desk.batch_overviews import BatchOverview, batch_overviews
from articles.formats import money
from articles.models import Article, ArticleQuerySet, Batch, Cost, CostRecord, DeskSettings
from articles.models.access import EVERYTHING
from articles.pipeline.money import limits
from articles.pipeline.worker_health import health, queued_since
from backups.clocks import DESK
from backups.health.report import remembered
from publishing.models import PublishTask
from recovery.groups.group import Group, groups
from recovery.handover.deeds import given_to
from recovery.mail import backup_news, backup_wording
from recovery.models import Handover
from worklist import pages
from worklist.models import Document

SHOWN = 8  # lines of a kind on the start page
UNCLAIMED = timedelta(minutes=2)
LATELY = timedelta(days=7)


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

    groups: list[Group]  # of stopped articles, that nobody has put aside
    more_problems: int
    aside: int  # groups that somebody has
    aside_until: datetime | None  # when the first of them comes back
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
    given: list[Handover]  # stopped articles that colleagues gave to this person
    documents: list[Document]  # on the worklist, that wait for this person by name
    backups: str  # what is wrong with them, for whoever may end it
    publications: int  # that stopped lately, of articles that are not stopped themselves

    @property
    def needs_somebody(self) -> bool:
        return bool(self.groups or self.paused or self.given or self.backups or self.publications)


def greeting(now: datetime) -> str:
    if now.hour < 5 or now.hour >= 18:
        return "Good evening"
    return "Good morning" if now.hour < 12 else "Good afternoon"


def start(user: AbstractBaseUser | AnonymousUser) -> Start:
    """What concerns this person (sixteen queries, three more where articles are stopped, two where batches run, up to
    three for limits, thirteen about backups for whoever may act on them, however many articles there are)."""
    mine = Article.objects.touchable_by(user)
    today = DESK.today()
    scheduled = mine.filter(status=Article.Status.WAITING, attempt=0)
    moving = _moving(mine, scheduled)
    done = mine.filter(status=Article.Status.DONE, ended_at__gte=DESK.at(today))
    first = moving[:SHOWN]
    last = list(done.order_by("-ended_at").values_list("pk", flat=True)[:SHOWN])
    lines = mine.filter(pk__in=first + last).order_by().with_progress().in_bulk()
    open_batches = Batch.objects.touchable_by(user).filter(state__in=[Batch.State.RUNNING, Batch.State.PAUSED])
    under_way = list(open_batches.select_related("owner").defer("styles", "sections", "brief"))
    documents = pages.for_person(Document.objects.visible_to(user).mine(user), SHOWN)
    found = groups(user)
    waiting = [group for group in found if not group.snooze]
    aside = [group.snooze.until for group in found if group.snooze]
    given = list(given_to(user)[:SHOWN]) if isinstance(user, User) else []
    return Start(
        groups=waiting[:SHOWN],
        more_problems=max(len(waiting) - SHOWN, 0),
        aside=len(aside),
        aside_until=min(aside, default=None),
        stopped=sum(group.problem.count for group in found),
        batches=batch_overviews([batch for batch in under_way if batch.state == Batch.State.RUNNING]),
        paused=[batch for batch in under_way if batch.state == Batch.State.PAUSED],
        moving=[lines[pk] for pk in first if pk in lines],
        more_moving=max(len(moving) - SHOWN, 0),
        unclaimed_since=_unclaimed_since(),
        done=[lines[pk] for pk in last if pk in lines],
        done_today=done.count(),
        cost_today=CostRecord.objects.touchable_by(user).filter(day=today).cost(),
        spent=_spent() if isinstance(user, User) and user.has_perm(EVERYTHING) else [],
        scheduled=scheduled.count(),
        given=given,
        is_new=not (documents or under_way or found or lines or mine.exists()),
        documents=documents,
        backups=_backups() if isinstance(user, User) and backup_news.may_know(user) else "",
        publications=_stopped_publications(user),
    )


def _moving(mine: ArticleQuerySet, scheduled: ArticleQuerySet) -> list[int]:
    """Ids of what is under way, the oldest first; articles of batches are shown as one line, their batch's."""
    moving = mine.filter(batch=None, status__in=[Article.Status.RUNNING, Article.Status.QUEUED, Article.Status.WAITING])
    # Sorted here: the database would walk through all articles by their date to find the few that move.
    times = moving.exclude(pk__in=scheduled.values("pk")).order_by().values_list("created_at", "pk")
    return [pk for _, pk in sorted(times)]


def _backups() -> str:
    report = remembered(timezone.now())
    return backup_wording.news(report).headline if report.needs_somebody else ""


def _stopped_publications(user: AbstractBaseUser | AnonymousUser) -> int:
    """Those that no later one has made good, and that do not stand with their article (one query)."""
    later = PublishTask.objects.filter(article=OuterRef("article"), site=OuterRef("site"), pk__gt=OuterRef("pk"))
    stopped = PublishTask.objects.touchable_by(user).filter(status=PublishTask.Status.FAILED, cancelled=False)
    lately = stopped.filter(site__isnull=False, completed_at__gte=timezone.now() - LATELY)
    lately = lately.exclude(article__status=Article.Status.FAILED)
    return lately.filter(~Exists(later)).count()


def _spent() -> list[Spent]:
    """Of the whole desk, with what may have been charged besides (one query, one more for each limit)."""
    row, today = DeskSettings.now(), DESK.today()
    since = {"today": (row.limit_day, today), "this month": (row.limit_month, limits.first_of_month(today))}
    return [Spent(when, limits.charged(day), limit) for when, (limit, day) in since.items() if limit is not None]


def _unclaimed_since() -> datetime | None:
    """Since when articles are queued while nobody works on any: then the operator must look."""
    if health().busy or Article.objects.filter(status=Article.Status.RUNNING).exists():
        return None
    since = queued_since()
    return since if since and since <= timezone.now() - UNCLAIMED else None

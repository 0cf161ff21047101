"""The sweep: whatever was interrupted goes on.

It looks at rows alone, changes each by a small compare-and-set, and may run anywhere, at any time, twice at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.dispatch import Signal
from django.utils import timezone
from django_q.models import Schedule

from articles.formats import count
from articles.models import Article, Attempt
from articles.pipeline import queue, transitions
from articles.pipeline.dispatch import PER_WORKER, top_up
from articles.pipeline.lease import LEASE, Found, found
from articles.processes import is_alive, this_machine, this_process
from articles.providers.errors import GALLEY, Mistake, Then
from audit.acting import by_the_desk

log = structlog.get_logger("galley.sweep")

sweeping = Signal()  # sent by each sweep: the floors above go on with what was interrupted there

MAX_CRASHES = 3
UNCLAIMED = timedelta(minutes=2)
SKEW = timedelta(minutes=2)  # the clocks of several machines differ by less


@dataclass(frozen=True)
class Swept:
    """What a sweep found: articles that nobody was working on, stages set back, messages given again."""

    articles_found: int = 0
    stages_reset: int = 0
    tasks_restarted: int = 0

    @property
    def sentence(self) -> str:
        """`2 articles were found and go on.` Those that died too often are found, and stopped."""
        if not self.articles_found:
            return "Nothing was interrupted."
        found = f"{count(self.articles_found, 'article')} {'was' if self.articles_found == 1 else 'were'} found"
        stopped = self.articles_found - self.tasks_restarted
        if not stopped:
            return f"{found} and {'goes' if self.articles_found == 1 else 'go'} on."
        if not self.tasks_restarted:
            return f"{found} and {'was' if stopped == 1 else 'were'} stopped: see why in the desk."
        goes = "goes" if self.tasks_restarted == 1 else "go"
        return f"{found}: {self.tasks_restarted} {goes} on, {stopped} {'was' if stopped == 1 else 'were'} stopped."

    def with_one(self, *, stages_reset: int = 0, restarted: bool = True) -> Swept:
        """One article more."""
        return Swept(self.articles_found + 1, self.stages_reset + stages_reset, self.tasks_restarted + restarted)


@by_the_desk()
def sweep() -> Swept:
    """Put back on the way what was interrupted. Safe to run anywhere, at any time, twice at once."""
    now = timezone.now()
    ahead = now + SKEW  # what was written later than this was written before the clock was set back
    swept = Swept()
    _shorten_times(now)
    for each in abandoned():
        swept = _release(each, swept)
    stood_still = Exists(Attempt.objects.filter(article=OuterRef("pk"), number=OuterRef("attempt"), ended_at__gt=ahead))
    for each in found(Q(next_at__lte=now) | Q(stood_still), status=Article.Status.WAITING):
        if _begin_again(each):
            swept = swept.with_one()
    for each in found(status=Article.Status.QUEUED, queued_at__gt=ahead):
        if transitions.queue_again(each, None):
            swept = swept.with_one()
    for article in _without_a_message(now):
        queue.enqueue(article)
        swept = swept.with_one()
    top_up()
    sweeping.send(Swept)
    if swept.articles_found:
        log.info("swept", **vars(swept))
    return swept


def put_down() -> None:
    """What runs in the name of this process, which is between two tasks: a run could not be ended, and nobody is at it.

    A full disk or a database that is away keeps a run from writing its own end; until the next task it can be seen.
    """
    for each in found(status=Article.Status.RUNNING, lease_owner=this_process()):
        _release(each, Swept())


def take_up() -> None:
    """What a worker with nothing to do need not leave to the next sweep: the article that has been due for longest, or
    whose lease has run out.
    """
    now = timezone.now()
    run_out = Q(status=Article.Status.RUNNING, lease_until__lte=now)
    is_due = Q(status=Article.Status.WAITING, next_at__lte=now)
    for each in sorted(found(run_out | is_due), key=lambda each: each.next_at or each.lease_until):
        if each.status == Article.Status.RUNNING:
            won = _release(each, Swept()).tasks_restarted > 0
        else:
            won = _begin_again(each)
        if won:
            return


def put_back(owner: str) -> None:
    """What a worker held that was ended on purpose: no article did that to it, and none has a crash more."""
    for each in found(status=Article.Status.RUNNING, lease_owner=owner):
        with transaction.atomic():
            if transitions.interrupt(each) is not None:
                Article.objects.filter(pk=each.pk).update(crashes=F("crashes") - 1)  # which its claim had counted


def _begin_again(waiting: Found) -> bool:
    return transitions.queue_again(waiting, Attempt.Why.RETRIED if waiting.attempt else None)


def _without_a_message(now: datetime) -> list[int]:
    """Articles that nobody has claimed for long, in a queue without a message: the oldest, a few for each worker.

    While messages wait, whoever takes them sees the rest by the rows, so there are never more messages than articles.
    """
    unclaimed = Article.objects.filter(status=Article.Status.QUEUED, queued_at__lte=now - UNCLAIMED)
    oldest = list(unclaimed.order_by("queued_at").values_list("pk", flat=True)[: PER_WORKER * settings.GALLEY_WORKERS])
    return oldest if oldest and queue.is_empty() else []


def _shorten_times(now: datetime) -> None:
    """After the clock was set back: no lease outlasts a new one, and the sweep itself does not sleep until then.

    A lease is not taken away: whoever holds it may be at work, and renews it in time.
    """
    running = Article.objects.filter(status=Article.Status.RUNNING, lease_until__gt=now + LEASE + SKEW)
    running.update(lease_until=now + LEASE)
    for schedule in Schedule.objects.filter(func="articles.tasks.sweep", schedule_type=Schedule.MINUTES):
        if schedule.next_run > now + timedelta(minutes=schedule.minutes or 1) + SKEW:
            Schedule.objects.filter(pk=schedule.pk, next_run=schedule.next_run).update(next_run=now)


def abandoned() -> list[Found]:
    """Running, but the lease ran out, or the process that holds it is provably dead."""
    now = timezone.now()
    here = Q(lease_owner__startswith=f"{this_machine()}|")
    suspects = found(Q(lease_until__lte=now) | here, status=Article.Status.RUNNING)
    return [each for each in suspects if each.lease_until <= now or not is_alive(each.lease_owner)]


def _release(dead: Found, swept: Swept) -> Swept:
    died_too_often = dead.crashes > MAX_CRASHES
    reset = transitions.give_up(dead, _deaths(dead)) if died_too_often else transitions.interrupt(dead)
    return swept if reset is None else swept.with_one(stages_reset=reset, restarted=not died_too_often)


def _deaths(dead: Found) -> Mistake:
    """The article that kills every worker must not go on doing so."""
    return Mistake(
        GALLEY,
        f"the work on it died {dead.crashes} times without getting any further",
        mend="tell the operator",
        then=Then.ONCE_MORE,
        code="crashes",
        thing="this article",
    )

"""The sweep: whatever was interrupted goes on.

It looks at rows alone, changes each by a small compare-and-set, and may run anywhere, at any time, twice at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import Exists, OuterRef, Q
from django.dispatch import Signal
from django.utils import timezone
from django_q.models import Schedule

from articles.formats import count
from articles.models import Article, Attempt
from articles.pipeline import transitions
from articles.pipeline.dispatch import top_up
from articles.pipeline.lease import LEASE
from articles.pipeline.processes import is_alive, this_machine
from articles.pipeline.transitions import Found
from articles.providers.errors import GALLEY, Mistake, Then

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


def sweep() -> Swept:
    """Put back on the way what was interrupted. Safe to run anywhere, at any time, twice at once."""
    now = timezone.now()
    ahead = now + SKEW  # what was written later than this was written before the clock was set back
    swept = Swept()
    _shorten_times(now)
    for found in abandoned():
        swept = _release(found, swept)
    stood_still = Exists(Attempt.objects.filter(article=OuterRef("pk"), number=OuterRef("attempt"), ended_at__gt=ahead))
    for found in _found(Q(next_at__lte=now) | Q(stood_still), status=Article.Status.WAITING):
        if transitions.queue_again(found, Attempt.Why.RETRIED if found.attempt else None):
            swept = swept.with_one()
    unclaimed = Q(queued_at__lte=now - UNCLAIMED) | Q(queued_at__gt=ahead)
    for found in _found(unclaimed, status=Article.Status.QUEUED):
        if transitions.queue_again(found, None):
            swept = swept.with_one()
    top_up()
    sweeping.send(Swept)
    if swept.articles_found:
        log.info("swept", **vars(swept))
    return swept


def _found(*conditions: Q, **fields: Any) -> list[Found]:
    # Unordered: for an order the database would rather walk through all articles by their date.
    articles = Article.objects.filter(*conditions, **fields).order_by()
    return [Found(*row) for row in articles.values_list(*Found._fields)]


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
    suspects = _found(Q(lease_until__lte=now) | here, status=Article.Status.RUNNING)
    return [found for found in suspects if found.lease_until <= now or not is_alive(found.lease_owner)]


def _release(found: Found, swept: Swept) -> Swept:
    died_too_often = found.crashes > MAX_CRASHES
    reset = transitions.give_up(found, _deaths(found)) if died_too_often else transitions.interrupt(found)
    return swept if reset is None else swept.with_one(stages_reset=reset, restarted=not died_too_often)


def _deaths(found: Found) -> Mistake:
    """The article that kills every worker must not go on doing so."""
    return Mistake(
        GALLEY,
        f"the work on it died {found.crashes} times without getting any further",
        mend="tell the operator",
        then=Then.ONCE_MORE,
        code="crashes",
        thing="this article",
    )

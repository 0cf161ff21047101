"""The sweep: whatever was interrupted goes on.

It looks at rows alone, changes each by a small compare-and-set, and may run anywhere, at any time, twice at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from articles.models import Article, Attempt, Event, Stage, StageRecord
from articles.pipeline import Mistake, enqueue, stopped
from articles.problems import cause
from articles.processes import is_alive, this_machine
from articles.report import report

log = structlog.get_logger("galley.sweep")

MAX_CRASHES = 3
UNCLAIMED = timedelta(minutes=2)


@dataclass(frozen=True)
class Swept:
    """What a sweep found: articles that nobody was working on, stages set back, messages given again."""

    articles_found: int = 0
    stages_reset: int = 0
    tasks_restarted: int = 0

    @property
    def sentence(self) -> str:
        """`2 articles were interrupted; they go on.`"""
        match self.articles_found:
            case 0:
                return "Nothing was interrupted."
            case 1:
                return "1 article was interrupted; it goes on."
            case many:
                return f"{many:,} articles were interrupted; they go on."

    def with_one(self, *, stages_reset: int = 0, restarted: bool = True) -> Swept:
        """One article more."""
        return Swept(self.articles_found + 1, self.stages_reset + stages_reset, self.tasks_restarted + restarted)


def sweep() -> Swept:
    """Put back on the way what was interrupted. Safe to run anywhere, at any time, twice at once."""
    now = timezone.now()
    swept = Swept()
    for article in abandoned():
        swept = _release(article, swept)
    needed = Article.objects.only("pk", "status", "attempt")
    for article in needed.filter(status=Article.Status.WAITING, next_at__lte=now):
        if _compare_and_queue(article, Attempt.Why.RETRIED if article.attempt else None):
            swept = swept.with_one()
    for article in needed.filter(status=Article.Status.QUEUED, queued_at__lte=now - UNCLAIMED):
        if _compare_and_queue(article, None):
            swept = swept.with_one()
    if swept.articles_found:
        log.info("swept", **vars(swept))
    return swept


def abandoned() -> list[Article]:
    """Running, but the lease ran out, or the process that holds it is provably dead."""
    here = f"{this_machine()}|"
    suspects = Article.objects.filter(status=Article.Status.RUNNING).filter(
        Q(lease_until__lte=timezone.now()) | Q(lease_owner__startswith=here)
    )
    now = timezone.now()
    return [
        article
        for article in suspects.only("pk", "status", "attempt", "crashes", "lease_until", "lease_owner", "site_id")
        if (article.lease_until and article.lease_until <= now) or not is_alive(article.lease_owner)
    ]


def _release(article: Article, swept: Swept) -> Swept:
    if article.crashes > MAX_CRASHES:
        return _give_up(article, swept)
    with transaction.atomic():
        # With the lease that was judged: a slow worker may have renewed it meanwhile.
        if not _compare_and_queue(article, Attempt.Why.INTERRUPTED, lease_until=article.lease_until):
            return swept
        reset = article.records.filter(state=StageRecord.State.RUNNING).update(state=StageRecord.State.PENDING)
        article.attempts.filter(number=article.attempt).update(
            outcome=Attempt.Outcome.INTERRUPTED, ended_at=timezone.now()
        )
        Event.objects.create(
            article=article,
            kind="interrupted",
            attempt=article.attempt,
            message="The work was interrupted. It goes on where it left off",
        )
    return swept.with_one(stages_reset=reset)


def _compare_and_queue(article: Article, why: Attempt.Why | None, **still: Any) -> bool:
    """Queue it, if it is still as it was found. `why` is None where its attempt is noted already."""
    with transaction.atomic():
        found = Article.objects.filter(pk=article.pk, status=article.status, attempt=article.attempt, **still)
        won = found.update(
            status=Article.Status.QUEUED,
            queued_at=timezone.now(),
            lease_until=None,
            lease_owner="",
            next_at=None,
        )
        if won:
            if why:
                Attempt.objects.create(article=article, why=why)
            enqueue(article.pk)
    return bool(won)


def _give_up(article: Article, swept: Swept) -> Swept:
    """The article that kills every worker must not go on doing so."""
    record = article.records.exclude(state=StageRecord.State.DONE).first()
    stage = Stage(record.stage) if record else Stage.UPLOAD
    mistake = Mistake(
        "Galley",
        f"the work on it died {article.crashes} times without getting any further",
        action="tell the operator; press Recover to try once more",
        code="crashes",
        thing="this article",
    )
    error = {**mistake.saved(), "stage": stage.value}
    with transaction.atomic():
        # As it was judged: a slow worker may have renewed its lease and made headway meanwhile.
        judged = {"attempt": article.attempt, "lease_until": article.lease_until, "crashes": article.crashes}
        won = Article.objects.filter(pk=article.pk, status=Article.Status.RUNNING, **judged).update(
            status=Article.Status.FAILED,
            error=error,
            cause=cause(error, article.site_id),
            ended_at=timezone.now(),
            crashes=0,
            lease_until=None,
            lease_owner="",
        )
        if not won:
            return swept
        reset = article.records.filter(stage=stage).update(
            state=StageRecord.State.FAILED, failed_at=timezone.now(), error=mistake.reason
        )
        article.attempts.filter(ended_at=None).update(outcome=Attempt.Outcome.STOPPED, ended_at=timezone.now())
        Event.objects.create(
            article=article, kind="stopped", stage=stage, message=f"{mistake.headline}: {mistake.reason}"
        )
        given_up = Article.objects.get(pk=article.pk)
        stopped.send(Article, article=given_up)
    log.error(str(report(given_up)))
    return swept.with_one(stages_reset=reset, restarted=False)

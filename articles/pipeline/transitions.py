"""Every change of an article's status, each by one guarded update.

The row is the truth and a message in the queue only a hint: messages may be lost, doubled or late without harm.

    of a batch: draft ──admit──┐      scheduled: waiting ─sweep┐
                 ↑             ↓                               ↓
                 │   submit→ queued ─claim→ running ─→ done ─reopening→ draft, queued
                 │             ↑   ↑          │ │ └─→ failed ─resume→ queued; of a batch: draft
                 │             │   └─sweep────┘ └───→ waiting ─sweep→ queued
                 └─batch rests─┴── out of time            cancel: from anywhere but done

A claim's attempt number fences every later write (`articles.pipeline.lease`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.dispatch import Signal
from django.utils import timezone

from articles import call_keys, cost_records
from articles.failures import Failure, cause, report
from articles.models import Article, Attempt, Batch, Call, Event, Section, Stage, StageRecord
from articles.pipeline.lease import LEASE, Found, Lease
from articles.pipeline.queue import enqueue
from articles.pipeline.revision import batch_revision
from articles.processes import this_process
from articles.providers.errors import ProviderError, SavedError
from articles.tree.due import due, write_soon

log = structlog.get_logger("galley.pipeline")

# News for the floors above, sent in the transaction that makes it so: what a receiver writes is there with it. Only
# `lined_up` is sent after the commit, of that which puts an article of a batch in line.
stopped = Signal()  # article: Article
finished = Signal()  # article: Article
resumed = Signal()  # articles: their ids; people let them go on
cancelled = Signal()  # articles: their ids
lined_up = Signal()

UNHELD: dict[str, Any] = {"lease_until": None, "lease_owner": ""}  # of an article that nobody works on
# Of one that people let go on: what was before does not count any more.
ANEW: dict[str, Any] = {"retries": 0, "crashes": 0, "error": None, "cause": "", "cancelled_with": ""}
ANEW |= {"ended_at": None, "next_at": None}
OPERATOR = "The operator"  # who acts when nobody of the desk does: from the shell


@dataclass(frozen=True)
class Work:
    """What a recovery does beyond going on where the article stopped.

    `stages` are done again; those in `anew` are paid for again as well, the others read their saved answers. `images`
    are roles of pictures to make again, `changes` new values for the article. The rest is for the record, in words.
    """

    stages: frozenset[Stage] = frozenset()
    anew: frozenset[Stage] = frozenset()
    images: frozenset[str] = frozenset()
    changes: dict[str, Any] = field(default_factory=dict)
    from_stage: str = ""
    reused: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    did: str = "pressed Recover"  # who asked for it


GOING_ON = Work()


# Into the queue


def submit(article: Article) -> None:
    """Save a new article with its five records, queued, or waiting for its time. All or nothing."""
    with transaction.atomic():
        now = timezone.now()
        article.created_at = now
        if article.scheduled_at and article.scheduled_at > now:
            article.status, article.next_at = Article.Status.WAITING, article.scheduled_at
        else:
            article.status, article.queued_at = Article.Status.QUEUED, now
        article.tree_prefix = free_prefixes(article.owner_id, now, 1)[0]
        article.save(force_insert=True)
        StageRecord.objects.bulk_create(StageRecord(article=article, stage=stage) for stage in Stage)
        Attempt.objects.create(article=article, why=Attempt.Why.SUBMITTED, asked_by=article.owner)
        Event.objects.create(article=article, kind="submitted", message=f"Handed in by {article.owner}")
        if article.status == Article.Status.QUEUED:
            enqueue(article.pk)
        write_soon(article)


def free_prefixes(owner_id: int, moment: datetime, number: int) -> list[str]:
    """`user_6/article_20251011_214423`, with a number behind where that second is taken already (one query)."""
    prefix = f"user_{owner_id}/article_{moment:%Y%m%d_%H%M%S}"
    taken = set(Article.objects.filter(tree_prefix__startswith=prefix).values_list("tree_prefix", flat=True))
    names = (prefix if n == 1 else f"{prefix}_{n}" for n in itertools.count(1))
    return list(itertools.islice((name for name in names if name not in taken), number))


def admit(article_id: int) -> None:
    """An article of a batch that is in line comes into the queue."""
    with transaction.atomic():
        now = timezone.now()
        draft = Article.objects.filter(pk=article_id, status=Article.Status.DRAFT)
        if draft.update(status=Article.Status.QUEUED, queued_at=now):
            # From now on it waits for a worker; in line it waited for its turn (`worker_health.queued_since`).
            Attempt.objects.filter(article=article_id, number=None, ended_at=None).update(asked_at=now)
            enqueue(article_id)


def queue_again(found: Found, why: Attempt.Why | None) -> bool:
    """Queue what was found interrupted, due or forgotten, if it still is so. `why` is None where its attempt is noted
    already.
    """
    with transaction.atomic():
        won = found.still.update(status=Article.Status.QUEUED, queued_at=timezone.now(), next_at=None, **UNHELD)
        if won:
            if why:
                Attempt.objects.create(article_id=found.pk, why=why)
            enqueue(found.pk)
    return bool(won)


def interrupt(found: Found) -> int | None:
    """Put back in the queue what nobody works on any more. Returns the stages set back; None: somebody does."""
    with transaction.atomic():
        if not queue_again(found, Attempt.Why.INTERRUPTED):
            return None
        running = StageRecord.objects.filter(article=found.pk, state=StageRecord.State.RUNNING)
        reset = running.update(state=StageRecord.State.PENDING)
        Attempt.objects.filter(article=found.pk, number=found.attempt).update(
            outcome=Attempt.Outcome.INTERRUPTED, ended_at=timezone.now()
        )
        Event.objects.create(
            article_id=found.pk,
            kind="interrupted",
            attempt=found.attempt,
            message="The work was interrupted. It goes on where it left off",
        )
    log.warning("interrupted", article=found.pk, attempt=found.attempt, crashes=found.crashes)
    return reset


# By the worker that has it


def claim(article_id: int) -> Article | None:
    """Take a queued article. None: somebody else was quicker, or there is nothing to do."""
    # Together with its attempt: whoever cancels and recovers in between writes another one.
    with transaction.atomic():
        won = Article.objects.filter(pk=article_id, status=Article.Status.QUEUED).update(
            status=Article.Status.RUNNING,
            attempt=F("attempt") + 1,
            crashes=F("crashes") + 1,
            lease_owner=this_process(),
            lease_until=timezone.now() + LEASE,
            next_at=None,
            error=None,
            ended_at=None,
        )
        if not won:
            return None
        article = Article.objects.select_related("owner", "site", "batch").get(pk=article_id)
        article.attempts.filter(number=None, ended_at=None).update(number=article.attempt, started_at=timezone.now())
    return article


def finish(lease: Lease) -> None:
    """It is done. Raises Fenced, as do all of these."""
    with transaction.atomic():
        lease.renew(status=Article.Status.DONE, crashes=0, ended_at=timezone.now(), **UNHELD)
        _end_attempt(lease, Attempt.Outcome.DONE)
        seconds = round((timezone.now() - lease.article.created_at).total_seconds())
        lease.note("done", "The article is done", seconds=seconds)
        finished.send(Article, article=lease.article)


def requeue(lease: Lease) -> None:
    """The time of this task is up: the next one goes on."""
    with transaction.atomic():
        lease.renew(status=Article.Status.QUEUED, queued_at=timezone.now(), crashes=0, **UNHELD)
        _go_on_later(lease)
        enqueue(lease.article.pk)


def back_in_line(lease: Lease) -> None:
    """The article's batch rests, and so does the article."""
    with transaction.atomic():
        lease.renew(status=Article.Status.DRAFT, crashes=0, **UNHELD)
        _go_on_later(lease)


def wait(lease: Lease, exc: ProviderError, seconds: float, *, counts: bool) -> None:
    """Try again by itself after so many seconds. `counts`: whether that is one of the tries that it has."""
    article, error = lease.article, exc.saved(lease.stage)
    with transaction.atomic():
        lease.renew(
            status=Article.Status.WAITING,
            next_at=timezone.now() + timedelta(seconds=seconds),
            retries=article.retries + counts,
            crashes=0,
            error=error,
            **UNHELD,
        )
        _end_attempt(lease, Attempt.Outcome.WAITING)
        said = f"{Failure.of(exc).sentence}. Trying again by itself"
        lease.note("waiting", said, exc.detail, **_facts(exc, article), seconds=round(seconds))


def stop(lease: Lease, exc: ProviderError) -> None:
    """Trying again does not help: a person acts."""
    article, error = lease.article, exc.saved(lease.stage)
    with transaction.atomic():
        lease.renew(status=Article.Status.FAILED, crashes=0, **_stopped(error, article.site_id), **UNHELD)
        _end_attempt(lease, Attempt.Outcome.STOPPED, cause=cause(error, article.site_id))
        lease.note("stopped", Failure.of(exc).sentence, exc.detail, provider=exc.provider)
        stopped.send(Article, article=article)
    log.error(str(report(article)), stage=lease.stage.value, **_facts(exc, article))


def _stopped(error: SavedError, site_id: int | None) -> dict[str, Any]:
    return {"error": error, "cause": cause(error, site_id), "ended_at": timezone.now(), **due()}


def _end_attempt(lease: Lease, outcome: Attempt.Outcome, **why: str) -> None:
    lease.article.attempts.filter(number=lease.article.attempt).update(outcome=outcome, ended_at=timezone.now(), **why)


def _go_on_later(lease: Lease) -> None:
    _end_attempt(lease, Attempt.Outcome.PAUSED)
    Attempt.objects.create(article=lease.article, why=Attempt.Why.RETRIED)


def _facts(exc: ProviderError, article: Article) -> dict[str, Any]:
    """What a machine wants to know of a setback, for the log."""
    return {"provider": exc.provider, "code": exc.code, "retries": article.retries}


# Found out afterwards


def outlived(article: Article) -> None:
    """Its worker was taken for dead and is not: what it had claimed has not killed it. That claim counts as no crash.

    As long as it is among those that count: `crashes` are the latest claims, since something was saved.
    """
    since = F("attempt") - article.attempt
    moving = Article.objects.filter(pk=article.pk, status__in=[Article.Status.QUEUED, Article.Status.RUNNING])
    moving.filter(crashes__gt=since).update(crashes=F("crashes") - 1)


def give_up(found: Found, exc: ProviderError) -> int | None:
    """Stop the article that kills every worker. Returns the stages set back; None: it is not as it was found."""
    record = StageRecord.objects.filter(article=found.pk).exclude(state=StageRecord.State.DONE).first()
    stage = Stage(record.stage) if record else Stage.UPLOAD
    error = exc.saved(stage)
    with transaction.atomic():
        failed = {"status": Article.Status.FAILED, "crashes": 0, **_stopped(error, found.site_id), **UNHELD}
        if not found.still.update(**failed):
            return None
        reset = _fail_record(found.pk, stage, exc)
        Attempt.objects.filter(article=found.pk, ended_at=None).update(
            outcome=Attempt.Outcome.STOPPED, ended_at=timezone.now(), cause=cause(error, found.site_id)
        )
        _tell_stopped(found.pk, stage, exc)
    return reset


def stop_done(article: Article, stage: Stage, exc: ProviderError) -> None:
    """A finished article is not whole after all; nothing happens when it moves again already."""
    error = exc.saved(stage)
    with batch_revision(article.batch_id):
        done = Article.objects.filter(pk=article.pk, status=Article.Status.DONE)
        if done.update(status=Article.Status.FAILED, **_stopped(error, article.site_id)):
            _fail_record(article.pk, stage, exc)
            _tell_stopped(article.pk, stage, exc)


def _fail_record(article_id: int, stage: Stage, exc: ProviderError) -> int:
    failed = {"state": StageRecord.State.FAILED, "failed_at": timezone.now(), "error": Failure.of(exc).reason}
    return StageRecord.objects.filter(article=article_id, stage=stage).update(**failed)


def _tell_stopped(article_id: int, stage: Stage, exc: ProviderError) -> None:
    """On the timeline, to the floors above and in the log, in the transaction that stopped it."""
    article = Article.objects.get(pk=article_id)
    said = Failure.of(exc).sentence
    facts = {"stage": stage, "provider": exc.provider, "attempt": article.attempt}
    Event.objects.create(article=article, kind="stopped", message=said[:500], **facts)
    stopped.send(Article, article=article)
    log.error(str(report(article)), article=article_id, stage=stage.value, **_facts(exc, article))


# By people


def resume(article: Article, by: User | None, work: Work = GOING_ON, **seen: Any) -> bool:
    """Go on with a stopped, cancelled or waiting article where it left off, or as `work` says.

    False: somebody did already, it moves, or it is not as it was `seen`, by names of fields. What was paid for is used
    again; a call that failed is made anew. One of a batch that runs gets in line; one that is done runs again for it.
    One that is paused or cancelled rests on: this article goes on alone.
    """
    batch = article.batch_id
    with batch_revision(batch) as revision:
        now = timezone.now()
        in_line = batch is not None and _runs(batch)
        won = (
            Article.objects.filter(pk=article.pk, status__in=Article.RECOVERABLE)
            .filter(**seen)
            .update(
                status=Article.Status.DRAFT if in_line else Article.Status.QUEUED,
                alone=batch is not None and not in_line,
                queued_at=now,
                **(ANEW | due() | work.changes),
            )
        )
        if not won:
            transaction.set_rollback(True)  # the revision of its batch stays as it is, too
            return False
        prepare(article, work, revision)
        # One that was to begin later begins now.
        Article.objects.filter(pk=article.pk, scheduled_at__gt=now).update(scheduled_at=now)
        _note_recovery(article, by, work)
        resumed.send(Article, articles=[article.pk])
        if in_line:
            transaction.on_commit(partial(lined_up.send, Article))
        else:
            enqueue(article.pk)
    return True


def _runs(batch_id: int) -> bool:
    """Whether a batch runs. One that is done has nothing else to do: it runs again for whatever goes on."""
    batch = Batch.objects.filter(pk=batch_id)
    batch.filter(state=Batch.State.DONE).update(state=Batch.State.RUNNING, ended_at=None)
    return batch.filter(state=Batch.State.RUNNING).exists()


def _note_recovery(article: Article, by: User | None, work: Work) -> None:
    unbegun = article.attempts.filter(number=None, ended_at=None)
    unbegun.update(outcome=Attempt.Outcome.WAITING, ended_at=timezone.now())
    asked = {"from_stage": work.from_stage, "reused": list(work.reused), "again": list(work.again)}
    Attempt.objects.create(article=article, why=Attempt.Why.RECOVERED, asked_by=by, **asked)
    Event.objects.create(article=article, kind="recovered", message=f"{by or OPERATOR} {work.did}")


def prepare(article: Article, work: Work, revision: int) -> None:
    """Put back what shall be done again; what a person asked for anew gets new calls. Sections get the revision."""
    again = Q(stage__in=work.stages) | ~Q(state=StageRecord.State.DONE)
    article.records.filter(again).update(state=StageRecord.State.PENDING, error="", failed_at=None)
    if Stage.FORMAT in work.anew:
        article.records.filter(stage=Stage.FORMAT).update(details={})  # nor is the page of before shown anew
    article.images.filter(role__in=work.images).update(sha256="", base64_sha256="", bytes=0)
    _reopen_sections(article, revision, anew=Stage.ARTICLE in work.anew)
    of_images: list[Callable[[str], str]] = [call_keys.image, call_keys.media]
    keys = {key(role) for key in of_images for role in work.images} | {
        call_keys.OF_STAGE[stage] for stage in work.anew if stage in call_keys.OF_STAGE
    }
    cost_records.close(article.calls.filter(Q(state=Call.State.FAILED) | Q(key__in=keys)))


def _reopen_sections(article: Article, revision: int, *, anew: bool) -> None:
    """Those that are missing; all of an article that is to be written anew."""
    unfinished = article.sections.exclude(state=Section.State.DONE)
    if anew:
        unfinished = article.sections.all()
        unfinished.update(html="", sha256="", bytes=0, word_count=0)
        article.records.filter(stage=Stage.ARTICLE).update(details={})
        cost_records.close(article.calls.filter(key__startswith=call_keys.SECTION))
    unfinished.update(state=Section.State.PENDING, error=None, finished_at=None, revision=revision)


def cancel(article: Article, by: User | None) -> bool:
    """Stop an article. A worker that is at it finds itself fenced; what is saved stays."""
    with batch_revision(article.batch_id) as revision:
        ended = {"status": Article.Status.CANCELLED, "ended_at": timezone.now(), "next_at": None, "error": None} | due()
        over = [Article.Status.DONE, Article.Status.CANCELLED]
        won = (
            Article.objects.filter(pk=article.pk)
            .exclude(status__in=over)
            .update(**ended, cause="", alone=False, **UNHELD)
        )
        if won:
            article.records.filter(state=StageRecord.State.RUNNING).update(state=StageRecord.State.PENDING)
            in_hand = article.sections.filter(state=Section.State.RUNNING)
            in_hand.update(state=Section.State.PENDING, revision=revision)
            article.attempts.filter(ended_at=None).update(outcome=Attempt.Outcome.CANCELLED, ended_at=timezone.now())
            Event.objects.create(article=article, kind="cancelled", message=f"{by or OPERATOR} pressed Cancel")
            cancelled.send(Article, articles=[article.pk])
    return bool(won)

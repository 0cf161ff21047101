"""The run of an article. Here, in `articles.sweep` and in `articles.dispatch` it moves from one state to another.

The row is the truth and a message in the queue only a hint: messages may be lost, doubled or late without harm.
An article is claimed by one guarded update; the claim's attempt number fences every later write (`articles.run`).

    of a batch: draft ─dispatch┐      scheduled: waiting ─sweep┐
                 ↑             ↓                               ↓
                 │   submit→ queued ─claim→ running ─→ done
                 │             ↑   ↑          │ │ └─→ failed ─resume→ queued; of a batch: draft
                 │             │   └─sweep────┘ └───→ waiting ─sweep→ queued
                 └─batch rests─┴── out of time            cancel: from anywhere but done
"""

from __future__ import annotations

import base64
import itertools
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, Subquery
from django.db.models.functions import Coalesce
from django.dispatch import Signal
from django.utils import timezone
from django.utils.module_loading import import_string

from articles import call_keys, dispatch, pace
from articles.dispatch import enqueue
from articles.failures import cause, report
from articles.models import Article, Attempt, Batch, Call, Event, ImageFile, Section, Stage, StageRecord
from articles.processes import this_process
from articles.providers.errors import ProviderError, Rejected, Unreachable
from articles.run import DAMAGED, LEASE, Fenced, HeldBack, Outcome, OutOfTime, Run, storing
from articles.tree import manifest
from articles.tree.names import OPENING

log = structlog.get_logger("galley.pipeline")

# Resolved at first use: the last stage lives on a floor above, and the services' libraries take a second to import.
STAGES = {
    Stage.ARTICLE: "articles.stages.article.run",
    Stage.PROMPTS: "articles.stages.prompts.run",
    Stage.IMAGES: "articles.stages.images.run",
    Stage.FORMAT: "articles.stages.format.run",
    Stage.UPLOAD: "publishing.stage.run",
}

# News for the floors above, sent in the transaction that stops an article. What a receiver writes is there with it.
stopped = Signal()  # article: Article


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


GOING_ON = Work()
OPERATOR = "The operator"  # who acts when nobody of the desk does: from the shell


class Mistake(ProviderError):
    """A mistake of our own: never tried again by itself, always shown."""

    verb = "made a mistake with"


# Handing in


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


def free_prefixes(owner_id: int, moment: datetime, number: int) -> list[str]:
    """`user_6/article_20251011_214423`, with a number behind where that second is taken already (one query)."""
    prefix = f"user_{owner_id}/article_{moment:%Y%m%d_%H%M%S}"
    taken = set(Article.objects.filter(tree_prefix__startswith=prefix).values_list("tree_prefix", flat=True))
    names = (prefix if n == 1 else f"{prefix}_{n}" for n in itertools.count(1))
    return list(itertools.islice((name for name in names if name not in taken), number))


# Running


def run_article(article_id: int) -> None:
    """Work on an article, if nobody else does, until it is done, stops, waits, or the time of this task is up."""
    article = _claim(article_id)
    if article is None:
        return
    run = Run(article)
    if article.batch_id:
        dispatch.top_up()  # one less is queued
    with structlog.contextvars.bound_contextvars(article=article.pk, attempt=article.attempt):
        try:
            _run_stages(run)
        except Fenced:
            log.warning("fenced: another worker has the article now")
            _look_over(run)
        except OutOfTime:
            _requeue(run)
        except HeldBack:
            _back_in_line(run)
        except ProviderError as exc:
            _set_back(run, exc)
        except (OperationalError, InterfaceError) as exc:
            log.warning("the database failed", exc_info=True)
            _set_back_when_possible(run, exc)
        except Exception as exc:
            log.exception("a mistake of our own")
            _set_back(run, _our_mistake(exc))
    if article.batch_id:
        dispatch.top_up()


def _claim(article_id: int) -> Article | None:
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


def _run_stages(run: Run) -> None:
    todo = run.article.records.exclude(state=StageRecord.State.DONE)
    first = todo.first()
    run.stage = Stage(first.stage) if first else Stage.UPLOAD
    if _must_look_through(run.article):
        _mend(run)
    run.commit_manifest()  # what a death between row and manifest left behind; and the manuscript is safe from here on
    for record in todo:
        run.check_time()
        run.begin(record)
        stage: Callable[[Run], Outcome] = import_string(STAGES[Stage(record.stage)])
        run.finish(record, stage(run))
    with transaction.atomic():
        run.hold(status=Article.Status.DONE, crashes=0, lease_until=None, lease_owner="", ended_at=timezone.now())
        _ended(run, Attempt.Outcome.DONE)
        seconds = round((timezone.now() - run.article.created_at).total_seconds())
        run.note("done", "The article is done", seconds=seconds)
    left = run.article.attempts.filter(outcome__in=[Attempt.Outcome.INTERRUPTED, Attempt.Outcome.CANCELLED])
    if run.article.attempt > 1 and left.exists():  # their workers may live
        _look_over(run)


def _look_over(run: Run) -> None:
    """Stop a done article whose files are not those that were saved: a fenced worker may have written one too late.

    It looks itself when it finds itself fenced, and whoever finishes what it left looks after it is done: one of them
    sees it. A storage that is away just then shows nothing.
    """
    article = run.article
    done = Article.objects.filter(pk=article.pk, status=Article.Status.DONE)
    if not done.exists():
        return
    try:
        with storing():
            findings = manifest.damaged(article)
    except Unreachable:
        log.warning("the files could not be looked over", exc_info=True)
        return
    if not findings:
        return
    reason = "; ".join(finding.rstrip(".") for finding in findings.values())
    action = "press Recover to have it made again"
    found = Rejected("Galley", reason, action=action, code=DAMAGED, thing="a file of the backup")
    stages = (Stage(record.stage) for record in article.records.all() if record.file in findings)
    run.stage = next(stages, Stage.IMAGES)  # pictures alone stand on no record
    now = timezone.now()
    with transaction.atomic():
        error = {**found.saved(), "stage": run.stage.value}
        if not done.update(
            status=Article.Status.FAILED, error=error, cause=cause(error, article.site_id), ended_at=now
        ):
            return
        article.records.filter(stage=run.stage).update(state=StageRecord.State.FAILED, failed_at=now, error=reason)
        run.note("stopped", f"{found.headline}: {found.reason}")
        article.refresh_from_db()
        stopped.send(Article, article=article)
    log.error(str(report(article)))


def _must_look_through(article: Article) -> bool:
    """Whether a person has pressed Recover, and no run since has come through all the files.

    Not for every run: it reads every file of the tree. Nor for the recovered attempt alone: that may have died, or
    found the storage away.
    """
    asked = article.attempts.filter(why=Attempt.Why.RECOVERED, number__isnull=False).last()
    return asked is not None and not article.events.filter(kind="verified", attempt__gte=asked.number).exists()


def _mend(run: Run) -> None:
    """Set back what is not in the backup any more as it was saved, with all that was made of it."""
    with storing():
        damaged = manifest.damaged(run.article)
    for image in run.article.images.all():
        _restore_twin(run, image, damaged.keys())
    _restore_texts(run, damaged.keys())
    stages, images = damaged_parts(run.article, damaged.keys())
    with transaction.atomic():
        if stages:
            # First of all, as whoever changes rows of a batch does: its sections get this revision.
            Batch.objects.filter(articles=run.article).update(revision=F("revision") + 1)
        run.hold()
        if stages:
            first = min(stage.step for stage in stages)
            later = frozenset(stage for stage in Stage if stage.step >= first)
            _prepare(run.article, Work(stages=later, images=images))
        for sentence in damaged.values():
            run.note("damaged", f"{sentence} It is made again")
        run.note("verified", "What is saved was read and compared with its hashes")


def _restore_twin(run: Run, image: ImageFile, damaged: Collection[str]) -> None:
    """A picture lies in the tree twice, as it is and in base64: while one of them is whole, nothing is paid for."""
    match image.file_name in damaged, image.base64_name in damaged:
        case True, False:
            run.save_file(image.file_name, base64.b64decode(run.load_file(image.stored_base64)))
        case False, True:
            run.save_file(image.base64_name, base64.b64encode(run.load_file(image.stored)))


def _restore_texts(run: Run, damaged: Collection[str]) -> None:
    """The texts of a long article are in their rows, too."""
    for section in run.article.sections.exclude(sha256=""):
        if section.file_name in damaged:
            run.save_page(section.file_name, section.heading, section.html)
    opening = run.article.records.get(stage=Stage.ARTICLE).details.get("opening")
    if opening and OPENING in damaged:
        run.save_page(OPENING, opening["title"], opening["html"])


def damaged_parts(article: Article, names: Collection[str]) -> tuple[frozenset[Stage], frozenset[str]]:
    """The finished stages and the roles of pictures to which these files belong."""
    images = frozenset(
        image.role
        for image in article.images.all()
        if image.is_stored and {image.file_name, image.base64_name} <= set(names)  # one can be made of the other
    )
    stages = frozenset(Stage(record.stage) for record in article.records.all() if record.file in names)
    return (stages | {Stage.IMAGES} if images else stages), images


def _ended(run: Run, outcome: Attempt.Outcome) -> None:
    run.article.attempts.filter(number=run.article.attempt).update(outcome=outcome, ended_at=timezone.now())


def _requeue(run: Run) -> None:
    with transaction.atomic():
        run.hold(
            status=Article.Status.QUEUED,
            queued_at=timezone.now(),
            crashes=0,
            lease_until=None,
            lease_owner="",
        )
        _ended(run, Attempt.Outcome.PAUSED)
        Attempt.objects.create(article=run.article, why=Attempt.Why.RETRIED)
        enqueue(run.article.pk)


def _back_in_line(run: Run) -> None:
    with transaction.atomic():
        run.hold(status=Article.Status.DRAFT, crashes=0, lease_until=None, lease_owner="")
        _ended(run, Attempt.Outcome.PAUSED)
        Attempt.objects.create(article=run.article, why=Attempt.Why.RETRIED)


def _set_back(run: Run, exc: ProviderError) -> None:
    """Let the article wait when trying again may help, else stop it: with the reason, in rows and manifest."""
    article = run.article
    times, *backoff = settings.GALLEY_RETRIES.get(type(exc).__name__, (0, 0, 0))
    no_fault = isinstance(exc, pace.NotYet)
    waits = no_fault or (exc.retry and article.retries < times)
    error = {**exc.saved(), "stage": run.stage.value}
    try:
        run.hold()
        unfinished = StageRecord.objects.filter(article=article, stage=run.stage).exclude(state=StageRecord.State.DONE)
        unfinished.update(
            state=StageRecord.State.PENDING if waits else StageRecord.State.FAILED,
            failed_at=None if waits else timezone.now(),
            error=f"{exc.headline}: {exc.reason}",
        )
        if not waits:
            _keep_instructions(article, run.stage, exc)
        _try_manifest(run)
        if waits:
            _wait(run, error, _seconds(article.retries, exc.retry_after, *backoff), counts=not no_fault)
        else:
            _stop(run, error)
    except Fenced:
        log.warning("fenced: another worker has the article now")


def _keep_instructions(article: Article, stage: Stage, exc: ProviderError) -> None:
    record = article.records.get(stage=stage)
    record.details = {**record.details, "recovery_instructions": f"{exc.action[:1].upper()}{exc.action[1:]}."}
    record.save(update_fields=["details"])


def _try_manifest(run: Run) -> None:
    try:
        run.commit_manifest()
    except ProviderError:
        log.warning("the manifest could not be written; the next run writes it", exc_info=True)


def _seconds(retries: int, retry_after: float | None, first: float, longest: float) -> float:
    """Until the next try: as the service says, else twice as long each time."""
    if retry_after is not None:
        return max(retry_after, 1)
    return min(first * 2.0**retries, longest) * random.uniform(1, 1.2)  # noqa: S311  jitter, no secret


def _wait(run: Run, error: dict[str, str], seconds: float, *, counts: bool) -> None:
    with transaction.atomic():
        run.hold(
            status=Article.Status.WAITING,
            next_at=timezone.now() + timedelta(seconds=seconds),
            retries=run.article.retries + counts,
            crashes=0,
            error=error,
            lease_until=None,
            lease_owner="",
        )
        _ended(run, Attempt.Outcome.WAITING)
        said = f"{error['headline']}: {error['reason']}. Trying again by itself"
        run.note("waiting", said, error["detail"], **_facts(error, run.article), seconds=round(seconds))


def _stop(run: Run, error: dict[str, str]) -> None:
    with transaction.atomic():
        run.hold(
            status=Article.Status.FAILED,
            crashes=0,
            error=error,
            cause=cause(error, run.article.site_id),
            ended_at=timezone.now(),
            lease_until=None,
            lease_owner="",
        )
        _ended(run, Attempt.Outcome.STOPPED)
        run.note("stopped", f"{error['headline']}: {error['reason']}", error["detail"])
        stopped.send(Article, article=run.article)
    log.error(str(report(run.article)), stage=error["stage"], **_facts(error, run.article))


def _facts(error: dict[str, str], article: Article) -> dict[str, Any]:
    """What a machine wants to know of a setback, for the log."""
    return {"provider": error["provider"], "code": error["code"], "retries": article.retries}


def _set_back_when_possible(run: Run, exc: Exception) -> None:
    """A database that restarts is back within seconds; when it is not, the lease runs out and the sweep takes over."""
    error = Unreachable(
        "The database",
        "the connection broke off",
        code="database",
        detail=str(exc),
        thing="a record",
        lost=False,
    )
    for seconds in (1, 2, 4, 8):
        time.sleep(seconds)
        connection.close()
        try:
            return _set_back(run, error)
        except (OperationalError, InterfaceError):
            log.warning("the database is not back yet")
    return None


def _our_mistake(exc: Exception) -> Mistake:
    return Mistake(
        "Galley",
        "this is a mistake in Galley, not in your article",
        action="tell the operator, who finds it in the log, then press Recover",
        code="bug",
        detail=f"{type(exc).__name__}: {exc}",
        thing="this article",
    )


# By people


def resume(article: Article, by: User | None, work: Work = GOING_ON) -> bool:
    """Go on with a stopped, cancelled or waiting article where it left off, or as `work` says.

    False: somebody did already, or it moves. What was paid for is used again; a call that failed is made anew. One of
    a batch gets in line, and the batch goes on.
    """
    with transaction.atomic():
        now = timezone.now()
        if article.batch_id:
            go_on(article.batch_id)
        won = Article.objects.filter(pk=article.pk, status__in=Article.RECOVERABLE).update(
            status=Article.Status.DRAFT if article.batch_id else Article.Status.QUEUED,
            queued_at=now,
            retries=0,
            crashes=0,
            error=None,
            cause="",
            ended_at=None,
            next_at=None,
            **work.changes,
        )
        if won:
            _prepare(article, work)
            # One that was to begin later begins now.
            Article.objects.filter(pk=article.pk, scheduled_at__gt=now).update(scheduled_at=now)
            unbegun = article.attempts.filter(number=None, ended_at=None)
            unbegun.update(outcome=Attempt.Outcome.WAITING, ended_at=timezone.now())
            Attempt.objects.create(
                article=article,
                why=Attempt.Why.RECOVERED,
                asked_by=by,
                from_stage=work.from_stage,
                reused=list(work.reused),
                again=list(work.again),
            )
            Event.objects.create(article=article, kind="recovered", message=f"{by or OPERATOR} pressed Recover")
            if article.batch_id:
                transaction.on_commit(dispatch.top_up)
            else:
                enqueue(article.pk)
        else:
            transaction.set_rollback(True)  # its batch stays as it is, too
    return bool(won)


def reopen(article: Article) -> None:
    """A finished article of a batch got further sections: it gets in line again, and its page is laid out anew."""
    done = Article.objects.filter(pk=article.pk, status=Article.Status.DONE)
    if done.update(status=Article.Status.DRAFT, ended_at=None):
        article.records.update(state=StageRecord.State.PENDING)
        Attempt.objects.create(article=article, why=Attempt.Why.SUBMITTED)
        Event.objects.create(article=article, kind="reopened", message="Further sections were handed in")


def go_on(batch_id: int) -> None:
    """The batch is running again. Locks it, as whoever changes rows of a batch does first."""
    running = {"state": Batch.State.RUNNING, "reason": "", "cause": "", "ended_at": None}
    Batch.objects.filter(pk=batch_id).update(**running, revision=F("revision") + 1)


def _prepare(article: Article, work: Work) -> None:
    """Put back what shall be done again; what a person asked for anew gets new calls."""
    again = Q(stage__in=work.stages) | ~Q(state=StageRecord.State.DONE)
    article.records.filter(again).update(state=StageRecord.State.PENDING, error="", failed_at=None)
    article.images.filter(role__in=work.images).update(sha256="", base64_sha256="", bytes=0)
    _reopen_sections(article, anew=Stage.ARTICLE in work.anew)
    keys = {key(role) for key in (call_keys.image, call_keys.media) for role in work.images} | {
        call_keys.OF_STAGE[stage] for stage in work.anew if stage in call_keys.OF_STAGE
    }
    article.calls.filter(Q(state=Call.State.FAILED) | Q(key__in=keys)).update(state=Call.State.CLOSED)


def _reopen_sections(article: Article, *, anew: bool) -> None:
    """Those that are missing; all of an article that is to be written anew."""
    unfinished = article.sections.exclude(state=Section.State.DONE)
    if anew:
        unfinished = article.sections.all()
        unfinished.update(html="", sha256="", bytes=0, word_count=0)
        article.records.filter(stage=Stage.ARTICLE).update(details={})
        article.calls.filter(key__startswith=call_keys.SECTION).update(state=Call.State.CLOSED)
    revision = Batch.objects.filter(pk=article.batch_id).values("revision") if article.batch_id else 0
    unfinished.update(state=Section.State.PENDING, error=None, finished_at=None, revision=revision)


def cancel(article: Article, by: User | None) -> bool:
    """Stop an article. A worker that is at it finds itself fenced; what is saved stays."""
    with transaction.atomic():
        batch = Batch.objects.filter(articles=article)
        batch.update(revision=F("revision") + 1)  # first of all, as whoever changes rows of a batch does
        won = (
            Article.objects.filter(pk=article.pk)
            .exclude(status__in=[Article.Status.DONE, Article.Status.CANCELLED])
            .update(
                status=Article.Status.CANCELLED,
                ended_at=timezone.now(),
                lease_until=None,
                lease_owner="",
                next_at=None,
                error=None,
                cause="",
            )
        )
        if won:
            article.records.filter(state=StageRecord.State.RUNNING).update(state=StageRecord.State.PENDING)
            in_hand = article.sections.filter(state=Section.State.RUNNING)
            in_hand.update(state=Section.State.PENDING, revision=Coalesce(Subquery(batch.values("revision")), 0))
            article.attempts.filter(ended_at=None).update(outcome=Attempt.Outcome.CANCELLED, ended_at=timezone.now())
            Event.objects.create(article=article, kind="cancelled", message=f"{by or OPERATOR} pressed Cancel")
    return bool(won)

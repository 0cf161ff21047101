"""The run of an article, and the only module that moves an article from one state to another.

The row is the truth and a message in the queue only a hint: messages may be lost, doubled or late without harm.
An article is claimed by one guarded update; the claim's attempt number fences every later write (`articles.run`).

    draft ─submit→ queued ─claim→ running ─→ done
                     ↑   ↑          │  └─→ failed ─resume→ queued
                     │   └─sweep────┘  └─→ waiting ─sweep→ queued      cancel: from anywhere but done
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule
from django_q.tasks import async_task

from articles import manifest
from articles.models import Article, Attempt, Call, Event, Stage, StageRecord
from articles.processes import is_alive, this_machine, this_process
from articles.providers.errors import ProviderError, Rejected, Unreachable
from articles.report import report
from articles.run import DAMAGED, LEASE, Fenced, Outcome, OutOfTime, Run, storing

log = structlog.get_logger("galley.pipeline")

# Resolved at first use: the last stage lives on a floor above.
STAGES = {
    Stage.ARTICLE: "articles.stages.article.run",
    Stage.PROMPTS: "articles.stages.prompts.run",
    Stage.IMAGES: "articles.stages.images.run",
    Stage.FORMAT: "articles.stages.format.run",
    Stage.UPLOAD: "publishing.stage.run",
}
MAX_WAITS = 6
MAX_CRASHES = 3
LONGEST_WAIT = 900  # seconds
UNCLAIMED = timedelta(minutes=2)
SKEW = timedelta(minutes=2)  # the clocks of several machines differ by less


# The call that each stage pays for; pictures have one each, and what a site has is looked up there.
CALLS = {Stage.ARTICLE: "text", Stage.PROMPTS: "prompts", Stage.FORMAT: "format"}


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


class Mistake(ProviderError):
    """A mistake of our own: never tried again by itself, always shown."""

    verb = "made a mistake with"


# Handing in


def submit(article: Article) -> None:
    """Save a new article, queued, with its five records. All or nothing."""
    with transaction.atomic():
        now = timezone.now()
        article.status, article.queued_at, article.created_at = Article.Status.QUEUED, now, now
        article.tree_prefix = _free_prefix(article)
        article.save(force_insert=True)
        StageRecord.objects.bulk_create(StageRecord(article=article, stage=stage) for stage in Stage)
        Attempt.objects.create(article=article, why=Attempt.Why.SUBMITTED, asked_by=article.owner)
        Event.objects.create(article=article, kind="submitted", message=f"Handed in by {article.owner}")
        enqueue(article.pk)


def _free_prefix(article: Article) -> str:
    """`user_6/article_20251011_214423`, with a number behind when that second is taken already."""
    prefix = f"user_{article.owner_id}/article_{article.created_at:%Y%m%d_%H%M%S}"
    taken = set(Article.objects.filter(tree_prefix__startswith=prefix).values_list("tree_prefix", flat=True))
    if prefix not in taken:
        return prefix
    return next(name for n in range(2, len(taken) + 3) if (name := f"{prefix}_{n}") not in taken)


def enqueue(article_id: int) -> None:
    """Hint to the workers, once this transaction is committed. A hint that is lost is given again by the sweep."""
    transaction.on_commit(partial(_hint, article_id))


def _hint(article_id: int) -> None:
    try:
        async_task("articles.tasks.run", article_id, task_name=f"article {article_id}")
    except Exception:
        log.warning("the queue took no message; the sweep will try again", article=article_id, exc_info=True)


# Running


def run_article(article_id: int) -> None:
    """Work on an article, if nobody else does, until it is done, stops, waits, or the time of this task is up."""
    article = _claim(article_id)
    if article is None:
        return
    run = Run(article)
    with structlog.contextvars.bound_contextvars(article=article.pk, attempt=article.attempt):
        try:
            _run_stages(run)
        except Fenced:
            log.warning("fenced: another worker has the article now")
            _look_over(run)
        except OutOfTime:
            _requeue(run)
        except ProviderError as exc:
            _set_back(run, exc)
        except (OperationalError, InterfaceError) as exc:
            log.warning("the database failed", exc_info=True)
            _set_back_when_possible(run, exc)
        except Exception as exc:
            log.exception("a mistake of our own")
            _set_back(run, _our_mistake(exc))


def _claim(article_id: int) -> Article | None:
    """Take a queued article. None: somebody else was quicker, or there is nothing to do."""
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
    article = Article.objects.select_related("owner", "site").get(pk=article_id)
    article.attempts.filter(number=None, ended_at=None).update(number=article.attempt, started_at=timezone.now())
    return article


def _run_stages(run: Run) -> None:
    todo = run.article.records.exclude(state=StageRecord.State.DONE)
    run.stage = Stage(next((record.stage for record in todo), Stage.UPLOAD))
    run.commit_manifest()  # what a death between row and manifest left behind; and the manuscript is safe from here on
    for record in todo:
        run.check_time()
        run.begin(record)
        stage: Callable[[Run], Outcome] = import_string(STAGES[Stage(record.stage)])
        run.finish(record, stage(run))
    run.hold(status=Article.Status.DONE, crashes=0, lease_until=None, lease_owner="", ended_at=timezone.now())
    _ended(run, Attempt.Outcome.DONE)
    run.note("done", "The article is done")
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
    error = Rejected("Galley", reason, action=action, code=DAMAGED, thing="a file of the backup")
    stages = (Stage(record.stage) for record in article.records.all() if record.file in findings)
    run.stage = next(stages, Stage.IMAGES)  # pictures alone stand on no record
    now = timezone.now()
    with transaction.atomic():
        stopped = {**error.saved(), "stage": run.stage.value}
        if not done.update(status=Article.Status.FAILED, error=stopped, ended_at=now):
            return
        article.records.filter(stage=run.stage).update(state=StageRecord.State.FAILED, failed_at=now, error=reason)
        run.note("stopped", f"{error.headline}: {error.reason}")
    log.error(str(report(Article.objects.get(pk=article.pk))))


def _ended(run: Run, outcome: Attempt.Outcome) -> None:
    run.article.attempts.filter(number=run.article.attempt).update(outcome=outcome, ended_at=timezone.now())


def load_stages() -> None:
    """Import all stages, so that the first article of a worker need not wait for it."""
    for name in STAGES.values():
        import_string(name)


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


def _set_back(run: Run, exc: ProviderError) -> None:
    """Let the article wait when trying again may help, else stop it: with the reason, in rows and manifest."""
    article = run.article
    waits = exc.retry and article.retries < MAX_WAITS
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
            _wait(run, error, exc.retry_after)
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


def _wait(run: Run, error: dict[str, str], retry_after: float | None) -> None:
    backoff = min(15 * 2**run.article.retries, LONGEST_WAIT) * random.uniform(1, 1.2)  # noqa: S311  jitter, no secret
    seconds = max(retry_after or 0, 1) if retry_after is not None else backoff
    run.hold(
        status=Article.Status.WAITING,
        next_at=timezone.now() + timedelta(seconds=seconds),
        retries=run.article.retries + 1,
        crashes=0,
        error=error,
        lease_until=None,
        lease_owner="",
    )
    _ended(run, Attempt.Outcome.WAITING)
    run.note("waiting", f"{error['headline']}: {error['reason']}. Trying again by itself", error["detail"])


def _stop(run: Run, error: dict[str, str]) -> None:
    run.hold(
        status=Article.Status.FAILED,
        crashes=0,
        error=error,
        ended_at=timezone.now(),
        lease_until=None,
        lease_owner="",
    )
    _ended(run, Attempt.Outcome.STOPPED)
    run.note("stopped", f"{error['headline']}: {error['reason']}", error["detail"])
    log.error(str(report(run.article)))


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


def resume(article: Article, by: User | None, work: Work | None = None) -> bool:
    """Go on with a stopped, cancelled or waiting article where it left off, or as `work` says.

    False: somebody did already, or it moves. What was paid for is used again; a call that failed is made anew.
    """
    work = work or _going_on(article)
    with transaction.atomic():
        won = Article.objects.filter(pk=article.pk, status__in=Article.RECOVERABLE).update(
            status=Article.Status.QUEUED,
            queued_at=timezone.now(),
            retries=0,
            crashes=0,
            error=None,
            ended_at=None,
            next_at=None,
            **work.changes,
        )
        if won:
            _prepare(article, work)
            Attempt.objects.create(
                article=article,
                why=Attempt.Why.RECOVERED,
                asked_by=by,
                from_stage=work.from_stage,
                reused=list(work.reused),
                again=list(work.again),
            )
            Event.objects.create(article=article, kind="recovered", message=f"{by or 'The operator'} pressed Recover")
            enqueue(article.pk)
    return bool(won)


def _going_on(article: Article) -> Work:
    """To go on where it stopped; where it stopped over a damaged file, to make again what is damaged, too."""
    names = _damaged(article)
    records = [record for record in article.records.all() if record.state == StageRecord.State.DONE]
    images = [image for image in article.images.all() if image.is_stored]
    broken = frozenset(image.role for image in images if {image.file_name, image.base64_name} & names)
    stages = {Stage(record.stage) for record in records if record.file in names} | ({Stage.IMAGES} if broken else set())
    files = {record.file for record in records if record.file}
    files |= {name for image in images for name in (image.file_name, image.base64_name)}
    done = {record.stage for record in records} - stages
    todo = [stage for stage in Stage if stage not in done]
    return Work(
        stages=frozenset(stages),
        images=broken,
        from_stage=todo[0].value if todo else "",
        reused=tuple(sorted(files - names)),
        again=tuple(stage.label.lower() for stage in todo),
    )


def _damaged(article: Article) -> set[str]:
    """Names of damaged files, looked for only where one was met: it takes reading all of them."""
    if (article.error or {}).get("code") != DAMAGED:
        return set()
    try:
        with storing():
            return set(manifest.damaged(article))
    except Unreachable:
        return set()  # the run finds the storage away, and waits for it


def _prepare(article: Article, work: Work) -> None:
    """Put back what shall be done again; what a person asked for anew gets new calls."""
    again = Q(stage__in=work.stages) | ~Q(state=StageRecord.State.DONE)
    article.records.filter(again).update(state=StageRecord.State.PENDING, error="", failed_at=None)
    article.images.filter(role__in=work.images).update(sha256="", base64_sha256="", bytes=0)
    keys = {f"{kind}:{role}" for kind in ("image", "media") for role in work.images} | {
        CALLS[stage] for stage in work.anew if stage in CALLS
    }
    article.calls.filter(Q(state=Call.State.FAILED) | Q(key__in=keys)).update(state=Call.State.CLOSED)


def cancel(article: Article, by: User) -> bool:
    """Stop an article. A worker that is at it finds itself fenced; what is saved stays."""
    with transaction.atomic():
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
            )
        )
        if won:
            article.records.filter(state=StageRecord.State.RUNNING).update(state=StageRecord.State.PENDING)
            article.attempts.filter(ended_at=None).update(outcome=Attempt.Outcome.CANCELLED, ended_at=timezone.now())
            Event.objects.create(article=article, kind="cancelled", message=f"{by} pressed Cancel")
    return bool(won)


# The sweep


@dataclass(frozen=True)
class Swept:
    """What a sweep found: articles that nobody was working on, stages set back, messages given again."""

    articles_found: int = 0
    stages_reset: int = 0
    tasks_restarted: int = 0

    def with_one(self, *, stages_reset: int = 0, restarted: bool = True) -> Swept:
        """One article more."""
        return Swept(self.articles_found + 1, self.stages_reset + stages_reset, self.tasks_restarted + restarted)


def sweep() -> Swept:
    """Put back on the way what was interrupted. Safe to run anywhere, at any time, twice at once."""
    now = timezone.now()
    ahead = now + SKEW  # what was written later than this was written before the clock was set back
    swept = Swept()
    _shorten_times(now)
    for article in _abandoned():
        swept = _release(article, swept)
    needed = Article.objects.only("pk", "status", "attempt")
    stood_still = Exists(Attempt.objects.filter(article=OuterRef("pk"), number=OuterRef("attempt"), ended_at__gt=ahead))
    for article in needed.filter(Q(next_at__lte=now) | stood_still, status=Article.Status.WAITING):
        if _compare_and_queue(article, Attempt.Why.RETRIED):
            swept = swept.with_one()
    unclaimed = Q(queued_at__lte=now - UNCLAIMED) | Q(queued_at__gt=ahead)
    for article in needed.filter(unclaimed, status=Article.Status.QUEUED):
        if _compare_and_queue(article, None):
            swept = swept.with_one()
    if swept.articles_found:
        log.info("swept", **vars(swept))
    return swept


def _shorten_times(now: datetime) -> None:
    """After the clock was set back: no lease outlasts a new one, and the sweep itself does not sleep until then.

    A lease is not taken away: whoever holds it may be at work, and renews it in time.
    """
    running = Article.objects.filter(status=Article.Status.RUNNING, lease_until__gt=now + LEASE + SKEW)
    running.update(lease_until=now + LEASE)
    for schedule in Schedule.objects.filter(func="articles.tasks.sweep", schedule_type=Schedule.MINUTES):
        if schedule.next_run > now + timedelta(minutes=schedule.minutes or 1) + SKEW:
            Schedule.objects.filter(pk=schedule.pk, next_run=schedule.next_run).update(next_run=now)


def _abandoned() -> list[Article]:
    """Running, but the lease ran out, or the process that holds it is provably dead."""
    here = f"{this_machine()}|"
    suspects = Article.objects.filter(status=Article.Status.RUNNING).filter(
        Q(lease_until__lte=timezone.now()) | Q(lease_owner__startswith=here)
    )
    now = timezone.now()
    return [
        article
        for article in suspects.only("pk", "status", "attempt", "crashes", "lease_until", "lease_owner")
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
    """Queue it, if it is still as it was found. `why` is None for one whose message alone was lost."""
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
    with transaction.atomic():
        # As it was judged: a slow worker may have renewed its lease and made headway meanwhile.
        judged = {"attempt": article.attempt, "lease_until": article.lease_until, "crashes": article.crashes}
        won = Article.objects.filter(pk=article.pk, status=Article.Status.RUNNING, **judged).update(
            status=Article.Status.FAILED,
            error={**mistake.saved(), "stage": stage.value},
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
    log.error(str(report(Article.objects.get(pk=article.pk))))
    return swept.with_one(stages_reset=reset, restarted=False)

"""What a worker does with an article: claim it, run its stages, and see which end follows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.text import capfirst

from articles.failures import Failure
from articles.models import Article, Attempt, Section, Stage, StageRecord
from articles.pipeline import dispatch, rate_limits, reopening, transitions
from articles.pipeline.lease import Fenced, HeldBack, OutOfTime
from articles.pipeline.repair import look_over, mend, must_look_through
from articles.pipeline.run import Outcome, Run
from articles.processes import ComputesTooLong, computed
from articles.providers.errors import DATABASE, GALLEY, Mistake, ProviderError, Rejected, Then, Unreachable

log = structlog.get_logger("galley.pipeline")

# Resolved at first use: the last stage lives on a floor above, and the services' libraries take a second to import.
STAGES = {
    Stage.ARTICLE: "articles.stages.article.run",
    Stage.PROMPTS: "articles.stages.prompts.run",
    Stage.IMAGES: "articles.stages.images.run",
    Stage.FORMAT: "articles.stages.format.run",
    Stage.UPLOAD: "publishing.stage.run",
}
# What a stage works at, in a sentence.
WORKS_AT = {
    Stage.ARTICLE: "the article",
    Stage.PROMPTS: "the prompts of the pictures",
    Stage.IMAGES: "the pictures",
    Stage.FORMAT: "the page",
    Stage.UPLOAD: "the draft",
}


def run_article(article_id: int) -> None:
    """Work on an article, if nobody else does, until it is done, stops, waits, or the time of this task is up."""
    article = transitions.claim(article_id)
    if article is None:
        return
    with structlog.contextvars.bound_contextvars(article=article.pk, attempt=article.attempt):
        try:
            _run_to_an_end(Run(article))
        except Fenced:
            _leave_to_another(article)
    if article.batch_id:
        dispatch.top_up()


def _run_to_an_end(run: Run) -> None:
    """Until it is done, stops, waits or is queued again. Raises Fenced."""
    try:
        if run.article.batch_id:
            dispatch.top_up()  # one less is queued
        _run_stages(run)
    except Fenced:
        raise
    except OutOfTime:
        transitions.requeue(run.lease)
    except HeldBack:
        transitions.back_in_line(run.lease)
    except ProviderError as exc:
        _set_back(run, exc)
    except ComputesTooLong as exc:
        log.exception("a stage computed for too long")
        _set_back(run, _too_long(run, exc))
    except (OperationalError, InterfaceError) as exc:
        log.warning("the database failed", exc_info=True)
        _set_back_when_possible(run, exc)
    except Exception as exc:
        log.exception("a mistake of our own")
        _set_back(run, _our_mistake(exc))


def _run_stages(run: Run) -> None:
    article = run.article
    todo = article.records.exclude(state=StageRecord.State.DONE)
    first = todo.first()
    run.lease.stage = Stage(first.stage) if first else Stage.UPLOAD
    if must_look_through(article):
        mend(run)
    run.commit_manifest()  # what a death between row and manifest left behind; and the manuscript is safe from here on
    for record in todo:
        run.lease.check_time()
        run.begin(record)
        stage: Callable[[Run], Outcome] = import_string(STAGES[Stage(record.stage)])
        run.finish(record, computed(partial(stage, run)))
    transitions.finish(run.lease)
    if article.batch_id and article.sections.exclude(state=Section.State.DONE).exists():
        reopening.with_further_sections(article)  # they were handed in while its page was being made
    left = article.attempts.filter(outcome__in=[Attempt.Outcome.INTERRUPTED, Attempt.Outcome.CANCELLED])
    if article.attempt > 1 and left.exists():  # their workers may live
        look_over(article)


def _set_back(run: Run, exc: ProviderError) -> None:
    """Let the article wait when trying again may help, else stop it: with the reason, in rows and manifest. Raises
    Fenced.
    """
    article, stage = run.article, run.lease.stage
    times, *backoff = settings.GALLEY_RETRIES.get(type(exc).__name__, (0, 0, 0))
    no_fault = isinstance(exc, rate_limits.NotYet)
    failure = Failure.of(exc)
    waits = no_fault or (exc.retry and article.retries < times)
    with run.lease.fence():
        unfinished = article.records.filter(stage=stage).exclude(state=StageRecord.State.DONE)
        unfinished.update(
            state=StageRecord.State.PENDING if waits else StageRecord.State.FAILED,
            failed_at=None if waits else timezone.now(),
            error=failure.sentence,
        )
        if not waits:
            _keep_instructions(article, stage, failure)
    _try_manifest(run)
    if waits:
        seconds = _seconds(article.retries, exc.retry_after, *backoff)
        transitions.wait(run.lease, exc, seconds, counts=not no_fault)
    else:
        transitions.stop(run.lease, exc)


def _leave_to_another(article: Article) -> None:
    log.warning("fenced: another worker has the article now")
    transitions.outlived(article)
    look_over(article)


def _keep_instructions(article: Article, stage: Stage, failure: Failure) -> None:
    record = article.records.get(stage=stage)
    record.details = {**record.details, "recovery_instructions": f"{capfirst(failure.next)}."}
    record.save(update_fields=["details"])


def _try_manifest(run: Run) -> None:
    """A manifest that fails in any manner keeps nobody from knowing why the article waits or stops."""
    try:
        run.commit_manifest()
    except Fenced:
        raise
    except Exception:
        log.warning("the manifest could not be written; the next run writes it", exc_info=True)


def _seconds(retries: int, retry_after: float | None, first: float, longest: float) -> float:
    """Until the next try: as the service says, else twice as long each time."""
    if retry_after is not None:
        return max(retry_after, 1)
    return min(first * 2.0**retries, longest) * random.uniform(1, 1.2)  # noqa: S311  jitter, no secret


def _set_back_when_possible(run: Run, exc: Exception) -> None:
    """A database that restarts is back within seconds, a standby takes over within a minute; when neither comes, the
    lease runs out and the sweep takes over.
    """
    error = Unreachable(
        DATABASE,
        "the connection broke off",
        code="database",
        detail=str(exc),
        thing="a record",
        lost=False,
    )
    for seconds in (1, 2, 4, 8, 16, 32):
        time.sleep(seconds)
        connection.close()
        try:
            return _set_back(run, error)
        except (OperationalError, InterfaceError):
            log.warning("the database is not back yet")
    return None


def _too_long(run: Run, exc: ComputesTooLong) -> Rejected:
    """What is at fault is what the stage was made to work on: doing the same again takes as long again."""
    stage, thing, mend, then = run.lease.stage, WORKS_AT[run.lease.stage], "tell the operator", Then.ONCE_MORE
    if run.article.manuscript:
        mend, then = "hand in a simpler text", Then.ANOTHER_MANUSCRIPT
        thing = "the manuscript" if stage == Stage.ARTICLE else thing
    return Rejected(GALLEY, f"it {exc.reason}", mend=mend, then=then, code="too_long_at_work", thing=thing)


def _our_mistake(exc: Exception) -> Mistake:
    return Mistake(
        GALLEY,
        "this is a mistake in Galley, not in your article",
        mend="tell the operator, who finds it in the log",
        code="bug",
        detail=f"{type(exc).__name__}: {exc}",
        thing="this article",
    )

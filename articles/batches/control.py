"""A batch that was started is paused, resumed, cancelled and recovered: by people, and by what its articles meet."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from articles.batches.slices import slices
from articles.errors import NotPossible
from articles.failures import RESUME, Failure
from articles.models import Article, Batch, Section
from articles.pipeline import dispatch, many, transitions
from articles.pipeline.lease import HeldBack, OutOfTime
from articles.pipeline.revision import batch_revision, batch_runs
from articles.pipeline.run import Run

ALIKE = 10  # sections in a row that are missing for one reason pause a batch: it is not the sections
ALIKE_ARTICLES = 4  # that stop before their sections, likewise
CANCELLED_WITH_IT = Q(status=Article.Status.CANCELLED, cancelled_with=Article.CancelledWith.BATCH)
STOPPED = Q(status=Article.Status.FAILED) | CANCELLED_WITH_IT  # what Recover makes of a whole batch


# By people


def pause(batch: Batch, by: User | None) -> str:
    """Take no further section in hand. Returns what was done, in sentences. Raises NotPossible."""
    if not dispatch.pause(batch.pk, f"{by or transitions.OPERATOR} paused it."):
        raise NotPossible("It is not running, so it cannot be paused.")
    return "Paused. What is in hand is finished."


def resume(batch: Batch, by: User | None) -> str:
    """Go on where it was paused or cancelled; with the articles that stopped for what has paused it, or were cancelled
    with it.

    Sections that were declined each on its own are not asked for again, nor what somebody cancelled one by one: Recover
    does that. Returns what was done, in a sentence. Raises NotPossible.
    """
    rests = Batch.objects.filter(pk=batch.pk, state__in=[Batch.State.PAUSED, Batch.State.CANCELLED])
    if (found := rests.first()) is None:
        raise NotPossible("It is neither paused nor cancelled, so it cannot go on.")
    stopped = Q(status=Article.Status.FAILED, cause=found.cause) if found.cause else Q(pk__in=[])
    if found.state == Batch.State.CANCELLED:
        stopped |= CANCELLED_WITH_IT
    _resume_all(found, stopped, by)
    go_on(found)
    return "It goes on."


def go_on(batch: Batch) -> None:
    """One that was started runs from now on; its articles are in line. Raises NotPossible where somebody else has
    changed its state since it was looked at.
    """
    with transaction.atomic():
        if not Batch.objects.select_for_update().filter(pk=batch.pk, state=batch.state).first():
            raise NotPossible("Somebody else has just changed how it stands. Look at it again.")
        with batch_runs(batch.pk):
            transaction.on_commit(dispatch.top_up)


def cancel(batch: Batch, by: User | None) -> str:
    """End it: what is not begun is not begun. Returns what was done, in sentences. Raises NotPossible."""
    open_states = [Batch.State.DRAFT, Batch.State.RUNNING, Batch.State.PAUSED]
    with batch_revision(batch.pk):
        won = Batch.objects.filter(pk=batch.pk, state__in=open_states).update(
            state=Batch.State.CANCELLED,
            reason=f"{by or transitions.OPERATOR} cancelled it.",
            cause="",
            starting="",
            ended_at=timezone.now(),
        )
        if won:
            dispatch.batch_rests.send(Batch, batch=batch.pk)
    if not won:
        raise NotPossible("It has ended already.")
    said = f"{by or transitions.OPERATOR} pressed Cancel"
    for some in slices(batch.articles.filter(status__in=dispatch.OPEN)):
        with batch_revision(batch.pk) as revision:
            many.cancel_all(some, said, Article.CancelledWith.BATCH, revision)
    return "Cancelled. What is saved stays."


def recover(batch: Batch, by: User | None) -> int:
    """Make what is missing of all that stopped, or was cancelled with the batch, which goes on. Returns how many."""
    found = Batch.objects.get(pk=batch.pk)
    number = _resume_all(found, STOPPED, by)
    if number:
        go_on(found)
    return number


def _resume_all(batch: Batch, stopped: Q, by: User | None) -> int:
    """Before the batch runs: whoever is killed on the way leaves one that rests, and goes on when asked again."""
    number = 0
    for some in slices(batch.articles.filter(stopped)):
        with batch_revision(batch.pk) as revision:
            number += many.resume_all(some, by, revision)
            transaction.on_commit(dispatch.top_up)
    return number


# By what its articles meet


def note_stop(article: Article, **_: Any) -> None:
    """An article has stopped: where the cause is nobody's text, the rest of its batch would stop for it, too."""
    failure = Failure.read(article.error)
    if article.batch_id is None or failure.error["code"] == "sections":
        return
    reason = f"{failure.sentence}. Next: {failure.next_by(RESUME)}."
    if failure.error["kind"] not in ("Refused", "Unreachable", "Busy"):
        ended = Article.objects.filter(batch=article.batch_id, ended_at__isnull=False).order_by("-ended_at", "-pk")
        latest = list(ended.values_list("status", "cause")[:ALIKE_ARTICLES])
        if latest != [(Article.Status.FAILED, article.cause)] * ALIKE_ARTICLES:
            return
        reason = f"{ALIKE_ARTICLES} articles in a row stopped for one reason. {reason}"
    # Not in this transaction, which holds the article already.
    transaction.on_commit(partial(dispatch.pause, article.batch_id, reason, article.cause))


def pause_when_all_fail(article: Article) -> None:
    """Ten sections of a batch in a row that are missing for one reason: then it is not the sections (one query)."""
    if article.batch_id is None:
        return
    finished = Section.objects.filter(batch=article.batch_id, state__in=[Section.State.DONE, Section.State.FAILED])
    latest = list(finished.order_by("-revision").values_list("error", flat=True)[:ALIKE])
    causes = {error and (error["provider"], error["code"]) for error in latest}
    if len(latest) == ALIKE and len(causes) == 1 and latest[0]:
        reason = Failure.read(latest[0]).reason
        said = f"{ALIKE} sections in a row are missing for one reason: {reason}. Next: find out why, then resume."
        dispatch.pause(article.batch_id, said)


def check_turn(run: Run) -> None:
    """Before each section of a batch's article. Raises HeldBack when the batch does not run, OutOfTime to let others
    have the worker.
    """
    article = run.article
    if article.batch_id is None:
        return
    runs = Batch.objects.filter(pk=article.batch_id, state=Batch.State.RUNNING).exists()
    if not runs and not run.lease.mine.filter(alone=True).exists():
        raise HeldBack
    if dispatch.has_to_wait(article, run.lease.seconds):
        raise OutOfTime

"""Which articles come into the queue, and which of them a worker takes.

The queue stays short: of a batch a few articles at a time are queued, and topped up as the workers take them. Articles
handed in on their own go straight into the queue and are taken before any of a batch.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.dispatch import Signal
from django.utils import timezone

from articles.models import Article, Batch, BatchQuerySet
from articles.pipeline.many import hold_back
from articles.pipeline.queue import enqueue
from articles.pipeline.revision import batch_revision
from articles.pipeline.transitions import admit
from audit.acting import by_the_desk

batch_rests = Signal()  # batch: its id; done, paused or cancelled, sent in the transaction that makes it so
log = structlog.get_logger("galley.dispatch")

PER_WORKER = 2  # articles of batches that are queued ahead, and messages that are given again
PATIENCE = timedelta(seconds=1)  # a free worker takes a queued article sooner: one that waits longer finds none free
TURN_SECONDS = 60  # that a batch may have a worker while another batch has none
OPEN = (Article.Status.DRAFT, Article.Status.QUEUED, Article.Status.RUNNING, Article.Status.WAITING)


@by_the_desk()
def top_up(**_: Any) -> None:
    """Give the workers a few more articles of each running batch, or call it done (two queries, four a batch).

    What waits counts as queued: while a service is away, a batch sends no more articles after those that wait for it.
    One whose rows are still being made gives none. Safe to run anywhere, twice at once. (Receiver of
    `transitions.lined_up`.)
    """
    batches = list(_running().order_by("pk").values_list("pk", flat=True))
    if not batches:
        return
    share = max(PER_WORKER * settings.GALLEY_WORKERS // len(batches), 1)
    for batch in batches:
        articles = Article.objects.filter(batch=batch)
        counts = articles.aggregate(
            ahead=Count("pk", filter=Q(status__in=[Article.Status.QUEUED, Article.Status.WAITING])),
            open=Count("pk", filter=Q(status__in=OPEN)),
        )
        if room := share - counts["ahead"]:
            drafts = articles.filter(status=Article.Status.DRAFT).order_by("pk").values_list("pk", flat=True)
            for article in drafts[: max(room, 0)]:
                admit(article)
        if not counts["open"]:
            _done(batch)


def _running() -> BatchQuerySet:
    return Batch.objects.filter(state=Batch.State.RUNNING, starting="")


def _done(batch_id: int) -> None:
    # Locked while it is looked at: a longer list may have been started meanwhile.
    with batch_revision(batch_id):
        if Article.objects.filter(batch=batch_id, status__in=OPEN).exists():
            return
        if _running().filter(pk=batch_id).update(state=Batch.State.DONE, ended_at=timezone.now()):
            batch_rests.send(Batch, batch=batch_id)
            log.info("the batch is done", batch=batch_id)


def pause(batch_id: int, reason: str, cause: str = "") -> bool:
    """No further article of a batch is queued, for a reason in a sentence. False: it was not running.

    `cause` is that of the articles whose stop has paused it, if any has.
    """
    with batch_revision(batch_id):
        running = Batch.objects.filter(pk=batch_id, state=Batch.State.RUNNING)
        paused = running.update(state=Batch.State.PAUSED, reason=reason[:500], cause=cause)
        if paused:
            batch_rests.send(Batch, batch=batch_id)
    # In a transaction of its own: whoever works on an article of it locks the batch first.
    hold_back(batch_id)
    if paused:
        log.warning("a batch is paused", batch=batch_id, reason=reason)
    return bool(paused)


def longest_queued() -> int | None:
    """The article that an idle worker looks at when the queue has no message for it; None: none is queued."""
    queued = Article.objects.filter(status=Article.Status.QUEUED).order_by("queued_at")
    return queued.values_list("pk", flat=True).first()


def most_deserving(article_id: int) -> int:
    """Which queued article a worker takes when it meets a message for this one: an article of its own before one of
    a batch, and a batch that nobody works on before one that somebody does. Whoever was overtaken is queued again.
    """
    batch = Article.objects.filter(pk=article_id).values_list("batch_id", flat=True).first()
    if batch is None or (other := _ahead_of(batch)) is None:
        return article_id
    enqueue(article_id)
    return other


def has_to_wait(article: Article, worked: float) -> bool:
    """Whether an article of a batch, worked on for so many seconds, makes room for one that finds no free worker."""
    if article.batch_id is None:
        return False
    return _ahead_of(article.batch_id, patience=PATIENCE, batches=worked > TURN_SECONDS) is not None


def _ahead_of(batch_id: int, *, patience: timedelta = timedelta(), batches: bool = True) -> int | None:
    """The queued article that comes before those of this batch, if there is one (at most two queries)."""
    queued = Article.objects.filter(status=Article.Status.QUEUED, queued_at__lte=timezone.now() - patience)
    queued = queued.order_by("queued_at")
    alone = queued.filter(batch=None).values_list("pk", flat=True).first()
    if alone is not None or not batches:
        return alone
    worked_on = Article.objects.filter(status=Article.Status.RUNNING, batch=OuterRef("batch"))
    idle = queued.exclude(batch=batch_id).filter(~Exists(worked_on))
    return idle.values_list("pk", flat=True).first()

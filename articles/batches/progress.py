"""How a batch stands at a revision, and which of its cells have changed."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TypedDict

import orjson
from django.utils import timezone

from articles.batches.cells import CELL_STATE, CellChange, revision_of
from articles.batches.counts import COUNTED_ANEW, BatchCounts, count_again, count_batch
from articles.batches.wording import ProgressWords, progress_words
from articles.failures import Failure
from articles.formats import count
from articles.models import Article, Batch, Section
from articles.pipeline import rate_limits
from articles.providers.errors import IT
from articles.providers.names import title_of


def slowed(batch: Batch) -> str:
    """Why a running batch stands still or is slow just now, a sentence; "" when nothing keeps it (two queries)."""
    if batch.state != Batch.State.RUNNING:
        return ""
    if batch.starting:
        return "Its rows are still being made. The first article begins when all of them are there."
    if rest := rate_limits.closed():
        reason = rest[0].reason.replace(IT, "it")
        return f"{title_of(rest[0].provider)} had no room: {reason}. It is asked again by itself."
    waiting = batch.articles.filter(status=Article.Status.WAITING)
    found = waiting.order_by("next_at").values_list("error", flat=True).first()
    if not found:
        return ""
    return f"{count(waiting.count(), 'article')} waiting: {Failure.read(found).sentence}. It goes on by itself."


MOST_EVENTS = 8  # that are made once for many watchers: most have seen the same


class SectionNumbers(TypedDict):
    """Of all sections of a batch, by the states of their cells."""

    total: int
    done: int
    running: int
    waiting: int
    missing: int


class ProgressFacts(ProgressWords):
    """How a batch stands, as `articles.api.batches.BatchProgressOut` describes it, but for the cells."""

    id: int
    name: str
    state: str
    state_words: str
    reason: str
    slowed: str
    revision: int
    sections: SectionNumbers
    articles: dict[str, int]  # by their completeness
    per_minute: float
    left_seconds: int | None
    spent: str | None  # US dollars, at least; None where nothing of it is known
    unknown_costs: int  # calls
    budget: str | None


class ProgressMessage(ProgressFacts):
    """What whoever watches is sent: article, section and state of each cell that has changed."""

    cells: list[tuple[int, int, str]]


@dataclass(frozen=True)
class BatchProgress:
    """How a batch stands at a revision, and which cells have changed after `since`."""

    since: int
    revision: int
    ended: bool  # nothing changes any more until a person acts
    facts: ProgressFacts
    counts: BatchCounts = field(compare=False)
    changed: list[CellChange]  # oldest first
    stranded: list[CellChange]  # their workers died: they wait, and no revision tells
    edition: int = 0  # the same where there is nothing new for whoever has seen the revision
    _events: dict[int, bytes] = field(default_factory=dict, compare=False)

    def cells(self, since: int) -> list[tuple[int, int, str]]:
        """Each cell once that has changed after this revision, which is not before `self.since`. After 0: all."""
        changed = self.changed[bisect_right(self.changed, since, key=revision_of) if since else 0 :]
        found = {(cell.article, cell.section): cell.state for cell in [*self.stranded, *changed]}
        return [(article, index, state) for (article, index), state in found.items()]

    def message(self, since: int) -> ProgressMessage:
        """For one who has seen everything up to a revision."""
        return {**self.facts, "cells": self.cells(since)}

    def events(self, since: int) -> bytes:
        """The same as it goes over the wire."""
        if (known := self._events.get(since)) is not None:
            return known
        made = _event("progress", self.revision, self.message(since))
        if self.ended:
            made += _event("end", self.revision, {**self.facts, "cells": []})
        if len(self._events) < MOST_EVENTS:
            self._events[since] = made
        return made


def _event(name: str, revision: int, message: ProgressMessage) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (revision, name.encode(), orjson.dumps(message))


def batch_progress(batch_id: int, since: int = 0, known: BatchCounts | None = None) -> BatchProgress:
    """How a batch stands (ten queries at most). Raises Batch.DoesNotExist.

    With what was `known` of it a short while ago only the rows are read that have changed since. Whoever has seen a
    revision that is still to come saw it in another life of the database, and is told everything.
    """
    # First: what is read after it is as new as its revision, or newer.
    batch = Batch.objects.with_cost().defer("brief", "styles", "sections").get(pk=batch_id)
    since = since if since <= batch.revision else 0
    changed, in_hand = _cells(batch, since)
    if known and since <= known.revision <= batch.revision and timezone.now() < known.counted_at + COUNTED_ANEW:
        counts = count_again(batch, known, {cell.article for cell in changed})
    else:
        counts = count_batch(batch)
    # Whoever sees a change sees all before it.
    revision = max(batch.revision, changed[-1].revision if changed else 0)
    running = sum(cell.state == "running" for cell in in_hand)
    return BatchProgress(
        since=since,
        revision=revision,
        # One that was cancelled just now lets go of its articles one by one.
        ended=batch.state in (Batch.State.DONE, Batch.State.CANCELLED) and not (running or _goes_on_alone(batch)),
        facts=_facts(batch, counts, revision, running),
        counts=counts,
        changed=changed,
        stranded=[cell for cell in in_hand if cell.state == "waiting"],
    )


def _goes_on_alone(batch: Batch) -> bool:
    """Whether an article of one that rests moves all the same: a person asked for it."""
    moving = [Article.Status.QUEUED, Article.Status.RUNNING, Article.Status.WAITING]
    return batch.articles.filter(status__in=moving, alone=True).exists()


def _cells(batch: Batch, since: int) -> tuple[list[CellChange], list[CellChange]]:
    """Those that have changed after a revision, oldest first, and those whose sections say that they are running."""
    cells = batch.all_sections.order_by().annotate(cell=CELL_STATE)
    fields = ("revision", "article_id", "index", "cell")
    # In no order: for one, SQLite would read them all.
    in_hand = cells.filter(state=Section.State.RUNNING).values_list(*fields)
    # From 0 on all of them: what was rebuilt from its tree has not changed since, and has no revision.
    later = cells.filter(revision__gt=since) if since else cells
    changed = [CellChange(*row) for row in later.order_by("revision").values_list(*fields).iterator()]
    return changed, [CellChange(*row) for row in in_hand]


def _facts(batch: Batch, counts: BatchCounts, revision: int, running: int) -> ProgressFacts:
    left = counts.left if batch.state == Batch.State.RUNNING else None
    waiting = counts.total - counts.done - counts.missing - running
    return {
        **progress_words(batch, counts),
        "id": batch.pk,
        "name": batch.name,
        "state": batch.state,
        "state_words": batch.get_state_display(),
        "reason": batch.reason,
        "slowed": slowed(batch),
        "revision": revision,
        "sections": {
            "total": counts.total,
            "done": counts.done,
            "running": running,
            "waiting": max(waiting, 0),
            "missing": counts.missing,
        },
        "articles": counts.articles,
        "per_minute": round(counts.per_minute, 1),
        "left_seconds": None if left is None else round(left.total_seconds()),
        "spent": None if counts.spent.dollars is None else f"{counts.spent.dollars:.2f}",
        "unknown_costs": counts.spent.unknown,
        "budget": None if batch.budget is None else f"{batch.budget:.2f}",
    }

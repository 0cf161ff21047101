"""How a batch stands at a revision, and which of its cells have changed."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

import orjson

from articles.batches.cells import CELL_STATE, CellChange, revision_of
from articles.batches.counts import BatchCounts, count_batch
from articles.formats import count
from articles.models import Article, Batch, Section
from articles.pipeline import rate_limits


def slowed(batch: Batch) -> str:
    """Why a running batch stands still or is slow just now, a sentence; "" when nothing keeps it (two queries)."""
    if batch.state != Batch.State.RUNNING:
        return ""
    if rest := rate_limits.closed():
        return f"{rest[0].provider} had no room: {rest[0].reason}. It is asked again by itself."
    waiting = batch.articles.filter(status=Article.Status.WAITING)
    found = waiting.order_by("next_at").values_list("error", flat=True).first()
    if not found:
        return ""
    return f"{count(waiting.count(), 'article')} waiting: {found['headline']}: {found['reason']}. It goes on by itself."


MOST_EVENTS = 8  # that are made once for many watchers: most have seen the same


@dataclass(frozen=True)
class BatchProgress:
    """How a batch stands at a revision, and which cells have changed after `since`."""

    since: int
    revision: int
    ended: bool  # nothing changes any more until a person acts
    facts: dict[str, Any]  # what the API says, but for the cells
    changed: list[CellChange]  # oldest first
    stranded: list[CellChange]  # their workers died: they wait, and no revision tells
    edition: int = 0  # the same where there is nothing new for whoever has seen the revision
    _events: dict[int, bytes] = field(default_factory=dict, compare=False)

    def cells(self, since: int) -> list[tuple[int, int, str]]:
        """Each cell once that has changed after this revision, which is not before `self.since`. After 0: all."""
        changed = self.changed[bisect_right(self.changed, since, key=revision_of) if since else 0 :]
        found = {(cell.article, cell.section): cell.state for cell in [*self.stranded, *changed]}
        return [(article, index, state) for (article, index), state in found.items()]

    def events(self, since: int) -> bytes:
        """For one who has seen everything up to a revision, as they go over the wire."""
        if (known := self._events.get(since)) is not None:
            return known
        made = _event("progress", self.revision, {**self.facts, "cells": self.cells(since)})
        if self.ended:
            made += _event("end", self.revision, {**self.facts, "cells": []})
        if len(self._events) < MOST_EVENTS:
            self._events[since] = made
        return made


def _event(name: str, revision: int, said: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (revision, name.encode(), orjson.dumps(said))


def batch_progress(batch_id: int, since: int = 0) -> BatchProgress:
    """How a batch stands (ten queries at most). Raises Batch.DoesNotExist.

    Whoever has seen a revision that is still to come saw it in another life of the database, and is told everything.
    """
    batch = Batch.objects.defer("brief", "styles", "sections").get(pk=batch_id)
    # It reads the revision first: what is read after it is as new, or newer.
    counts = count_batch(batch)
    since = since if since <= counts.revision else 0
    cells = batch.all_sections.order_by("revision").annotate(shown=CELL_STATE)
    fields = ("revision", "article_id", "index", "shown")
    in_hand = [CellChange(*row) for row in cells.filter(state=Section.State.RUNNING).values_list(*fields)]
    # From 0 on all of them: what was rebuilt from its tree has not changed since, and has no revision.
    later = cells.filter(revision__gt=since) if since else cells
    changed = [CellChange(*row) for row in later.values_list(*fields).iterator()]
    # Whoever sees a change sees all before it.
    revision = max(counts.revision, changed[-1].revision if changed else 0)
    running = sum(cell.state == "running" for cell in in_hand)
    return BatchProgress(
        since=since,
        revision=revision,
        # One that was cancelled just now lets go of its articles one by one.
        ended=batch.state in (Batch.State.DONE, Batch.State.CANCELLED) and not running,
        facts=_facts(batch, counts, revision, running),
        changed=changed,
        stranded=[cell for cell in in_hand if cell.state == "waiting"],
    )


def _facts(batch: Batch, counts: BatchCounts, revision: int, running: int) -> dict[str, Any]:
    left = counts.left if batch.state == Batch.State.RUNNING else None
    waiting = counts.total - counts.done - counts.missing - running
    return {
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
        "spent": f"{counts.spent:.2f}",
        "budget": None if batch.budget is None else f"{batch.budget:.2f}",
    }

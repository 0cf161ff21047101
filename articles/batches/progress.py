"""How a batch stands."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When
from django.utils import timezone

from articles.failures import Failure
from articles.formats import count
from articles.models import Article, Batch, Section
from articles.pipeline import rate_limits
from articles.providers.errors import IT
from articles.providers.names import title_of


@dataclass(frozen=True)
class Standing:
    """How far a batch is, in numbers (`standing`)."""

    sections: dict[str, int]  # by state
    articles: dict[str, int]  # complete, partial, basic, failed, waiting
    spent: Decimal
    per_minute: float  # sections, lately
    revision: int

    @property
    def total(self) -> int:
        return sum(self.sections.values())

    @property
    def done(self) -> int:
        return self.sections[Section.State.DONE]

    @property
    def missing(self) -> int:
        return self.sections[Section.State.FAILED]

    @property
    def left(self) -> timedelta | None:
        """Until the last section is there, at the present rate; None where there is none."""
        to_do = self.total - self.done - self.missing
        return timedelta(minutes=to_do / self.per_minute) if self.per_minute and to_do else None


RATE_OVER = timedelta(minutes=5)
COMPLETENESS = {
    "complete": "Complete",
    "partial": "Partial",
    "basic": "Only basic content",
    "failed": "Failed",
    "waiting": "Not begun",
}


def with_sections(articles: QuerySet[Article]) -> QuerySet[Article]:
    """Adds `written` and `planned`, how many sections are there and wanted."""
    return articles.annotate(
        planned=Count("sections"), written=Count("sections", filter=Q(sections__state=Section.State.DONE))
    )


def of_completeness(articles: QuerySet[Article], which: str) -> QuerySet[Article]:
    """Those articles of batches that are `complete`, `partial`, `basic`, `failed` or `waiting`."""
    conditions = {
        "complete": Q(planned__gt=0, written=F("planned")),
        "partial": Q(written__gt=0, written__lt=F("planned")),
        "basic": Q(written=0, word_count__gt=0),
        "failed": Q(written=0, word_count=0, status=Article.Status.FAILED),
        "waiting": Q(written=0, word_count=0) & ~Q(status=Article.Status.FAILED),
    }
    return with_sections(articles.filter(batch__isnull=False)).filter(conditions[which])


def standing(batch: Batch) -> Standing:
    """Counts, rate and cost of a batch (four queries)."""
    now = timezone.now()
    # Read first: what changes meanwhile is told again, never left out.
    revision = Batch.objects.values_list("revision", flat=True).get(pk=batch.pk)
    rows = batch.all_sections.order_by().values_list("state").annotate(number=Count("pk"))
    sections = dict.fromkeys(Section.State.values, 0) | dict(rows)
    articles = dict.fromkeys(COMPLETENESS, 0)
    spent = Decimal(0)
    # With the reference to the batch: by it, each would be fetched again.
    for article in with_sections(batch.articles.all()).order_by().only("batch", "word_count", "status", "spent"):
        articles[completeness(article)] += 1
        spent += article.spent
    since = max(now - RATE_OVER, batch.started_at or now)
    lately = batch.all_sections.filter(finished_at__gte=since).count()
    minutes = (now - since).total_seconds() / 60
    return Standing(sections, articles, spent, lately / minutes if minutes else 0.0, revision)


def completeness(article: Article) -> str:
    """Which of COMPLETENESS an article is that was fetched `with_sections`; the same rules as `of_completeness`."""
    written, planned = article.written, article.planned  # type: ignore[attr-defined]  # from `with_sections`
    if planned and written == planned:
        return "complete"
    if written:
        return "partial"
    if article.word_count:
        return "basic"
    return "failed" if article.status == Article.Status.FAILED else "waiting"


def slowed(batch: Batch) -> str:
    """Why a running batch stands still or is slow just now, a sentence; "" when nothing keeps it (two queries)."""
    if batch.state != Batch.State.RUNNING:
        return ""
    if rest := rate_limits.closed():
        reason = rest[0].reason.replace(IT, "it")
        return f"{title_of(rest[0].provider)} had no room: {reason}. It is asked again by itself."
    waiting = batch.articles.filter(status=Article.Status.WAITING)
    found = waiting.order_by("next_at").values_list("error", flat=True).first()
    if not found:
        return ""
    return f"{count(waiting.count(), 'article')} waiting: {Failure.read(found).sentence}. It goes on by itself."


MOST_EVENTS = 8  # that are made once for many watchers: most have seen the same


class Cell(NamedTuple):
    """A section as the grid shows it, and the batch's revision when it became so."""

    revision: int
    article: int
    section: int
    state: str  # done, running, waiting, missing


revision_of = attrgetter("revision")
# One that says it is running is so only while somebody works on its article.
_STATE = Case(
    When(state=Section.State.DONE, then=Value("done")),
    When(state=Section.State.FAILED, then=Value("missing")),
    When(state=Section.State.RUNNING, article__status=Article.Status.RUNNING, then=Value("running")),
    default=Value("waiting"),
    output_field=CharField(),
)


@dataclass(frozen=True)
class Progress:
    """How a batch stands at a revision, and which cells have changed after `since`."""

    since: int
    revision: int
    ended: bool  # nothing changes any more until a person acts
    facts: dict[str, Any]  # what the API says, but for the cells
    changed: list[Cell]  # oldest first
    stranded: list[Cell]  # their workers died: they wait, and no revision tells
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


def progress(batch_id: int, since: int = 0) -> Progress:
    """How a batch stands (ten queries at most). Raises Batch.DoesNotExist.

    Whoever has seen a revision that is still to come saw it in another life of the database, and is told everything.
    """
    batch = Batch.objects.defer("brief", "styles", "sections").get(pk=batch_id)
    # It reads the revision first: what is read after it is as new, or newer.
    stands = standing(batch)
    since = since if since <= stands.revision else 0
    cells = batch.all_sections.order_by("revision").annotate(shown=_STATE)
    fields = ("revision", "article_id", "index", "shown")
    in_hand = [Cell(*row) for row in cells.filter(state=Section.State.RUNNING).values_list(*fields)]
    # From 0 on all of them: what was rebuilt from its tree has not changed since, and has no revision.
    later = cells.filter(revision__gt=since) if since else cells
    changed = [Cell(*row) for row in later.values_list(*fields).iterator()]
    # Whoever sees a change sees all before it.
    revision = max(stands.revision, changed[-1].revision if changed else 0)
    running = sum(cell.state == "running" for cell in in_hand)
    return Progress(
        since=since,
        revision=revision,
        # One that was cancelled just now lets go of its articles one by one.
        ended=batch.state in (Batch.State.DONE, Batch.State.CANCELLED) and not running,
        facts=_facts(batch, stands, revision, running),
        changed=changed,
        stranded=[cell for cell in in_hand if cell.state == "waiting"],
    )


def _facts(batch: Batch, standing: Standing, revision: int, running: int) -> dict[str, Any]:
    left = standing.left if batch.state == Batch.State.RUNNING else None
    waiting = standing.total - standing.done - standing.missing - running
    return {
        "id": batch.pk,
        "name": batch.name,
        "state": batch.state,
        "state_words": batch.get_state_display(),
        "reason": batch.reason,
        "slowed": slowed(batch),
        "revision": revision,
        "sections": {
            "total": standing.total,
            "done": standing.done,
            "running": running,
            "waiting": max(waiting, 0),
            "missing": standing.missing,
        },
        "articles": standing.articles,
        "per_minute": round(standing.per_minute, 1),
        "left_seconds": None if left is None else round(left.total_seconds()),
        "spent": f"{standing.spent:.2f}",
        "budget": None if batch.budget is None else f"{batch.budget:.2f}",
    }

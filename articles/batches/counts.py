"""How far a batch is, in numbers: counted once, and then again only of the articles that may have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from articles.batches.completeness import COMPLETENESS, completeness_of, with_sections
from articles.models import Article, Batch, Cost, Section

RATE_OVER = timedelta(minutes=5)  # lately
# Until all is counted anew: articles that were deleted, or that came and went between two counts, no revision tells.
COUNTED_ANEW = timedelta(minutes=1)


class ArticleCount(NamedTuple):
    """How many sections of an article are wanted, there, and missing for good; and its completeness."""

    planned: int
    written: int
    missing: int
    completeness: str  # a key of COMPLETENESS


@dataclass(frozen=True)
class BatchCounts:
    """How far a batch is (`count_batch`)."""

    of_articles: Mapping[int, ArticleCount]
    in_hand: frozenset[int]  # articles that somebody works on
    spent: Cost
    per_minute: float  # sections, lately
    revision: int
    counted_at: datetime  # all of them

    @cached_property
    def total(self) -> int:
        """Sections."""
        return sum(count.planned for count in self.of_articles.values())

    @cached_property
    def done(self) -> int:
        return sum(count.written for count in self.of_articles.values())

    @cached_property
    def missing(self) -> int:
        return sum(count.missing for count in self.of_articles.values())

    @cached_property
    def articles(self) -> dict[str, int]:
        """How many articles are of each completeness."""
        return dict.fromkeys(COMPLETENESS, 0) | Counter(count.completeness for count in self.of_articles.values())

    @property
    def left(self) -> timedelta | None:
        """Until the last section is there, at the present rate; None where there is none."""
        to_do = self.total - self.done - self.missing
        return timedelta(minutes=to_do / self.per_minute) if self.per_minute and to_do else None


def count_batch(batch: Batch) -> BatchCounts:
    """All of a batch (four queries)."""
    now = timezone.now()
    # Read first: what changes meanwhile is told again, never left out.
    read = Batch.objects.with_cost().only("revision", "spent", "open_costs").get(pk=batch.pk)
    in_hand = batch.articles.filter(status=Article.Status.RUNNING).values_list("pk", flat=True)
    counts = _of_articles(batch.articles.all())
    return BatchCounts(counts, frozenset(in_hand), read.cost, _rate(batch, now), read.revision, now)


def count_again(batch: Batch, known: BatchCounts, changed: Iterable[int]) -> BatchCounts:
    """What is known of a batch, with those articles counted again whose sections have `changed` after the revision that
    is known, and those that were worked on since (three queries, whose rows do not grow with the batch).

    `batch` was read just now `with_cost`, before what has changed.
    """
    # An article gets its opening, or stops before it, without a revision.
    moved = batch.articles.filter(status__in=[Article.Status.RUNNING, Article.Status.FAILED]).order_by()
    lately = moved.filter(Q(ended_at=None) | Q(ended_at__gte=known.counted_at))
    statuses = dict(lately.values_list("pk", "status"))
    some = {*changed, *known.in_hand, *statuses}
    return replace(
        known,
        of_articles={**known.of_articles, **_of_articles(batch.articles.filter(pk__in=some))},
        in_hand=frozenset(pk for pk, status in statuses.items() if status == Article.Status.RUNNING),
        spent=batch.cost,
        per_minute=_rate(batch, timezone.now()),
        revision=batch.revision,
    )


def _of_articles(articles: QuerySet[Article]) -> dict[int, ArticleCount]:
    missing = Count("sections", filter=Q(sections__state=Section.State.FAILED))
    # With the reference to the batch: by it, each would be fetched again.
    counted = with_sections(articles).annotate(missing=missing).order_by().only("batch", "word_count", "status")
    return {
        article.pk: ArticleCount(article.planned, article.written, article.missing, completeness_of(article))  # type: ignore[attr-defined]  # annotated
        for article in counted
    }


def _rate(batch: Batch, now: datetime) -> float:
    """Sections that were written in a minute, lately."""
    since = max(now - RATE_OVER, batch.started_at or now)
    minutes = (now - since).total_seconds() / 60
    return batch.all_sections.filter(finished_at__gte=since).count() / minutes if minutes else 0.0

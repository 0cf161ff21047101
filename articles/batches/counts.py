"""How far a batch is, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count
from django.utils import timezone

from articles.batches.completeness import COMPLETENESS, completeness_of, with_sections
from articles.models import Batch, Section

RATE_OVER = timedelta(minutes=5)  # lately


@dataclass(frozen=True)
class BatchCounts:
    """How far a batch is (`count_batch`)."""

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


def count_batch(batch: Batch) -> BatchCounts:
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
        articles[completeness_of(article)] += 1
        spent += article.spent
    since = max(now - RATE_OVER, batch.started_at or now)
    lately = batch.all_sections.filter(finished_at__gte=since).count()
    minutes = (now - since).total_seconds() / 60
    return BatchCounts(sections, articles, spent, lately / minutes if minutes else 0.0, revision)

"""How several batches stand, for the list of them and the start page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count
from django.utils import timezone

from articles import formats
from articles.batches.completeness import COMPLETENESS, completeness_of, with_sections
from articles.batches.counts import RATE_OVER
from articles.models import Article, Batch, Section


@dataclass(frozen=True)
class BatchOverview:
    """How one of several batches stands."""

    batch: Batch
    total: int
    done: int
    missing: int
    per_minute: float
    articles: dict[str, int] = field(default_factory=dict)

    @property
    def progress(self) -> str:
        """`942 of 1,440 sections`"""
        return f"{self.done:,} of {formats.count(self.total, 'section')}"

    @property
    def left(self) -> str:
        to_do = self.total - self.done - self.missing
        return formats.left(timedelta(minutes=to_do / self.per_minute)) if self.per_minute and to_do else ""

    @property
    def completeness(self) -> list[tuple[str, str]]:
        """`[("complete", "58 complete"), ("failed", "1 failed")]`"""
        return [(name, f"{number:,} {COMPLETENESS[name].lower()}") for name, number in self.articles.items() if number]


def batch_overviews(found: Sequence[Batch], *, with_articles: bool = False) -> list[BatchOverview]:
    """How these batches stand (two queries, three with their articles)."""
    sections: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Section.State.values, 0))
    rows = Section.objects.filter(batch__in=found).order_by().values_list("batch", "state")
    for batch, state, number in rows.annotate(number=Count("pk")):
        sections[batch][state] = number
    now = timezone.now()
    lately = Section.objects.filter(batch__in=found, finished_at__gte=now - RATE_OVER).order_by()
    rates = dict(lately.values_list("batch").annotate(number=Count("pk")))
    articles = _articles(found) if with_articles else {}
    return [
        BatchOverview(
            batch,
            total=sum(sections[batch.pk].values()),
            done=sections[batch.pk][Section.State.DONE],
            missing=sections[batch.pk][Section.State.FAILED],
            per_minute=rates.get(batch.pk, 0) / _minutes(batch, now),
            articles=articles.get(batch.pk, {}),
        )
        for batch in found
    ]


def _minutes(batch: Batch, now: datetime) -> float:
    """Over which the rate of a batch is counted."""
    since = max(now - RATE_OVER, batch.started_at or now)
    return max((now - since).total_seconds(), 1) / 60


def _articles(found: Sequence[Batch]) -> dict[int, dict[str, int]]:
    """Of each batch: how many articles are of each completeness."""
    numbers: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COMPLETENESS, 0))
    articles = with_sections(Article.objects.filter(batch__in=found)).order_by()
    for article in articles.only("batch_id", "word_count", "status").iterator():
        numbers[article.batch_id or 0][completeness_of(article)] += 1
    return numbers

"""How far a batch is, in words: the same on its page, in the API and in its stream."""

from __future__ import annotations

from typing import TypedDict

from articles import formats
from articles.batches.counts import BatchCounts
from articles.models import Batch


class ProgressWords(TypedDict):
    """Each is "" where there is nothing to say."""

    sections_words: str  # 942 of 1,440
    per_minute_words: str  # 18 per min
    left_words: str  # about 28 min left
    spent_words: str  # $61.20 of $110.00
    summary_words: str  # 942 of 1,440 sections, about 28 min left


def progress_words(batch: Batch, counts: BatchCounts) -> ProgressWords:
    """Rate and remaining time only of one that runs."""
    runs = batch.state == Batch.State.RUNNING
    left = formats.left(counts.left) if runs else ""
    sections = f"{counts.done:,} of {formats.count(counts.total, 'section')}"
    return {
        "sections_words": f"{counts.done:,} of {counts.total:,}",
        "per_minute_words": formats.rate(counts.per_minute) if runs else "",
        "left_words": left,
        "spent_words": formats.of_budget(counts.spent.known, counts.spent.unknown, batch.budget),
        "summary_words": ", ".join(filter(None, [sections, left])),
    }

"""What was paid on a day, summed anew: days that bear a mark, each in one transaction with the removal of its marks.

As with the other sums (`insights.rollups.days`), but nobody waits for these: where a day is marked, its records count.
"""

from __future__ import annotations

import time
from datetime import date

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Count, Q, Sum

from articles.models import CostRecord
from insights.models import CostMark, CostSum, Rollup

BY = ("provider", "model", "stage", "owner_id", "site_id", "batch_id")  # by which costs are told apart, beside the day
SUMS = {
    "known": Sum("cost"),
    "unsaid": Sum("unknown"),
    "given": Count("pk", filter=Q(answered=True)),
    "read": Sum("input_tokens"),
    "written": Sum("output_tokens"),
}


def roll_up(*, seconds: float, using: str = DEFAULT_DB_ALIAS) -> int:
    """Sum the marked days anew, the newest first. Returns how many were; the others are left for the next go."""
    stop = time.monotonic() + seconds
    Rollup.objects.using(using).get_or_create(name="desk")
    marked = sorted(CostMark.objects.using(using).values_list("day", flat=True).distinct(), reverse=True)
    for summed, day in enumerate(marked):
        if time.monotonic() > stop:
            return summed
        sum_up(day, using)
    return len(marked)


def sum_up(day: date, using: str = DEFAULT_DB_ALIAS) -> None:
    """Sum one day anew. Of two at once the second waits for the row of the sums, and finds what the first has left."""
    sums = CostSum.objects.using(using)
    with transaction.atomic(using=using):
        Rollup.objects.using(using).select_for_update().get(name="desk")
        CostMark.objects.using(using).filter(day=day).delete()
        sums.filter(day=day).delete()
        sums.bulk_create(_sums_of(day, using))


def _sums_of(day: date, using: str) -> list[CostSum]:
    records = CostRecord.objects.using(using).filter(day=day).order_by()
    return [
        CostSum(
            day=day, **dict(zip(BY, row, strict=False)),
            cost=known, unknown=unsaid, answers=given, input_tokens=read, output_tokens=written,
        )
        for *row, known, unsaid, given, read, written in records.values_list(*BY).annotate(**SUMS)
    ]  # fmt: skip

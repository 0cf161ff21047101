"""The revision of a batch: whoever has seen everything up to one misses nothing by asking for what is greater.

That holds because revisions are committed in their order. So whoever changes rows of a batch locks the batch first of
all, makes its revision one greater, and writes that number into the sections that it changes, in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import F

from articles.models import Article, Batch
from articles.tree.due import due


@contextmanager
def batch_revision(batch_id: int | None, **changes: Any) -> Iterator[int]:
    """A transaction that changes rows of a batch, and the batch by `changes`: gives the revision for its sections.

    An article that belongs to none has no revisions: 0. Two queries. Raises Batch.DoesNotExist.
    """
    with transaction.atomic():
        if batch_id is None:
            yield 0
        else:
            batch = Batch.objects.filter(pk=batch_id)
            batch.update(revision=F("revision") + 1, **due(), **changes)
            yield batch.values_list("revision", flat=True).get()


@contextmanager
def batch_runs(batch_id: int, **changes: Any) -> Iterator[int]:
    """As `batch_revision`; the batch runs from now on, and none of its articles goes on without it any more."""
    running = {"state": Batch.State.RUNNING, "reason": "", "cause": "", "ended_at": None}
    with batch_revision(batch_id, **running, **changes) as revision:
        Article.objects.filter(batch=batch_id, alone=True).update(alone=False)
        yield revision

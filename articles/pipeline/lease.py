"""The lease of an article: for how long, and how, the worker that has claimed it may write.

Every write is fenced: it happens only while the article is still running under this very attempt. A worker that was
slow, lost its lease and comes back finds itself `Fenced` and stops. The lease is renewed with each thing that is saved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from articles.models import Article, Event, Stage
from articles.processes import computes_anew, is_asked_to_stop

log = structlog.get_logger("galley.run")

CALL_SECONDS = 300  # the longest that one call may take
LEASE = timedelta(seconds=CALL_SECONDS + 100)
BUDGET_SECONDS = 240  # no new call after this long: with the longest call it stays below the queue's time-out


class Fenced(Exception):
    """The article is no longer ours: it was cancelled, or its lease ran out and another worker has it."""


class OutOfTime(Exception):
    """This task has worked long enough, or its worker is asked to stop; the next one goes on."""


class HeldBack(Exception):
    """The article's batch does not run any more: it stays in line until it does."""


@dataclass
class Lease:
    """One claim of one article, and the stage at which its work is."""

    article: Article
    stage: Stage = Stage.ARTICLE
    started: float = field(default_factory=lambda: time.monotonic())  # asked for when it begins

    @property
    def mine(self) -> QuerySet[Article]:
        """The article's row, as long as it is ours."""
        return Article.objects.filter(pk=self.article.pk, status=Article.Status.RUNNING, attempt=self.article.attempt)

    def renew(self, **changes: Any) -> None:
        """Go on for another while, with changes to the article. Raises Fenced."""
        changes = {"lease_until": timezone.now() + LEASE, **changes}
        if not self.mine.update(**changes):
            raise Fenced
        computes_anew()
        for name, value in changes.items():
            setattr(self.article, name, value)

    @contextmanager
    def fence(self) -> Iterator[None]:
        """Around writes to what belongs to the article: they are made while it is ours, or not at all. Raises Fenced.

        A worker may sleep between a look at its lease and a write; within a transaction both are one.
        """
        with transaction.atomic():
            self.renew()
            yield

    def made_headway(self, **changes: Any) -> None:
        """Renew, and forget earlier crashes and waits: something was saved. Raises Fenced."""
        self.renew(crashes=1, retries=0, **changes)

    @property
    def seconds(self) -> float:
        """How long this task has worked on the article."""
        return time.monotonic() - self.started

    def check_time(self) -> None:
        """Raises OutOfTime when nothing long may be started any more."""
        if self.seconds > BUDGET_SECONDS or is_asked_to_stop():
            raise OutOfTime

    def note(self, kind: str, message: str, detail: str = "", *, provider: str = "", **facts: Any) -> None:
        """Add to the timeline, and to the log, which takes `facts` as well. `provider`: whose setback it was."""
        Event.objects.create(
            article=self.article,
            kind=kind,
            stage=self.stage,
            provider=provider,
            attempt=self.article.attempt,
            message=message[:500],
            detail=detail,
        )
        facts |= {"provider": provider} if provider else {}
        log.info(message, kind=kind, stage=self.stage.value, **facts)


class Found(NamedTuple):
    """An article as a look at the rows found it: whoever acts on it acts only if all that was judged still is so."""

    pk: int
    status: str
    attempt: int
    crashes: int
    lease_until: datetime
    lease_owner: str
    site_id: int | None
    queued_at: datetime | None
    next_at: datetime | None

    @property
    def still(self) -> QuerySet[Article]:
        """Its row, as long as it is as it was judged."""
        return Article.objects.filter(**self._asdict())


def found(*conditions: Q, **fields: Any) -> list[Found]:
    """The articles of which this is so (one query)."""
    # Unordered: for an order the database would rather walk through all articles by their date.
    articles = Article.objects.filter(*conditions, **fields).order_by()
    return [Found(*row) for row in articles.values_list(*Found._fields)]

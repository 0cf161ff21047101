"""A batch is started: the rows that are not there yet are made, slice by slice, and then its articles are let in.

Whoever is killed between two slices leaves `Batch.starting`, by which the sweep, or the next who presses, goes on. What
is there is never made again, so it does not matter who comes when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from articles.batches import lists
from articles.batches.changes import Change, FoundSection, change_of, found_articles
from articles.batches.plan import BatchPlan, given, plan_batch
from articles.batches.slices import ARTICLES, ROWS, slices
from articles.errors import NotPossible
from articles.models import Article, Attempt, Batch, Design, Event, Preferences, Section, Stage, StageRecord
from articles.pipeline import dispatch, many, reopening, transitions
from articles.pipeline.many import Part
from articles.pipeline.revision import batch_revision, batch_runs
from articles.tree.due import due

log = structlog.get_logger("galley.batches")

IN_A_STATEMENT = 500  # rows


def start_batch(batch: Batch, by: User) -> BatchPlan:
    """Make of its lists what is not there yet, and let the batch run. Lines that cannot be used are left out, and what
    was taken out of the lists is not made. Twice is as once. Raises NotPossible.
    """
    batch = Batch.objects.get(pk=batch.pk)
    planned = plan_batch(batch)
    if planned.problems:
        raise NotPossible(" ".join(planned.problems))
    with batch_runs(batch.pk, starting=given(batch), starting_by=by):
        Batch.objects.filter(pk=batch.pk, started_at=None).update(started_at=timezone.now())
    make_rows(batch.pk)
    return planned


def go_on_with_rows(**_: Any) -> None:
    """Go on with each start that was interrupted. (Receiver of `sweep.sweeping`.)"""
    for batch in Batch.objects.exclude(starting="").values_list("pk", flat=True):
        try:
            make_rows(batch)
        except Exception:
            log.exception("the rows of a batch were not made; the next sweep tries again", batch=batch)


def make_rows(batch_id: int) -> None:
    """Make what lacks of the rows of a batch that is being started, then let its articles in.

    With lists that were changed meanwhile nobody has started it: what is made stays, the rest is for the next start.
    """
    rows = _Rows(Batch.objects.select_related("owner", "site", "starting_by").get(pk=batch_id))
    for make in rows.slices():
        with batch_revision(batch_id) as revision:
            if not rows.are_wanted():
                break
            make(revision)
    with batch_revision(batch_id):
        Batch.objects.filter(pk=batch_id, starting=rows.batch.starting).update(starting="")
        transaction.on_commit(dispatch.top_up)


class _Rows:
    """The rows of a batch, as its lists want them when it is being started."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.styles = lists.read(batch.styles, "style").rows
        self.keys = {row.key for row in self.styles}
        self.sections = {row.key: row for row in lists.read(batch.sections, "section").rows}
        self.preferences = Preferences.objects.filter(user=batch.owner).first() or Preferences()

    def are_wanted(self) -> bool:
        """Whether the batch is still being started, and with these lists. Asked while it is locked."""
        batch = Batch.objects.get(pk=self.batch.pk)
        return batch.starting == self.batch.starting == given(batch)

    def slices(self) -> Iterator[Callable[[int], None]]:
        """What is to be done, each in a transaction of its own and with the batch's revision."""
        for some in slices(self.batch.articles.all(), len(self.sections)):
            yield partial(self._change, some)
        number = min(max(ROWS // max(len(self.sections), 1), 1), ARTICLES)
        for first in range(0, len(self.styles), number):
            yield partial(self._add, self.styles[first : first + number])

    def _change(self, articles: Sequence[int], revision: int) -> None:
        """Of articles that are there: what the plan told of them."""
        there = Article.objects.filter(pk__in=many.locked(Article.objects.filter(pk__in=articles)))
        changes = [change_of(found, self.keys, self.sections) for found in found_articles(there)]
        said, with_list = "Its line was taken out of the list: it is left out", Article.CancelledWith.LIST
        many.cancel_all([change.article.pk for change in changes if change.leaves_out], said, with_list, revision)
        many.drop_sections([part for change in changes for part in _parts(change, change.dropped)])
        many.settle_sections([part for change in changes for part in _parts(change, change.settled)], revision)
        longer = [change for change in changes if change.further]
        self._add_sections(
            ((change.article.pk, change.longest - len(change.further), change.further) for change in longer), revision
        )
        named = [change.article.pk for change in changes if change.further or change.dropped or change.settled]
        Article.objects.filter(pk__in=named).update(**due())  # each of their manifests names the sections
        many.write_again([change.article.pk for change in longer if not change.reopens])
        for article in Article.objects.filter(pk__in=[change.article.pk for change in changes if change.reopens]):
            reopening.with_further_sections(article)
        many.resume_all([change.article.pk for change in changes if change.goes_on], self.batch.starting_by, revision)

    def _add(self, styles: Sequence[lists.Row], revision: int) -> None:
        """Articles of these styles, but for those that are there by now, each with its sections."""
        keys = [row.key for row in styles]
        there = set(self.batch.articles.filter(batch_key__in=keys).values_list("batch_key", flat=True))
        new = [row for row in styles if row.key not in there]
        now, by = timezone.now(), self.batch.starting_by
        prefixes = transitions.free_prefixes(self.batch.owner_id, now, len(new))
        articles = Article.objects.bulk_create(
            self._article(row, prefix, now) for row, prefix in zip(new, prefixes, strict=True)
        )
        StageRecord.objects.bulk_create(
            (StageRecord(article=article, stage=stage) for article in articles for stage in Stage),
            batch_size=IN_A_STATEMENT,
        )
        Attempt.objects.bulk_create(
            Attempt(article=article, why=Attempt.Why.SUBMITTED, asked_by=by) for article in articles
        )
        said = f"Handed in by {by or transitions.OPERATOR}"
        Event.objects.bulk_create(Event(article=article, kind="submitted", message=said) for article in articles)
        self._add_sections(((article.pk, 0, list(self.sections.values())) for article in articles), revision)

    def _article(self, row: lists.Row, prefix: str, now: datetime) -> Article:
        batch = self.batch
        return Article(
            owner=batch.owner,
            batch=batch,
            batch_key=row.key,
            batch_fields=row.fields,
            created_at=now,
            tree_prefix=prefix,
            idea=lists.filled(batch.brief, row.fields),
            title=row.name,
            style=batch.style,
            formatter=batch.formatter,
            design=Design.first_of(batch.design, batch.site.design if batch.site else "", self.preferences.design),
            byline=self.preferences.byline,
            brand_primary=self.preferences.brand_primary,
            brand_accent=self.preferences.brand_accent,
            site=batch.site,
            status=Article.Status.DRAFT,
        )

    def _add_sections(self, further: Iterable[tuple[int, int, Sequence[lists.Row]]], revision: int) -> None:
        """Of articles by their ids, each behind so many that it has: an index never changes."""
        sections = (
            Section(
                article_id=article,
                batch=self.batch,
                index=index,
                heading=row.name,
                key=row.key,
                fields={**row.fields, "number": str(index)},
                revision=revision,
            )
            for article, last, rows in further
            for index, row in enumerate(rows, last + 1)
        )
        Section.objects.bulk_create(sections, batch_size=IN_A_STATEMENT)


def _parts(change: Change, sections: Iterable[FoundSection]) -> list[Part]:
    return [Part(change.article.pk, section.pk, section.number) for section in sections]

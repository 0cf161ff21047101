"""A batch is started: the rows that are not there yet are made, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from articles.batches import lists
from articles.batches.errors import NotPossible
from articles.batches.plan import BatchPlan, plan_batch
from articles.models import Article, Attempt, Batch, Event, Preferences, Section, Stage, StageRecord
from articles.pipeline import dispatch, transitions
from articles.pipeline.revision import batch_revision
from articles.tree.due import due

ROWS = 500  # in one statement


def start_batch(batch: Batch, by: User) -> BatchPlan:
    """Add what is not there yet, and let the batch run: rows in one transaction. Lines that cannot be used are left
    out. Twice is as once. Raises NotPossible.
    """
    # Locked before it is planned: two people who press at once add every row once.
    with batch_revision(batch.pk, **transitions.BATCH_RUNS) as revision:
        batch = Batch.objects.get(pk=batch.pk)
        planned = plan_batch(batch)
        if planned.problems:
            raise NotPossible(" ".join(planned.problems))
        _add_articles(batch, planned.new_articles, by)
        _add_sections(batch, planned.sections.rows, revision)
        Batch.objects.filter(pk=batch.pk, started_at=None).update(started_at=timezone.now())
        _recover_stopped(batch, by)
        transaction.on_commit(dispatch.top_up)
    return planned


def _add_articles(batch: Batch, rows: Sequence[lists.Row], by: User) -> None:
    now = timezone.now()
    preferences = Preferences.objects.filter(user=batch.owner).first() or Preferences()
    prefixes = transitions.free_prefixes(batch.owner_id, now, len(rows))
    articles = Article.objects.bulk_create(
        (
            Article(
                owner=batch.owner,
                batch=batch,
                batch_key=row.key,
                batch_fields=dict(row.fields),
                created_at=now,
                tree_prefix=prefix,
                idea=lists.filled(batch.brief, row.fields),
                title=row.name,
                style=batch.style,
                formatter=batch.formatter,
                brand_primary=preferences.brand_primary,
                brand_accent=preferences.brand_accent,
                site=batch.site,
                status=Article.Status.DRAFT,
            )
            for row, prefix in zip(rows, prefixes, strict=True)
        ),
        batch_size=ROWS,
    )
    records = (StageRecord(article=article, stage=stage) for article in articles for stage in Stage)
    StageRecord.objects.bulk_create(records, batch_size=ROWS)
    begun = (Attempt(article=article, why=Attempt.Why.SUBMITTED, asked_by=by) for article in articles)
    Attempt.objects.bulk_create(begun, batch_size=ROWS)
    events = (Event(article=article, kind="submitted", message=f"Handed in by {by}") for article in articles)
    Event.objects.bulk_create(events, batch_size=ROWS)


def _add_sections(batch: Batch, rows: Sequence[lists.Row], revision: int) -> None:
    """What an article lacks, behind what it has: an index never changes. One that was finished is opened again."""
    has: dict[int, dict[str, int]] = {pk: {} for pk in batch.articles.values_list("pk", flat=True)}
    for article, key, index in batch.all_sections.order_by().values_list("article_id", "key", "index"):
        has[article][key] = index
    sections, finished = [], set()
    for article, there in has.items():
        new = [row for row in rows if row.key not in there]
        if new and there:
            finished.add(article)
        for index, row in enumerate(new, max(there.values(), default=0) + 1):
            fields = {**row.fields, "number": str(index)}
            sections.append(
                Section(
                    article_id=article,
                    batch=batch,
                    index=index,
                    heading=row.name,
                    key=row.key,
                    fields=fields,
                    revision=revision,
                )
            )
    Section.objects.bulk_create(sections, batch_size=ROWS)
    if sections:
        batch.articles.update(**due())  # each of their manifests names the sections
    for done in Article.objects.filter(pk__in=finished, status=Article.Status.DONE):
        transitions.reopen(done)


def _recover_stopped(batch: Batch, by: User) -> None:
    stopped = batch.articles.filter(status__in=[Article.Status.FAILED, Article.Status.CANCELLED])
    for article in stopped:
        transitions.resume(article, by)

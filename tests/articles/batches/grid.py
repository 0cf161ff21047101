"""A batch with its rows, as a start makes them, and what a worker does to a section of it."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from articles.models import Article, Batch, Section, Stage, StageRecord


def batch_of(owner: User, styles: int = 3, sections: int = 4, *, name: str = "Rooms", **fields: object) -> Batch:
    """A running batch, all of whose sections wait."""
    batch = Batch.objects.create(
        owner=owner,
        name=name,
        key=name.casefold(),
        brief="A {section} in the manner of {style}",
        styles="\n".join(f"Style {n}" for n in range(1, styles + 1)),
        sections="\n".join(f"Room {n}" for n in range(1, sections + 1)),
        **{"state": Batch.State.RUNNING, "revision": 1, "started_at": timezone.now(), **fields},
    )
    articles = Article.objects.bulk_create(
        Article(
            owner=owner,
            batch=batch,
            batch_key=f"style {n}",
            title=f"Style {n}",
            idea="x",
            tree_prefix=f"user_{owner.pk}/article_{batch.pk}_{n}",
        )
        for n in range(1, styles + 1)
    )
    StageRecord.objects.bulk_create(
        StageRecord(article=article, stage=stage) for article in articles for stage in Stage
    )
    Section.objects.bulk_create(
        Section(article=article, batch=batch, index=n, heading=f"Room {n}", key=f"room {n}", revision=1)
        for article in articles
        for n in range(1, sections + 1)
    )
    return batch


def write(article: Article) -> None:
    """Somebody works on it."""
    running = {"status": Article.Status.RUNNING, "attempt": 1, "lease_owner": "x|1|1"}
    Article.objects.filter(pk=article.pk).update(lease_until=timezone.now() + timedelta(hours=1), **running)


def mark(article_id: int, index: int, state: Section.State) -> None:
    """As a worker does it: the batch first, then its row with the batch's new revision, in one transaction."""
    batch = Batch.objects.filter(pk=Article.objects.values_list("batch_id", flat=True).get(pk=article_id))
    finished = timezone.now() if state == Section.State.DONE else None
    with transaction.atomic():
        batch.update(revision=F("revision") + 1)
        section = Section.objects.filter(article=article_id, index=index)
        section.update(state=state, finished_at=finished, revision=batch.values("revision"))


def end(batch: Batch, state: Batch.State = Batch.State.DONE) -> None:
    ended = {"state": state, "ended_at": timezone.now(), "revision": F("revision") + 1}
    Batch.objects.filter(pk=batch.pk).update(**ended)

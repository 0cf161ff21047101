"""What has happened becomes a delivery for each webhook that is told of it, in the transaction that makes it so."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from typing import Any

import orjson
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from articles.failures import report
from articles.models import Article, Batch
from publishing.models import PublishTask
from webhooks.models import TEST, Delivery, Event, Webhook

BATCHES = {
    Batch.State.DONE: Event.BATCH_DONE,
    Batch.State.PAUSED: Event.BATCH_PAUSED,
    Batch.State.CANCELLED: Event.BATCH_CANCELLED,
}


def note_done(*, article: Article, **_: Any) -> None:
    _note(Event.ARTICLE_DONE, article.owner_id, lambda: _article(article, Article.Status.DONE))


def note_stopped(*, article: Article, **_: Any) -> None:
    """The row says why it stopped; who has it in hand may know an earlier state of it."""
    fresh = Article.objects.named().select_related("site").get(pk=article.pk)
    _note(Event.ARTICLE_STOPPED, fresh.owner_id, lambda: _article(fresh, Article.Status.FAILED))


def note_cancelled(*, articles: Collection[int], **_: Any) -> None:
    if not Webhook.objects.filter(active=True).exists():
        return
    for article in Article.objects.named().select_related("site").filter(pk__in=articles):
        status = Article.Status.CANCELLED
        _note(Event.ARTICLE_CANCELLED, article.owner_id, lambda: _article(article, status))  # noqa: B023  called at once


def note_publications(*, tasks: Collection[int], **_: Any) -> None:
    if not Webhook.objects.filter(active=True).exists():
        return
    for task in PublishTask.objects.select_related("article__owner", "site").filter(pk__in=tasks):
        done = task.status == PublishTask.Status.COMPLETED
        event = Event.PUBLICATION_COMPLETED if done else Event.PUBLICATION_FAILED
        _note(event, task.article.owner_id, lambda: _publication(task))  # noqa: B023  called at once


def note_batch(*, batch: int, **_: Any) -> None:
    found = Batch.objects.select_related("owner").get(pk=batch)
    if event := BATCHES.get(Batch.State(found.state)):
        _note(event, found.owner_id, lambda: _batch(found))


def trial_of(webhook: Webhook) -> Delivery:
    """One that tells of nothing, to try an address with."""
    return _delivery(webhook, TEST, {"message": "This is a test."})


def _note(event: Event, owner_id: int, data: Callable[[], dict[str, Any]]) -> None:
    told = Webhook.objects.told_of(event, owner_id)
    if told:
        said = data()
        for webhook in told:
            _delivery(webhook, event, said)


def _delivery(webhook: Webhook, event: str, data: dict[str, Any]) -> Delivery:
    uid, now = uuid.uuid4(), timezone.now()
    body = orjson.dumps({"id": str(uid), "event": event, "at": now.isoformat(), "data": data}).decode()
    return Delivery.objects.create(uid=uid, webhook=webhook, event=event, body=body, created_at=now, next_at=now)


def _article(article: Article, status: str) -> dict[str, Any]:
    return {
        "article_id": article.pk,
        "title": str(article),
        "owner": article.owner.get_username(),
        "status": status,
        "site": article.site.name if article.site else None,
        "link": article.address,
        "problem": report(article).headline if article.error else "",
        "url": _url("article", article.pk),
    }


def _publication(task: PublishTask) -> dict[str, Any]:
    return {
        "task_id": str(task.pk),
        "article_id": task.article_id,
        "title": str(task.article),
        "owner": task.article.owner.get_username(),
        "status": task.status,
        "cancelled": task.cancelled,
        "site": task.site.name if task.site else None,
        "link": task.link,
        "url": _url("publish_task_status", task.pk),
    }


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "batch_id": batch.pk,
        "name": batch.name,
        "owner": batch.owner.get_username(),
        "state": batch.state,
        "reason": batch.reason,
        "url": _url("batch_progress", batch.pk),
    }


def _url(operation: str, pk: int) -> str:
    return f"{settings.GALLEY_BASE_URL}{reverse(f'api:{operation}', args=[pk])}"

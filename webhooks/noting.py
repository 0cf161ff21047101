"""What has happened becomes a delivery for each webhook that is told of it, in the transaction that makes it so."""

from __future__ import annotations

import uuid
from collections.abc import Collection
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
PUBLICATIONS = {
    PublishTask.Status.COMPLETED: Event.PUBLICATION_COMPLETED,
    PublishTask.Status.FAILED: Event.PUBLICATION_FAILED,
}


def note_done(*, article: Article, **_: Any) -> None:
    if listeners := Webhook.objects.listening_to(Event.ARTICLE_DONE):
        _tell(listeners, Event.ARTICLE_DONE, article.owner_id, _article(article, Article.Status.DONE))


def note_stopped(*, article: Article, **_: Any) -> None:
    """The row says why it stopped; who has it in hand may know an earlier state of it."""
    if listeners := Webhook.objects.listening_to(Event.ARTICLE_STOPPED):
        fresh = Article.objects.named().select_related("site").get(pk=article.pk)
        _tell(listeners, Event.ARTICLE_STOPPED, fresh.owner_id, _article(fresh, Article.Status.FAILED))


def note_cancelled(*, articles: Collection[int], **_: Any) -> None:
    if listeners := Webhook.objects.listening_to(Event.ARTICLE_CANCELLED):
        for article in Article.objects.named().select_related("site").filter(pk__in=articles):
            said = _article(article, Article.Status.CANCELLED)
            _tell(listeners, Event.ARTICLE_CANCELLED, article.owner_id, said)


def note_publications(*, tasks: Collection[int], **_: Any) -> None:
    ended = PublishTask.objects.select_related("article__owner", "site").filter(pk__in=tasks)
    for status, event in PUBLICATIONS.items():
        if tasks and (listeners := Webhook.objects.listening_to(event)):
            for task in ended.filter(status=status):
                _tell(listeners, event, task.article.owner_id, _publication(task))


def note_batch(*, batch: int, **_: Any) -> None:
    found = Batch.objects.select_related("owner").get(pk=batch)
    event = BATCHES.get(Batch.State(found.state))
    if event and (listeners := Webhook.objects.listening_to(event)):
        _tell(listeners, event, found.owner_id, _batch(found))


def trial_of(webhook: Webhook) -> Delivery:
    """One that tells of nothing, to try an address with."""
    return _delivery(webhook, TEST, {"message": "This is a test."})


def _tell(listeners: list[Webhook], event: Event, owner_id: int, data: dict[str, Any]) -> None:
    """Those of them whose own owner may see what belongs to this one."""
    for webhook in listeners:
        if webhook.may_hear_of(owner_id):
            _delivery(webhook, event, data)


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

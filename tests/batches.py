"""Batches as tests make them, and rows in the states that a worker would leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from articles.batches import start
from articles.batches.plan import key_of
from articles.models import Article, Batch, Section

BATCHES = "/admin/articles/batch/"
BATCH_ADD = "/admin/articles/batch/add/"
DECLINED = {
    "kind": "Rejected",
    "provider": "pictures",
    "reason": "{it} declined the prompt",
    "mend": "change the prompt",
    "then": "recover",
    "code": "declined",
    "detail": "",
    "thing": "the picture",
    "stage": "article",
}


def drafted(owner: User, name: str = "Rooms", *, styles: int = 3, sections: int = 4, **fields: Any) -> Batch:
    """A batch with so many styles and sections that nobody has started."""
    lists = {
        "styles": "\n".join(f"Style {n}" for n in range(1, styles + 1)),
        "sections": "\n".join(f"Room {n}" for n in range(1, sections + 1)),
    }
    brief = "A {section} in the style {style}"
    return Batch.objects.create(
        **{"owner": owner, "name": name, "key": key_of(name), "brief": brief, **lists, **fields}
    )


def started(owner: User, name: str = "Rooms", **fields: Any) -> Batch:
    batch = drafted(owner, name, **fields)
    start.start_batch(batch, owner)
    batch.refresh_from_db()
    return batch


def write(article: Article, *indexes: int) -> None:
    """As if these sections had been written, the article's opening before them."""
    article.sections.filter(index__in=indexes).update(
        state=Section.State.DONE, word_count=240, sha256="a" * 64, bytes=9, finished_at=timezone.now()
    )
    spent = Decimal("0.50") * len(indexes)
    Batch.objects.filter(articles=article).update(spent=F("spent") + spent)
    Article.objects.filter(pk=article.pk).update(word_count=300, attempt=1, spent=F("spent") + spent)


def lose(article: Article, *indexes: int) -> None:
    """As if these sections had been declined, and the article had stopped for them."""
    article.sections.filter(index__in=indexes).update(state=Section.State.FAILED, error=DECLINED)
    error = DECLINED | {"provider": "Galley", "code": "sections", "reason": f"{len(indexes)} sections are missing"}
    Article.objects.filter(pk=article.pk).update(
        status=Article.Status.FAILED, error=error, cause="Galley|article|sections|", ended_at=timezone.now()
    )


def page_of(batch: Batch, view: str = "change") -> str:
    return reverse(f"admin:articles_batch_{view}", args=[batch.pk])

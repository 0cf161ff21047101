"""The operations of the API as its description names them, and what stands behind the addresses of one person."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import QuerySet

from articles.models import Article, Batch, CostRecord, Event, Section
from config.api import api
from publishing.models import PublishTask
from worklist.models import Document

MARK = "Zebra of Ada"


class Operation(NamedTuple):
    name: str
    method: str
    path: str
    described: dict[str, Any]

    @property
    def in_path(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def in_query(self) -> list[str]:
        return [each["name"] for each in self.described["parameters"] if each["in"] == "query"]


SCHEMA: dict[str, Any] = api.get_openapi_schema()
OPERATIONS = [
    Operation(described["operationId"], method.upper(), path, described)
    for path, methods in SCHEMA["paths"].items()
    for method, described in methods.items()
]


@dataclass(frozen=True)
class Rows:
    """What belongs to Ada; and a document, which belongs to the desk."""

    article: Article
    stopped: Article
    batch: Batch
    task: PublishTask
    document: Document

    def all(self) -> list[list[dict[str, Any]]]:
        """As they are in the database."""
        articles = Article.objects.filter(owner=self.article.owner)
        hers: list[QuerySet[Any]] = [
            articles,
            Event.objects.filter(article__in=articles),
            Batch.objects.filter(pk=self.batch.pk),
            Section.objects.filter(batch=self.batch),
            PublishTask.objects.filter(pk=self.task.pk),
            CostRecord.objects.filter(owner=self.article.owner),
        ]
        return [list(rows.order_by("pk").values()) for rows in hers]


MAKERS: dict[str, Callable[[Rows], str]] = {
    "article_id": lambda rows: str(rows.stopped.pk),
    "batch_id": lambda rows: str(rows.batch.pk),
    "document_id": lambda rows: str(rows.document.pk),
    "name": lambda _: "03_hero.jpg",
    "task_id": lambda rows: str(rows.task.pk),
}

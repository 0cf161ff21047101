"""Whether what a page or program shows of articles is still so, by one look at their rows: it asks every few seconds.

The tag is of all that the desk shows of them, and of the minute, as ages and what stands around articles (the names of
sites and people, rights) grow old as well: nothing is shown for longer than a minute after it has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from django.db.models import Model
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from articles.models import Article, ArticleQuerySet, Attempt, Call, Event, ImageFile, Section, StageRecord

COLUMNS = ("pk", "status", "attempt", "next_at", "ended_at", "title", "link", "word_count", "site", "manifest_due")
ROWS: dict[type[Model], tuple[str, ...]] = {
    Event: ("max(id)",),
    StageRecord: ("count(started_at)", "max(started_at)", "count(finished_at)", "max(finished_at)", "max(failed_at)"),
    ImageFile: ("count(*)", "count(wordpress_media_id)", "sum(bytes)"),
    Section: ("count(*)", "count(finished_at)", "max(finished_at)", "max(revision)"),
    Call: ("count(*)", "sum(sends)", "sum(lost_answers)", "sum(cost)", "count(received_at)", "max(done_at)"),
    Attempt: ("count(*)", "count(started_at)", "max(ended_at)"),
}  # fmt: skip


def tag_of(request: HttpRequest, articles: ArticleQuerySet, *context: object) -> str:
    """Of these articles as this request would be answered about them (one query)."""
    found = articles.order_by("pk").annotate(**_looks()).values_list(*COLUMNS, *_looks())
    minute = timezone.now().strftime("%Y-%m-%d %H:%M")
    said = repr([minute, request.get_full_path(), *context, *found])
    return f'W/"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'


def tagged(request: HttpRequest, tag: str, make: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """304 without a body for whoever has it as it is, else what `make` makes."""
    known = request.headers.get("If-None-Match") == tag
    response = HttpResponse(status=304) if known else make()
    response["ETag"] = tag
    return response


@cache
def _looks() -> dict[str, Any]:
    """A column for each of the other tables: what changes with any of the rows of an article."""
    own = Article._meta.db_table
    looks = {}
    for model, parts in ROWS.items():
        said = " || ' ' || ".join(f"coalesce(CAST({part} AS TEXT), '-')" for part in parts)
        table = model._meta.db_table
        sql = f"(SELECT {said} FROM {table} WHERE article_id = {own}.id)"  # noqa: S608  names of ours alone
        looks[f"of_{model._meta.model_name}"] = RawSQL(sql, [])  # noqa: S611
    return looks

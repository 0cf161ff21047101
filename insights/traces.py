"""What an article went through, from the form to the post, as an OpenTelemetry trace, made of its rows at the end.

A row knows when its work began and ended, whichever process did it and died at it. So nothing is measured beside the
work, a worker holds nothing that its death would lose, and an article that is told again is the same trace. Nobody's
words are in it: keys, states, codes, names of services and models, numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from articles.call_keys import STAGE_OF
from articles.models import Article, Attempt, Call, StageRecord
from publishing.models import PublishTask

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

SECONDS = 5  # for the collector to take it
Value = str | int | float


@dataclass(frozen=True)
class Span:
    """`inside` is the id of another one, 0 for the article's own."""

    id: int
    inside: int
    name: str
    begun: datetime
    ended: datetime
    failed: bool = False
    facts: dict[str, Value] = field(default_factory=dict)


def missing() -> str | None:
    """What is to be installed before anything can be told; None if nothing."""
    try:
        there = find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        there = None
    return None if there else "pip install -r requirements-traces.txt"


def spans_of(article: Article) -> list[Span]:
    """The article's own first, then attempts, stages, calls within their stages, publications (four queries)."""
    root, ended = _id(article, "article"), article.ended_at or timezone.now()
    code = (article.error or {}).get("code", "")
    facts = _told(uid=article.uid, status=article.status, attempts=article.attempt, error=code)
    own = Span(root, 0, "article", article.created_at, ended, article.status == Article.Status.FAILED, facts)
    stages = _stages(article, root, ended)
    calls = _calls(article, {name: stage.id for name, stage in stages.items()}, root)
    return [own, *_attempts(article, root, ended), *stages.values(), *calls, *_publications(article, root, ended)]


def _attempts(article: Article, root: int, ended: datetime) -> Iterator[Span]:
    for each in article.attempts.exclude(started_at=None):
        facts = _told(number=each.number, why=each.why, outcome=each.outcome, asked_at=each.asked_at.isoformat())
        failed = each.outcome in (Attempt.Outcome.STOPPED, Attempt.Outcome.INTERRUPTED)
        until = each.ended_at or ended
        yield Span(_id(article, "attempt", each.pk), root, "attempt", each.started_at or until, until, failed, facts)


def _stages(article: Article, root: int, ended: datetime) -> dict[str, Span]:
    found = {}
    for each in article.records.exclude(started_at=None):
        until = each.finished_at or each.failed_at or ended
        facts = _told(state=each.state, maker=each.maker, bytes=each.bytes)
        failed = each.state == StageRecord.State.FAILED
        span_id = _id(article, "stage", each.stage)
        found[each.stage] = Span(span_id, root, f"stage {each.stage}", each.started_at or until, until, failed, facts)
    return found


def _calls(article: Article, stages: dict[str, int], root: int) -> Iterator[Span]:
    """Of each the last request, as its row remembers no other; how often it was sent stands beside."""
    for each in article.calls.exclude(sent_at=None).defer("answer"):
        stage = STAGE_OF.get(each.key.partition(":")[0])
        begun = each.sent_at or each.created_at
        until = each.received_at or each.done_at or begun
        facts = _told(
            key=each.key, generation=each.generation, state=each.state, provider=each.provider, model=each.model,
            sends=each.sends, lost_answers=each.lost_answers, error=(each.error or {}).get("code", ""),
            dollars=None if each.cost is None else float(each.cost),
            input_tokens=each.input_tokens, output_tokens=each.output_tokens,
        )  # fmt: skip
        inside = stages.get(stage or "", root)
        failed = each.state == Call.State.FAILED
        name = f"call {each.key.partition(':')[0]}"
        yield Span(_id(article, "call", each.pk), inside, name, begun, until, failed, facts)


def _publications(article: Article, root: int, ended: datetime) -> Iterator[Span]:
    for each in article.publish_tasks.exclude(started_at=None):
        facts = _told(
            site=each.site_id, way=each.way, status=each.status, retries=each.retry_count,
            error=(each.error or {}).get("code", ""), post=each.post_id,
        )  # fmt: skip
        until = each.completed_at or ended
        failed = each.status == PublishTask.Status.FAILED
        yield Span(_id(article, "task", each.pk), root, "publication", each.started_at or until, until, failed, facts)


def _id(article: Article, *what: object) -> int:
    """The same each time it is told; 0 is no id."""
    digest = hashlib.sha256(":".join(map(str, (article.uid, *what))).encode()).digest()
    return int.from_bytes(digest[:8]) or 1


def _told(**facts: Value | None) -> dict[str, Value]:
    return {f"galley.{name}": value for name, value in facts.items() if value not in (None, "")}


# On its way


def tell_when_ended(article: Article, **_: object) -> None:
    """A receiver of what has ended: the queue tells it, once that is committed. Lost, it is not told."""
    if settings.GALLEY_TRACES_URL:
        transaction.on_commit(partial(async_task, "insights.tasks.trace", article.pk), robust=True)


def tell(article: Article) -> bool:
    """Whether the collector has taken it."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    exporter = OTLPSpanExporter(endpoint=settings.GALLEY_TRACES_URL, timeout=SECONDS)
    try:
        return exporter.export(as_library(article, spans_of(article))) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def as_library(article: Article, spans: list[Span]) -> list[ReadableSpan]:
    """The article's id is the trace's: whoever knows one finds the other."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    def context(span_id: int) -> SpanContext:
        return SpanContext(int(article.uid, 16), span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    resource = Resource({"service.name": "galley"})
    return [
        ReadableSpan(
            span.name,
            context=context(span.id),
            parent=context(span.inside) if span.inside else None,
            resource=resource,
            attributes=span.facts,
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=_nanoseconds(min(span.begun, span.ended)),
            end_time=_nanoseconds(span.ended),
        )
        for span in spans
    ]


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000

"""What an article went through is told to a collector of OpenTelemetry at its end, where somebody wants it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django_q.models import OrmQ
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from articles.models import Article, Attempt, Call
from articles.pipeline.transitions import finished, stopped
from config.checks import traces_check
from insights import tasks, traces
from publishing.models import PublishTask
from tests.conftest import HandIn
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db

SECRETS = ("Tariffs", "a secret idea", "sk-live-1234", "m.example.org", "ada", "what it said")


@pytest.fixture
def collector(settings: Settings) -> Iterator[list[bytes]]:
    """What was told to one."""
    taken: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.GALLEY_TRACES_URL = f"http://127.0.0.1:{server.server_port}/v1/traces"
        yield taken
        server.shutdown()


@pytest.fixture
def ended(hand_in: HandIn) -> Article:
    """An article that was made in two attempts, and has gone to a site."""
    article, site = hand_in(idea="a secret idea", title="Tariffs"), new_site("https://m.example.org")
    at = article.created_at
    article.attempts.update(number=1, started_at=at, ended_at=at + timedelta(seconds=4), outcome="interrupted")
    Attempt.objects.create(article=article, number=2, why="interrupted", started_at=at + timedelta(seconds=5))
    article.records.filter(stage="article").update(
        state="done", maker="gpt-5-mini", started_at=at, finished_at=at + timedelta(seconds=3), error="what it said"
    )
    Call.objects.create(
        article=article, key="text", provider="text", model="gpt-5-mini", idempotency_key="k", sends=2, lost_answers=1,
        sent_at=at + timedelta(seconds=1), received_at=at + timedelta(seconds=2), state="done", cost="0.02",
        answer={"text": "what it said"}, error={"code": "busy", "reason": "sk-live-1234"}, address="m.example.org",
    )  # fmt: skip
    PublishTask.objects.create(
        article=article, site=site, publisher="rest", way="rest", status="completed",
        started_at=at + timedelta(seconds=6), completed_at=at + timedelta(seconds=8), link="https://m.example.org/1",
    )  # fmt: skip
    Article.objects.filter(pk=article.pk).update(
        status="failed",
        attempt=2,
        ended_at=at + timedelta(seconds=9),
        error={"code": "refused", "reason": "what it said"},
    )
    return Article.objects.get(pk=article.pk)


def test_spans_lie_in_each_other_as_the_work_did(ended: Article) -> None:
    spans = traces.spans_of(ended)
    names = {span.id: span.name for span in spans}
    inside = {span.name: names.get(span.inside) for span in spans}
    assert inside == {
        "article": None,
        "attempt": "article",
        "stage article": "article",
        "call text": "stage article",
        "publication": "article",
    }
    assert len(names) == len(spans) == 6
    assert [span.failed for span in spans] == [True, True, False, False, False, False]
    lasted = {span.name: (span.ended - span.begun).total_seconds() for span in spans}
    assert lasted == {"article": 9, "attempt": 4, "stage article": 3, "call text": 1, "publication": 2}
    assert traces.spans_of(ended) == spans, "told again it is the same"


def test_a_collector_gets_all_of_it_and_nobodys_words(ended: Article, collector: list[bytes]) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    tasks.trace(ended.pk)

    [told] = collector
    message = ExportTraceServiceRequest.FromString(told)
    [resource] = message.resource_spans
    [scope] = resource.scope_spans
    assert {span.trace_id.hex() for span in scope.spans} == {ended.uid}
    [own] = [span for span in scope.spans if not span.parent_span_id]
    assert own.name == "article"
    assert own.start_time_unix_nano == int(ended.created_at.timestamp() * 1_000_000) * 1000
    [call] = [span for span in scope.spans if span.name == "call text"]
    facts = {each.key: each.value for each in call.attributes}
    assert facts["galley.sends"].int_value == 2
    assert facts["galley.dollars"].double_value == 0.02
    assert [secret for secret in SECRETS if secret.encode() in told] == []


def test_it_is_told_by_the_queue_and_only_where_somebody_wants_it(
    hand_in: HandIn, settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    article = hand_in()
    OrmQ.objects.all().delete()
    for url, told in (("", 0), ("http://127.0.0.1:4318/v1/traces", 2)):
        settings.GALLEY_TRACES_URL = url
        with django_capture_on_commit_callbacks(execute=True):
            for signal in (finished, stopped):
                traces.tell_when_ended(article=article, signal=signal)
        assert OrmQ.objects.count() == told
    called = {message.task["func"] for message in OrmQ.objects.all()}
    assert called == {"insights.tasks.trace"}
    assert traces.tell_when_ended in [receiver() for _, receiver, *_ in finished.receivers]


def test_a_collector_that_is_away_costs_nobody_anything(
    ended: Article, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GALLEY_TRACES_URL = "http://127.0.0.1:1/v1/traces"
    monkeypatch.setattr(traces, "SECONDS", 0.2)
    tasks.trace(ended.pk)
    tasks.trace(0)


def test_without_the_packages_a_start_says_what_is_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert traces_check() == []
    settings.GALLEY_TRACES_URL = "http://127.0.0.1:4318/v1/traces"
    assert traces_check() == []
    monkeypatch.setattr(traces, "find_spec", lambda _: None)
    [error] = traces_check()
    assert "requirements-traces.txt" in (error.hint or "")

"""`/metrics`: who may read them, what they say, and that hostile names cannot swell them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from articles.models import Article, Call, Event, Stage, StageRecord
from articles.pipeline import transitions
from articles.pipeline.sweep import sweep
from articles.providers.errors import IT, Rejected
from backups.models import Drill, Generation, Look, Verification
from config.models import Machine
from config.monitors.metrics import BACKUPS, MOST_SERIES, Tally, bounded
from tests.articles.pipeline.test_worker_health import passes
from tests.backups import desks
from tests.config.test_tokens import with_token_of
from tests.conftest import HandIn
from tests.desk import REFUSED, as_, stop
from tests.doubles.server import Doubles
from tests.journeys.installation import ROOT

LABELS = ["status", "stage", "maker", "provider", "code", "part", "machine"]
Found = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture
def reader(db: None) -> User:
    user = User.objects.create_user("prometheus", password="a long password", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="read_metrics"))
    return user


@pytest.fixture
def scrape(reader: User) -> Callable[[], Found]:
    """What Prometheus reads: by metric, by the values of its labels in the order of LABELS."""
    headers = with_token_of(reader)

    def read() -> Found:
        answer = Client().get("/metrics", headers=headers)
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=")
        return {
            family.name: {
                tuple(sample.labels[name] for name in LABELS if name in sample.labels): sample.value
                for sample in family.samples
            }
            for family in text_string_to_metric_families(answer.content.decode())
        }

    return read


def call(article: Article, key: str, **fields: Any) -> Call:
    """Sent a minute ago, and answered after two seconds."""
    sent = timezone.now() - timedelta(minutes=1)
    known = {"provider": "text", "idempotency_key": key, "sends": 1, "sent_at": sent}
    answered = {"received_at": sent + timedelta(seconds=2), "state": Call.State.DONE, "answer": {}}
    return Call.objects.create(article=article, key=key, **(known | answered | fields))


# Who


def test_they_are_for_those_who_may_read_them(reader: User, editor: User) -> None:
    assert as_(reader).get("/metrics").status_code == 200
    assert Client().get("/metrics", headers=with_token_of(reader)).status_code == 200

    for client in (Client(), Client(headers={"Authorization": "Bearer galley_wrong"})):
        answer = client.get("/metrics")
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="Galley"')
    for client in (as_(editor), Client(headers=with_token_of(editor))):
        answer = client.get("/metrics")
        assert answer.status_code == 403
        assert "Can read the metrics" in answer.content.decode()
    assert as_(reader).post("/metrics").status_code == 405


# What


def test_an_empty_desk(scrape: Callable[[], Found]) -> None:
    found = scrape()

    assert found["galley_articles"] == {("queued",): 0, ("running",): 0, ("waiting",): 0, ("failed",): 0}
    assert found["galley_oldest_queued_seconds"] == {(): 0}
    assert found["galley_stages_stopped_last_hour"] == {}


def test_each_is_documented(scrape: Callable[[], Found]) -> None:
    documented = (ROOT / "docs" / "operator.md").read_text()

    assert {name for name in scrape() if f"`{name}`" not in documented} == set()


def test_what_is_queued_and_for_how_long(scrape: Callable[[], Found], hand_in: HandIn) -> None:
    hand_in()
    passes(100)
    hand_in()

    found = scrape()

    assert found["galley_articles"][("queued",)] == 2
    assert 100 <= found["galley_oldest_queued_seconds"][()] < 160


def test_a_finished_article(
    scrape: Callable[[], Found], hand_in: HandIn, run: Callable[[Article], Article], services: Doubles
) -> None:
    article = run(hand_in(idea="Ships"))
    assert article.status == Article.Status.DONE

    found = scrape()

    assert found["galley_articles_ended_last_hour"] == {("done",): 1}
    assert {stage for stage, _ in found["galley_stages_finished_last_hour"]} == set(Stage)
    assert found["galley_stages_finished_last_hour"][("upload", "preview")] == 1
    assert found["galley_calls_answered_last_hour"][("article", "text")] >= 1
    assert found["galley_calls_answered_last_hour"][("images", "pictures")] == 4
    assert found["galley_calls_answered_last_hour"][("format", "layout")] == 1
    spent = sum(found["galley_cost_dollars_last_hour"].values())
    assert spent == pytest.approx(float(sum(call.cost or 0 for call in article.calls.all())), abs=1e-5)
    assert found["galley_call_retries_last_hour"] == {}


def test_costs_that_nobody_knows_are_no_cost_of_nothing(scrape: Callable[[], Found], hand_in: HandIn) -> None:
    article = hand_in()
    call(article, "text", cost="0.25")
    call(article, "text:section-1", reserved="0.06")
    call(article, "format", provider="layout", reserved="0.30")
    call(article, "post", provider="wordpress:1")

    found = scrape()

    assert found["galley_cost_dollars_last_hour"] == {("article", "text"): 0.25}
    assert found["galley_unknown_costs_last_hour"] == {("article", "text"): 1, ("format", "layout"): 1}


def test_times_of_stages(scrape: Callable[[], Found], hand_in: HandIn) -> None:
    now = timezone.now()
    for seconds in (10, 30):
        records = hand_in().records.filter(stage=Stage.FORMAT)
        started = now - timedelta(seconds=seconds)
        records.update(state=StageRecord.State.DONE, started_at=started, finished_at=now, maker="template")

    found = scrape()

    assert found["galley_stages_finished_last_hour"] == {("format", "template"): 2}
    assert found["galley_stages_finished_mean_seconds_last_hour"] == {("format", "template"): 20}
    assert found["galley_stages_finished_max_seconds_last_hour"] == {("format", "template"): 30}


def test_calls_their_times_retries_lost_answers_and_cost(scrape: Callable[[], Found], hand_in: HandIn) -> None:
    article = hand_in()
    call(article, "text:section-1", cost=Decimal("0.25"))
    slow = timezone.now() - timedelta(minutes=1) + timedelta(seconds=6)
    call(article, "text:section-2", cost=Decimal("0.50"), sends=3, lost_answers=2, received_at=slow)
    call(article, "image:hero", provider="pictures", cost=None)
    call(article, "prompts", received_at=None, state=Call.State.FAILED, answer=None, error=REFUSED)

    found = scrape()

    assert found["galley_calls_answered_last_hour"] == {
        ("article", "text"): 2,
        ("images", "pictures"): 1,
    }
    assert found["galley_calls_answered_mean_seconds_last_hour"][("article", "text")] == pytest.approx(4, abs=0.1)
    assert found["galley_calls_answered_max_seconds_last_hour"][("article", "text")] == pytest.approx(6, abs=0.1)
    assert found["galley_call_retries_last_hour"] == {("article", "text"): 2}
    assert found["galley_lost_answers_last_hour"][("article", "text")] == 2
    assert found["galley_calls_failed_last_hour"] == {("prompts", "text", "login"): 1}
    assert found["galley_cost_dollars_last_hour"][("article", "text")] == 0.75


def test_a_stop_counts_also_when_somebody_has_recovered_it(
    scrape: Callable[[], Found], hand_in: HandIn, run: Callable[[Article], Article], services: Doubles, editor: User
) -> None:
    services.fail("openai", "responses", "unauthorized")
    article = run(hand_in(idea="Ships"))
    assert article.status == Article.Status.FAILED

    found = scrape()
    assert found["galley_articles_stopped_last_hour"] == {("article", "text", "401"): 1}
    assert found["galley_stages_stopped_last_hour"] == {("article", "text"): 1}
    assert found["galley_calls_failed_last_hour"] == {("article", "text", "401"): 1}

    transitions.resume(article, editor)
    found = scrape()
    assert found["galley_articles_stopped_last_hour"] == {}
    assert found["galley_stages_stopped_last_hour"] == {("article", "text"): 1}
    assert found["galley_calls_failed_last_hour"] == {("article", "text", "401"): 1}


def test_waits_are_counted_by_who_caused_them(
    scrape: Callable[[], Found], hand_in: HandIn, run: Callable[[Article], Article], services: Doubles
) -> None:
    services.fail("openai", "responses", "server_error", times=2)
    article = hand_in(idea="Ships")
    for _ in range(2):
        assert run(article).status == Article.Status.WAITING
        Article.objects.update(next_at=timezone.now())
        sweep()

    found = scrape()

    assert found["galley_stages_waited_last_hour"] == {("article", "text"): 2}
    assert found["galley_stages_stopped_last_hour"] == {}
    run(article)
    assert scrape()["galley_call_retries_last_hour"] == {("article", "text"): 2}


def test_after_an_hour_all_is_forgotten_but_what_is_unfinished(scrape: Callable[[], Found], hand_in: HandIn) -> None:
    article = stop(hand_in())
    long_ago = timezone.now() - timedelta(minutes=61)
    call(article, "text", sent_at=long_ago, received_at=long_ago, cost=1, lost_answers=1)
    Event.objects.create(article=article, kind="stopped", stage="upload", message="WordPress refused the hero image")
    Event.objects.update(at=long_ago)
    Article.objects.update(ended_at=long_ago)
    desks.awaited_since(long_ago - timedelta(days=1))
    StageRecord.objects.filter(finished_at__isnull=False).update(started_at=long_ago, finished_at=long_ago)

    found = scrape()

    assert found.pop("galley_articles")[("failed",)] == 1
    assert found.pop("galley_oldest_queued_seconds") == {(): 0}
    assert found["galley_backup_state"][("database",)] == 2  # there is none
    assert {len(rows) for name, rows in found.items() if not name.startswith("galley_backup_")} == {0}


def test_how_the_backups_do(scrape: Callable[[], Found]) -> None:
    now = timezone.now()
    began = now - timedelta(minutes=10)
    for name, damage in (("b1", ["chunks/x is missing."]), ("b2", [])):
        Generation.objects.create(
            tier="database", name=name, began=began, made=began, damage=damage, verified_at=began,
            counts={"rows": 5, "drifted_rows": 2}, about={"source": "desk", "kind": "full"},
        )  # fmt: skip
    for kind, slot in (("deep", 3), ("quick", None)):
        Verification.objects.create(
            tier="database", kind=kind, slot=slot, at=now, objects_seen=9, bytes_seen=9, orphans=4
        )
    Drill.objects.create(tier="database", at=began, seconds=3, things=5, differences=["One is another."])
    Look.objects.create(pk=1, at=now, pending=7, unfinished=3)

    found = scrape()

    assert found["galley_backup_state"] == {
        ("database",): 3,
        ("files",): 0,
        ("trees",): 0,
        ("drill",): 2,
        ("storage",): 1,
        ("kit",): 1,
    }
    assert set(found["galley_backup_age_seconds"]) == {("database",), ("drill",)}
    assert all(600 <= age < 900 for age in found["galley_backup_age_seconds"].values())
    assert {name: rows for name, rows in found.items() if name in BACKUPS} == {
        "galley_backup_pending_rows": {("database",): 7},
        "galley_backup_read_percent": {("database",): 3},
        "galley_backup_drill_differences": {("drill",): 1},
        "galley_backup_damaged": {("database",): 1, ("files",): 0},
        "galley_backup_drifted_rows": {("database",): 2, ("files",): 0},
        "galley_backup_orphans": {("database",): 4},
        "galley_backup_unfinished_uploads": {("storage",): 3},
    }


# At what price


def test_hostile_codes_cannot_swell_them(scrape: Callable[[], Found], hand_in: HandIn) -> None:
    article = hand_in()
    codes = ["declined", "declined", 'a"b\nc\\d{}', "\x00\x1b[0m", "", *(f"code {n}" for n in range(300))]
    for number, code in enumerate(codes):
        error = Rejected("text", f"{IT} was declined", code=code).saved()
        call(article, f"text:section-{number}", state=Call.State.FAILED, error=error)

    failed = scrape()["galley_calls_failed_last_hour"]

    assert len(failed) == MOST_SERIES + 1
    assert failed["article", "text", "declined"] == 2
    assert sum(failed.values()) == len(codes)
    assert failed["other", "other", "other"] == len(codes) - MOST_SERIES - 1


def test_what_is_cut_comes_together() -> None:
    long = "x" * 200
    found = bounded([((long + "1",), Tally(1, 5, 5)), ((long + "2",), Tally(2, 1, 1)), (("",), Tally(1))])

    assert found == {("x" * 100,): Tally(3, 6, 5), ("none",): Tally(1)}


def test_their_price_does_not_grow(reader: User, hand_in: HandIn) -> None:
    client = as_(reader)

    def price() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/metrics").status_code == 200
        return len(queries)

    before = price()
    for number in range(5):
        article = stop(hand_in(), code=str(number))
        call(article, f"text:{number}", provider=f"service {number}")
    assert price() == before == 27  # session, user, rights (2), ten, and thirteen about backups


def test_each_machine_tells_how_long_it_is_silent(scrape: Callable[[], Found]) -> None:
    at = timezone.now() - timedelta(minutes=5)
    said = {"release": "a", "since": at, "seen_at": at, "workers": 2, "busy": 0, "silent": 0}
    Machine.objects.create(name="one|2", host="one", **said)
    [(labels, seconds)] = scrape()["galley_machine_heard_seconds"].items()
    assert labels == ("one",)
    assert 300 <= seconds < 400


def test_alerts_ask_for_metrics_that_there_are(scrape: Callable[[], Found]) -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
    there = {*scrape(), "up"}
    for rule in rules:
        asked = set(re.findall(r"\b(?:galley_\w+|up)\b", rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= there, rule["alert"]
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= set(LABELS), rule["alert"]
        assert rule["annotations"]["todo"], "an alert says what to do"

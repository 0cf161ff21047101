"""`GET /api/v1/articles/{id}/progress`: what it says, to whom, and at what price in queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from articles.models import Article, Call, Event, ImageFile, Stage
from tests.conftest import HandIn
from tests.desk import REFUSED, as_, stop


def url(article: Article | int, query: str = "") -> str:
    return f"/api/v1/articles/{article if isinstance(article, int) else article.pk}/progress{query}"


def progress(client: Client, article: Article, query: str = "") -> dict[str, Any]:
    answer = client.get(url(article, query))
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_one_that_was_just_handed_in(hand_in: HandIn, editor: User) -> None:
    article = hand_in()

    said = progress(as_(editor), article)

    assert said["id"] == article.pk
    assert (said["title"], said["status"], said["is_moving"]) == ("Tariffs and AI", "queued", True)
    assert said["state"] == "Queued: begins as soon as a worker is free"
    assert [stage["stage"] for stage in said["stages"]] == list(Stage)
    assert {stage["state"] for stage in said["stages"]} == {"pending"}
    assert said["images"] == {"done": 0, "total": 0}
    assert (said["error"], said["cost"], said["link"], said["next_at"]) == (None, "0", "", None)
    assert [event["message"] for event in said["events"]] == ["Handed in by ada"]


def test_one_that_is_done(hand_in: HandIn, run: Callable[[Article], Article], editor: User) -> None:
    article = run(hand_in())
    Call.objects.create(article=article, key="text", provider="OpenAI", idempotency_key="1", cost=Decimal("0.0123"))

    said = progress(as_(editor), article)

    assert (said["status"], said["state"], said["is_moving"]) == ("done", "Done", False)
    assert {stage["state"] for stage in said["stages"]} == {"done"}
    assert all(parse_datetime(stage["started_at"]) for stage in said["stages"])
    assert said["images"] == {"done": 4, "total": 4}
    assert Decimal(said["cost"]) == Decimal("0.0123")
    assert said["link"].startswith("http://127.0.0.1:8000/preview/")


def test_one_that_stopped_says_why_and_what_to_do(hand_in: HandIn, editor: User) -> None:
    said = progress(as_(editor), stop(hand_in()))

    assert (said["status"], said["is_moving"]) == ("failed", False)
    assert said["error"] == {
        "stage": "upload",
        "headline": "WordPress refused the login",
        "reason": REFUSED["reason"],
        "next_action": 'check the password of site "Magazine", then press Recover',
        "saved": "article (2,143 words), 0 prompts, formatted page",
        "not_done": "upload",
    }
    assert said["stages"][-1]["state"] == "failed"


def test_one_that_waits_says_until_when(hand_in: HandIn, editor: User) -> None:
    article, later = hand_in(), timezone.now() + timedelta(minutes=5)
    Article.objects.update(status=Article.Status.WAITING, next_at=later, error=REFUSED)

    said = progress(as_(editor), article)

    assert parse_datetime(said["next_at"]) == later.replace(microsecond=later.microsecond // 1000 * 1000)
    assert said["stages"][0]["state"] == "waiting"


def test_the_timeline_goes_on_where_the_caller_left_off(hand_in: HandIn, editor: User) -> None:
    article, client = hand_in(), as_(editor)
    Event.objects.bulk_create(Event(article=article, kind="saved", message=str(n)) for n in range(30))

    newest = progress(client, article, "?limit=3")["events"]
    assert [event["message"] for event in newest] == ["27", "28", "29"]

    # Whoever follows misses nothing, however many happen between two questions.
    followed = progress(client, article, f"?after={newest[0]['id'] - 5}&limit=4")["events"]
    assert [event["message"] for event in followed] == ["23", "24", "25", "26"]
    assert progress(client, article, f"?after={newest[-1]['id']}")["events"] == []


def test_only_those_may_ask_who_may_touch_it(hand_in: HandIn, editor: User, other_editor: User, chief: User) -> None:
    article = hand_in()

    assert as_(editor).get(url(article)).status_code == 200
    assert as_(chief).get(url(article)).status_code == 200
    foreign, gone = as_(other_editor).get(url(article)), as_(other_editor).get(url(article.pk + 999))
    assert (foreign.status_code, gone.status_code) == (404, 404)
    # As if it did not exist: nothing tells the two answers apart.
    assert foreign.content == gone.content


def test_rights_that_are_taken_away_end_here_too(hand_in: HandIn, editor: User) -> None:
    article, client = hand_in(), as_(editor)
    editor.groups.clear()

    for answer in (client.get(url(article)), client.post("/api/v1/recovery/sweep")):
        assert answer.status_code == 403
        assert answer.json()["message"] == "This is not yours to do."


def test_its_price_does_not_grow(hand_in: HandIn, editor: User) -> None:
    small, large, client = hand_in(), hand_in(), as_(editor)
    Event.objects.bulk_create(Event(article=large, kind="saved", message=str(n)) for n in range(200))
    for n in range(20):
        Call.objects.create(article=large, key=f"text:section-{n}", provider="OpenAI", idempotency_key="1", cost=1)
        ImageFile.objects.create(article=large, role=f"section_{n}", prompt="Ships", aspect="16:9")

    def price(article: Article) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            progress(client, article)
        return len(queries)

    # Session, user, and their rights (2); whether anything has changed; the article with site and owner, its stages,
    # its pictures, its events.
    assert price(small) == price(large) == 9


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("?after=x", "after"),
        ("?after=-1", "after"),
        ("?after=99999999999999999999", "after"),
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?since=5", "since"),
    ],
)
def test_what_is_wrong_is_named(query: str, name: str, hand_in: HandIn, editor: User) -> None:
    answer = as_(editor).get(url(hand_in(), query))

    assert answer.status_code == 422
    assert f"“{name}” in the query" in answer.json()["message"]

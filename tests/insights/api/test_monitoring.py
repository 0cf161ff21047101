"""`/api/v1/monitoring`: tasks listed, counted, and what has happened to one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from articles.models import Article
from insights import monitoring
from publishing.models import ExecutionLog, PublishTask, Site
from tests.conftest import HandIn
from tests.desk import as_
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db
MONITORING = "/api/v1/monitoring"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAILED: dict[str, Any] = {
    "error": {"kind": "Rejected", "provider": "wordpress:1", "reason": "it declined the post", "code": "413"}
}


@pytest.fixture
def other(editor: User) -> User:
    made = User.objects.create_user("ben", is_staff=True)
    made.groups.set(editor.groups.all())
    return made


def task(article: Article, n: int = 0, **fields: Any) -> PublishTask:
    status = fields.setdefault("status", "completed")
    ended = {"completed_at": START + timedelta(minutes=n, seconds=9)} if status in PublishTask.ENDED else {}
    what: dict[str, Any] = {
        "publisher": "rest",
        "created_at": START + timedelta(minutes=n),
        "started_at": START + timedelta(minutes=n),
    }
    return PublishTask.objects.create(article=article, **what | ended | fields)


def ask(who: Client, path: str, **query: Any) -> Any:
    answer = who.get(f"{MONITORING}/{path}?{urlencode(query)}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(told: dict[str, Any]) -> list[int]:
    return [int(each["id"]) for each in told["tasks"]]


def test_each_filter_finds_its_tasks(hand_in: HandIn, other: User, chief: User, db: None) -> None:
    site, mine, theirs = new_site("https://m.example.org"), hand_in(title="Night trains"), hand_in(owner=other)
    first = task(mine, 0, site=site)
    second = task(mine, 1, status="failed", **FAILED)
    third = task(theirs, 2, publisher="xmlrpc", status="publishing", site=site)
    desk = as_(chief)

    assert ids(ask(desk, "tasks")) == [third.pk, second.pk, first.pk]
    queries: list[tuple[dict[str, Any], list[PublishTask]]] = [
        ({"status": "failed"}, [second]),
        ({"provider": "xmlrpc"}, [third]),
        ({"site": site.pk}, [third, first]),
        ({"owner": "ben"}, [third]),
        ({"text": "night TRAINS"}, [second, first]),
        ({"from": second.created_at.isoformat()}, [third, second]),
        ({"to": second.created_at.isoformat()}, [first]),
        ({"status": "failed", "provider": "xmlrpc"}, []),
    ]
    for query, found in queries:
        assert ids(ask(desk, "tasks", **query)) == [each.pk for each in found], query
    [shown] = ask(desk, "tasks", status="failed")["tasks"]
    assert (shown["owner"], shown["duration"], shown["site"]) == (mine.owner.username, 9, None)
    assert "declined the post" in shown["error_message"]


def test_another_persons_tasks_never_appear(hand_in: HandIn, editor: User, other: User) -> None:
    mine, theirs = task(hand_in()), task(hand_in(owner=other), 1)
    desk = as_(editor)

    assert ids(ask(desk, "tasks")) == [mine.pk]
    assert ask(desk, "statistics", **{"from": START.isoformat()})["total"] == 1
    assert desk.get(f"{MONITORING}/tasks/{theirs.pk}/logs").status_code == 404
    assert as_(User.objects.create_user("reader", is_staff=True)).get(f"{MONITORING}/tasks").status_code == 403


def test_cursors_go_on_where_a_page_ended_also_within_one_moment(hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    made = [task(article, n // 4) for n in range(10)]
    desk, cursor, seen = as_(editor), dict[str, str](), list[int]()
    for _ in range(4):
        told = ask(desk, "tasks", limit=3, **cursor)
        seen += ids(told)
        task(article, 99)  # what arrives meanwhile moves nothing
        cursor = {"cursor": told["cursor"]}

    assert seen == [each.pk for each in reversed(made)]
    assert told["cursor"] is None
    assert ids(ask(desk, "tasks", limit=2, offset=4)) == [made[9].pk, made[8].pk]


@pytest.mark.parametrize("cursor", ["x", "!!", "MjAyNi0wMy0wMSAx", "é" * 9, "=" * 8])
def test_a_cursor_of_others_is_refused(editor: User, cursor: str) -> None:
    assert as_(editor).get(f"{MONITORING}/tasks?{urlencode({'cursor': cursor})}").status_code == 422


def test_many_are_counted_up_to_a_number(hand_in: HandIn, editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "COUNTED", 3)
    article = hand_in()
    for n in range(4):
        task(article, n)

    told = ask(as_(editor), "tasks", limit=1)
    assert (told["count"], told["more"]) == (3, True)
    assert ask(as_(editor), "tasks", status="failed") == {"tasks": [], "count": 0, "more": False, "cursor": None}


@pytest.mark.parametrize("path", ["tasks", "statistics"])
def test_no_task_costs_a_query(path: str, hand_in: HandIn, editor: User) -> None:
    site, desk = new_site("https://m.example.org"), as_(editor)
    ask(desk, path)
    counts = []
    for n in range(3):
        task(hand_in(), n, site=site, status="failed", **FAILED)
        with CaptureQueriesContext(connection) as queries:
            ask(desk, path, **{"from": START.isoformat()})
        counts.append(len(queries))
    assert counts[1:] == counts[:1] * 2


def test_of_nothing_there_is_no_rate(editor: User) -> None:
    told = ask(as_(editor), "statistics")
    assert (told["total"], told["success_rate"], told["mean_duration"], told["p95_duration"]) == (0, None, None, None)
    assert told["by_provider"] == told["by_site"] == []


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


TASKS = st.lists(
    st.tuples(
        st.sampled_from(["completed", "failed", "cancelled", "publishing", "idle"]),
        st.sampled_from(["rest", "xmlrpc", "preview"]),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 10**6)),
    ),
    max_size=25,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=TASKS)
def test_every_figure_is_what_the_rows_come_to(
    made: list[tuple[str, str, bool, int | None]], hand_in: HandIn, editor: User
) -> None:
    """Counted once more in plain Python: all together, by provider and by site."""
    with taken_back():
        site = new_site("https://m.example.org")
        for n, (status, provider, at_site, ms) in enumerate(made):
            fields: dict[str, Any] = {"status": status, "publisher": provider, "site": site if at_site else None}
            if status == "cancelled":
                fields |= {"status": "failed", "cancelled": True}
            elif status == "failed":
                fields |= FAILED
            begun = None if ms is None else START
            fields |= {"started_at": begun, "completed_at": begun and START + timedelta(milliseconds=ms or 0)}
            task(hand_in(), n, **fields)
        told = ask(as_(editor), "statistics", **{"from": START.isoformat()})

    assert_figures(told, made)
    for provider in told["by_provider"]:
        assert_figures(provider, [row for row in made if row[1] == provider["provider"]])
    for of_site in told["by_site"]:
        assert_figures(of_site, [row for row in made if row[2] == (of_site["site"] == "Magazine")])
    assert (
        sum(each["total"] for each in told["by_provider"])
        == sum(each["total"] for each in told["by_site"])
        == len(made)
    )


def assert_figures(told: dict[str, Any], rows: list[tuple[str, str, bool, int | None]]) -> None:
    number = {status: sum(row[0] == status for row in rows) for status in ("completed", "failed", "cancelled")}
    times = sorted(row[3] / 1000 for row in rows if row[0] == "completed" and row[3] is not None)
    ended = number["completed"] + number["failed"]
    assert {name: told[name] for name in number} == number
    assert told["total"] == len(rows)
    assert told["in_progress"] == len(rows) - sum(number.values())
    assert told["success_rate"] == (number["completed"] / ended if ended else None)
    assert told["mean_duration"] == (pytest.approx(sum(times) / len(times)) if times else None)
    assert told["p95_duration"] == (times[math.ceil(len(times) * 0.95) - 1] if times else None)


def test_a_log_goes_on_where_a_watcher_stopped(hand_in: HandIn, editor: User) -> None:
    site = Site.objects.first()
    seen, after = list[str](), "0"
    watched = task(hand_in(), site=site)
    for code in ("asked", "began", "step", "completed"):
        ExecutionLog.objects.create(task=watched, code=code, step="publishing", values={"at": "the hero image"})
    desk, path = as_(editor), f"tasks/{watched.pk}/logs"
    while True:
        told = ask(desk, path, after=after, limit=3)
        seen += [line["message"] for line in told["logs"]]
        after = told["after"]
        if not told["more"]:
            break

    assert seen == ["Asked for", "A worker has begun", "Publishing: the hero image", "It is completed"]
    assert ask(desk, path, after=after) == {"logs": [], "after": after, "more": False}
    ExecutionLog.objects.create(task=watched, code="stopped", level="error", step="failed", values=FAILED["error"])
    [line] = ask(desk, path, after=after, level="error")["logs"]
    assert (line["level"], line["step"], line["code"]) == ("error", "failed", "stopped")
    assert "declined the post" in line["message"]

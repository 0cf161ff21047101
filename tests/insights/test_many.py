"""Lists, statistics and sums that are as quick with a million rows as with ten: how they are looked up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from articles.models import CostRecord
from insights.rollups import days
from publishing.models import ExecutionLog, PublishTask
from tests.conftest import HandIn
from tests.desk import as_
from tests.insights.test_comparison import calls, publications

pytestmark = pytest.mark.django_db
MONITORING, ANALYTICS = "/api/v1/monitoring", "/api/v1/analytics"
TABLES = {
    *("publishing_publishtask", "publishing_executionlog", "articles_costrecord"),
    *("insights_providermetric", "insights_costsum"),
}
READ_IN_PART: list[tuple[str, dict[str, str]]] = [
    (f"{MONITORING}/tasks", {}),
    (f"{MONITORING}/tasks", {"status": "failed"}),
    (f"{MONITORING}/tasks", {"provider": "rest"}),
    (f"{MONITORING}/tasks", {"owner": "ada"}),
    (f"{MONITORING}/tasks", {"text": "trains"}),
    (f"{MONITORING}/tasks", {"from": "2026-01-01T00:00:00Z"}),
    (f"{MONITORING}/statistics", {}),
    (f"{MONITORING}/statistics", {"status": "completed", "provider": "rest"}),
    (f"{MONITORING}/tasks/{{task}}/logs", {}),
    (f"{MONITORING}/tasks/{{task}}/logs", {"after": "3", "level": "error"}),
    (f"{ANALYTICS}/provider-comparison", {"time_range": "90d"}),
    (f"{ANALYTICS}/cost-usage", {"time_range": "90d"}),
    (f"{ANALYTICS}/recommendations", {}),
    ("/admin/insights/", {"time_range": "90d"}),
]


def years(hand_in: HandIn, number: int) -> PublishTask:
    """What so many publications leave behind, over years. Returns one of them, with a log of as many lines."""
    article, now = hand_in(), timezone.now()
    publications(article, number, failed=number // 4)
    calls(article, number, failed=1)
    days.roll_up()
    tasks = list(article.publish_tasks.order_by("pk"))
    for ago, task in enumerate(tasks):
        PublishTask.objects.filter(pk=task.pk).update(created_at=now - timedelta(days=ago * 12))
    ExecutionLog.objects.bulk_create(ExecutionLog(task=tasks[0], step="pending", code="step") for _ in range(number))
    CostRecord.objects.bulk_create(
        CostRecord(
            article=article.uid, key="text", number=n + 1, stage="article", provider="text", owner=article.owner,
            cost=Decimal(1), day=timezone.localdate() - timedelta(days=12 * n),
        )
        for n in range(number)
    )  # fmt: skip
    return tasks[0]


def asked(user: User, path: str, query: dict[str, str]) -> list[str]:
    """The statements with which it is answered."""
    client = as_(user)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(f"{path}?{urlencode(query)}").status_code == 200
    return [query["sql"] for query in queries]


def scanned(statements: list[str]) -> list[str]:
    """The tables that SQLite reads to their end for these."""
    found = []
    with connection.cursor() as cursor:
        for statement in (each for each in statements if any(table in each for table in TABLES)):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            plan = [line for *_, line in cursor.fetchall() if line.split()[1:2] and line.split()[1] in TABLES]
            assert "publishing_publishtask" not in statement or plan
            if "LIMIT" not in statement:  # else it is read in order, until the page is full or enough are counted
                found += [f"{line}: {statement}" for line in plan if line.startswith("SCAN")]
    return found


def test_many_rows_are_looked_up_by_an_index_with_as_many_queries(hand_in: HandIn, chief: User, editor: User) -> None:
    task = years(hand_in, 4)
    asks = [(user, path.format(task=task.pk), query) for user in (chief, editor) for path, query in READ_IN_PART]
    few = [len(asked(*each)) for each in asks]
    years(hand_in, 60)
    many = [asked(*each) for each in asks]
    assert [len(each) for each in many] == few
    whole = {(path, line) for (_, path, _), each in zip(asks, many, strict=True) for line in scanned(each)}
    assert whole == set()

"""Publications with their logs and costs over a year, in a process of its own with the settings of one database."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402  Django first
from django.db import connection, models, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from articles.models import Article, CostRecord, Stage  # noqa: E402
from backups import partitions  # noqa: E402
from insights import tasks as jobs  # noqa: E402
from insights.rollups import marks  # noqa: E402
from publishing.models import ExecutionLog, PublishTask  # noqa: E402
from tests.benchmarks.limits import ROUNDS, say, verdict  # noqa: E402

ARTICLES = 1_000
DAYS = 330
LINES = 5  # of a log, and of costs, for each task
PEOPLE = 20  # for whom something was paid, in each stage, to one of two models
QUICK = {
    "sqlite": ["PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000"],
    "postgresql": ["SET session_replication_role = replica"],
}
MONITORING, ANALYTICS = "/api/v1/monitoring", "/api/v1/analytics"
PAGES: list[tuple[str, str, dict[str, str]]] = [
    ("tasks", f"{MONITORING}/tasks", {}),
    ("  at offset 10,000", f"{MONITORING}/tasks", {"offset": "10000"}),
    ("  that stopped", f"{MONITORING}/tasks", {"status": "failed"}),
    ("  of a way", f"{MONITORING}/tasks", {"provider": "xmlrpc"}),
    ("  of a person", f"{MONITORING}/tasks", {"owner": "bench"}),
    ("  with a word", f"{MONITORING}/tasks", {"text": "trains"}),
    ("log of one", f"{MONITORING}/tasks/1/logs", {}),
    ("statistics of 7 days", f"{MONITORING}/statistics", {"from": "7"}),
    ("statistics of 30 days", f"{MONITORING}/statistics", {}),
    ("costs of 30 days", f"{ANALYTICS}/cost-usage", {"time_range": "30d"}),
    ("costs of 90 days", f"{ANALYTICS}/cost-usage", {"time_range": "90d"}),
    ("comparison of 90 days", f"{ANALYTICS}/provider-comparison", {"time_range": "90d"}),
    ("recommendations", f"{ANALYTICS}/recommendations", {}),
    ("page Insights, 30 days", "/admin/insights/", {}),
]


def measure(number: int) -> None:
    began = time.perf_counter()
    with _in_bulk():
        _fill(number)
    say(f"filled in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    jobs.roll_up()
    say(f"all days summed in {time.perf_counter() - began:.0f} s")
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(User.objects.get(username="bench"), backend="django.contrib.auth.backends.ModelBackend")
    for name, path, asked in PAGES:
        said = {k: _days_ago(int(v)) if k == "from" else v for k, v in asked.items()}
        address = f"{path}?{urlencode(said)}"
        answer = client.get(address)
        assert answer.status_code == 200, answer.content
        reset_queries()
        client.get(address)
        queries = len(connection.queries)
        verdict(f"{name}, {queries} queries", _timed(lambda at=address: client.get(at)), "list")  # type: ignore[misc]
    if connection.vendor == "postgresql":
        _drop_a_month()


def _drop_a_month() -> None:
    """The second oldest: the oldest may be a month without rows."""
    table = CostRecord._meta.db_table
    month = partitions.month_after(CostRecord.objects.earliest("day").day)
    after = partitions.month_after(month)
    partitions.drop_before(table, month, "default")
    rows = CostRecord.objects.filter(day__lt=after).count()
    reset_queries()
    began = time.perf_counter()
    partitions.drop_before(table, after, "default")
    milliseconds = (time.perf_counter() - began) * 1000
    statements = len([query for query in connection.queries if query["sql"].startswith("DROP")])
    say(f"a month of {rows:,} records dropped in {milliseconds:.0f} ms, by {statements} statement")


def _days_ago(number: int) -> str:
    return (timezone.now() - timedelta(days=number)).isoformat()


def _timed(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return times


def _fill(number: int) -> None:
    """A row of each kind, and the others made of it inside the database."""
    me = User.objects.get(username="bench")
    User.objects.filter(pk=me.pk).update(is_staff=True, is_superuser=True)
    now, today = timezone.now(), timezone.localdate()
    Article.objects.bulk_create(
        Article(owner=me, idea="i", title=f"Night trains {n}", status="done", tree_prefix=f"p{n}", word_count=900)
        for n in range(ARTICLES)
    )
    first = Article.objects.order_by("pk").first()
    assert first
    task = PublishTask.objects.create(
        pk=1, article=first, publisher="rest", way="rest", status="completed", started_at=now, completed_at=now,
        cost=Decimal("0.04"), created_at=now,
    )  # fmt: skip
    span = [today - timedelta(days=n) for n in range(-1, DAYS + 2)]
    for table in (ExecutionLog._meta.db_table, CostRecord._meta.db_table):
        partitions.make_room(table, span, "default")
    people = [User(username=f"person {n}", password="!") for n in range(PEOPLE)]
    someone = min(user.pk for user in User.objects.bulk_create(people))
    line = ExecutionLog.objects.create(task=task, at=now, day=today, step="completed", code="step")
    paid = CostRecord.objects.create(
        article=first.uid, key="text", stage="article", provider="text", model="large", cost=Decimal("0.04"),
        owner=me, day=today, at=now, answered=True,
    )  # fmt: skip
    at = _moment(number)
    failed = "CASE WHEN n %% 10 = 0 THEN {} ELSE {} END"
    error = """'{"code": "timeout", "kind": "Unreachable"}'"""
    error = error if connection.vendor == "sqlite" else f"{error}::jsonb"
    _copies(
        task, number - 1, id="n + 1", article_id=f"{first.pk} + n %% {ARTICLES}", created_at=at, started_at=at,
        completed_at=failed.format("NULL", _moment(number, "n - 0.01")),
        status=failed.format("'failed'", "'completed'"),
        error=failed.format(error, "NULL"), publisher="CASE n %% 3 WHEN 0 THEN 'xmlrpc' ELSE 'rest' END",
    )  # fmt: skip
    _copies(line, LINES * number, task_id=f"1 + n %% {number}", at=_moment(number * LINES), day=_day(number * LINES))
    of = f"(SELECT uid FROM {Article._meta.db_table} WHERE id = {first.pk} + n %% {ARTICLES})"  # noqa: S608
    _copies(
        paid, LINES * number, article=of, number="2 + n %% 20000", day=_day(number * LINES), model=_model(),
        stage=_one_of("n / 8", *Stage.values), owner_id=f"{someone} + n / 40 %% {PEOPLE}",
    )  # fmt: skip


@contextmanager
def _in_bulk() -> Iterator[None]:
    """No trigger fires and no reference is checked meanwhile; then all is summed anew, and counted for the planner."""
    sqlite = connection.vendor == "sqlite"
    marks.take_down(connection)
    with connection.cursor() as cursor:
        for setting in QUICK[connection.vendor]:
            cursor.execute(setting)
        yield
        cursor.execute("ANALYZE" if sqlite else "VACUUM ANALYZE")  # as autovacuum would have done
    connection.close()
    marks.hang_up("default")


def _one_of(n: str, *values: str) -> str:
    """One of these words after the other."""
    cases = " ".join(f"WHEN {place} THEN '{value}'" for place, value in enumerate(values))
    return f"CASE ({n}) %% {len(values)} {cases} END"


def _model() -> str:
    return "CASE n %% 4 WHEN 0 THEN 'small' ELSE 'large' END"


def _moment(number: int, n: str = "n") -> str:
    seconds = DAYS * 86_400 / number
    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || (CAST({n} AS REAL) * {seconds}) || ' seconds')"
    return f"now() - ({n}) * {seconds} * interval '1 second'"


def _day(number: int) -> str:
    return f"date({_moment(number)})"


def _copies(row: models.Model, number: int, /, **changed: str) -> None:
    """So many of a row, each with other values of these columns; `n` counts them."""
    table = row._meta.db_table
    columns = {str(field.column): f't."{field.column}"' for field in row._meta.local_concrete_fields}
    del columns["id"]
    columns |= changed
    names = ", ".join(f'"{name}"' for name in columns)
    series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"{series} INSERT INTO {table} ({names}) SELECT {', '.join(columns.values())} "  # noqa: S608
            f"FROM s CROSS JOIN {table} t WHERE t.id = %s",
            [number, row.pk],
        )


if __name__ == "__main__":
    measure(int(sys.argv[1]))

"""A desk that grows, measured at each size, in a process of its own with the settings of one database.

The first article is made by a worker. All others are made of its rows, each earlier than the one before: so the newest
ones are the same at each size, and what takes longer then takes longer because of what lies behind them. What retention
removes by age is there as long as it is kept, and a day longer: what the day's run has to remove.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

ENVIRONMENT = dict(os.environ)  # as it was given: tests have one of their own
django.setup()

from django.conf import settings  # noqa: E402  Django first
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, models, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from articles.failures import cause  # noqa: E402
from articles.models import (  # noqa: E402
    Article,
    Attempt,
    Call,
    CostRecord,
    Event,
    ImageFile,
    Stage,
    StageRecord,
)
from articles.pipeline import sweep, transitions, worker  # noqa: E402
from articles.providers.errors import Refused  # noqa: E402
from audit.models import Change  # noqa: E402
from backups import partitions  # noqa: E402
from backups.models import TreeCopy  # noqa: E402
from backups.repository import packing  # noqa: E402
from config import housekeeping  # noqa: E402
from insights.models import Mark, Rollup  # noqa: E402
from insights.rollups import days  # noqa: E402
from publishing.models import ExecutionLog, PublishTask, Site  # noqa: E402
from recovery.expire import expire  # noqa: E402
from tests.benchmarks.files import PEAK  # noqa: E402
from tests.benchmarks.limits import ROUNDS, say, verdict  # noqa: E402
from tests.journeys.installation import ROOT  # noqa: E402
from webhooks.models import Delivery, Webhook  # noqa: E402

MONTHLY = 50_000  # articles that are made
MONTH = timedelta(days=30.4)
DAILY = round(MONTHLY / MONTH.days)
FAILED_EVERY = 100  # articles
SUMMED = 31  # days
MONITORING = "/api/v1/monitoring/tasks"
PAGES = {
    "list of articles": "/admin/articles/article/",
    "  its second page": "/admin/articles/article/?p=2",
    "  stopped ones": "/admin/articles/article/?state=stopped",
    "failed list": "/admin/articles/article/stopped/",
    "start page": "/admin/",
    "publications": MONITORING,
    "who changed what": "/admin/changes/",
    "Insights, 30 days": "/admin/insights/",
}


FIRST = 10_000_000  # the key of what is copied, less its number
POSTGRESQL = connection.vendor == "postgresql"


def _unless_failed(value: str) -> str:
    return f"CASE WHEN n %% {FAILED_EVERY} = 0 THEN {value} ELSE VALUE END"


ERROR = Refused("wordpress:1", "the login", code="login", thing="the draft").saved(Stage.UPLOAD)
SAVED = f"'{json.dumps(ERROR)}'" + ("::jsonb" if POSTGRESQL else "")
PREFIX = f"'user_1/article_' || ({FIRST} + n) || '_000000'"
OLDER = f"n > {8 * DAILY} AND n %% {FAILED_EVERY} <> 0"  # their trees are gone
OTHERWISE = {
    (Article, "uid"): "'a' || n",
    (CostRecord, "article"): "'a' || n",
    (Article, "tree_prefix"): PREFIX,
    (TreeCopy, "prefix"): PREFIX,
    (Article, "status"): _unless_failed("'failed'"),
    (Article, "error"): _unless_failed(SAVED),
    (Article, "cause"): _unless_failed(f"'{cause(ERROR, None)}'"),
    (Article, "tree_expired_at"): f"CASE WHEN {OLDER} THEN t.created_at END",
    (PublishTask, "status"): _unless_failed("'failed'"),
    (PublishTask, "error"): _unless_failed(SAVED),
    (Change, "row"): f"{FIRST} + n",
}


@dataclass(frozen=True)
class Kind:
    """Rows of a model that come with an article. `kept` is how long they are, None for ever."""

    rows: models.QuerySet[Any]
    kept: timedelta | None = None

    def until(self, number: int) -> int:
        """How many of so many articles still have theirs."""
        if self.kept is None:
            return number
        return min(number, int((self.kept + timedelta(days=1)) / MONTH * MONTHLY))


def measure(sizes: Iterable[int]) -> None:
    """Sizes are in thousands of articles."""
    template = _made()
    kinds, there = _kinds(template), 0
    for thousands in sizes:
        upto = thousands * 1000 - 1
        began = time.perf_counter()
        _fill(template, kinds, there, upto)
        _plant_trees(template)
        if not there:
            _sum_up()
        there = upto
        months = (upto + 1) / MONTHLY
        say(f"{upto + 1:,} articles, {months:.1f} months, filled in {time.perf_counter() - began:.0f} s")
        _pages()
        _work(template)
        _retention()
        _backups()
        _sizes(upto + 1)
    _of_one(template)


# What is measured


def _pages() -> None:
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    for name, path in PAGES.items():
        assert client.get(path).status_code == 200, path
        reset_queries()
        client.get(path)
        queries = len(connection.queries)
        verdict(f"  {name}, {queries} queries", _timed(lambda path=path: client.get(path)), "list")  # type: ignore[misc]


def _work(template: Article) -> None:
    verdict("  sweep with nothing to do", _timed(sweep.sweep), "sweep")
    waiting = [_submitted(template.owner) for _ in range(ROUNDS)]
    verdict("  claim", _timed(lambda: transitions.claim(waiting.pop())), "sweep")
    Article.objects.filter(status="running").update(status="cancelled", ended_at=timezone.now())


def _retention() -> None:
    """What the day's runs take, with a day's rows and trees to remove."""
    began = time.perf_counter()
    housekeeping.remove_what_ended(timezone.now())
    records = time.perf_counter()
    gone = expire(apply=True)
    trees = time.perf_counter()
    Mark.objects.create(at=timezone.now() - timedelta(days=1))
    summed = time.perf_counter()
    days.sum_up(timezone.localdate() - timedelta(days=1))
    ended = time.perf_counter()
    say(f"  the day's retention: records {records - began:.1f} s, {len(gone.gone):,} trees {trees - records:.1f} s; "
        f"a day summed in {ended - summed:.1f} s")  # fmt: skip


def _backups() -> None:
    """A full one, then the changes of a day's articles."""
    full, _, _ = _backup("--full")
    _touch()
    took, memory, told = _backup("--accept-change")
    say(f"  backup of the database: full {full:.0f} s, {told['stored_rows']:,} changes of {told['rows']:,} rows "
        f"{took:.1f} s, {memory} MiB")  # fmt: skip


def _touch() -> None:
    """All rows of a day's articles are written once more."""
    newest = Article.objects.order_by("-created_at").values_list("pk", flat=True)[:DAILY]
    pks = list(newest)
    Article.objects.filter(pk__in=pks).update(link="https://magazine.example.org/changed")
    for model in (Call, Event, StageRecord, ImageFile):
        model._base_manager.filter(article__in=pks).update(article_id=models.F("article_id"))


def _backup(*words: str) -> tuple[float, int, dict[str, Any]]:
    command = [sys.executable, str(ROOT / "manage.py"), "backup_database", "--json", *words]
    began = time.perf_counter()
    kept = PEAK.replace("stdout=subprocess.DEVNULL, ", "")
    told = subprocess.run(
        [sys.executable, "-c", kept, *command], cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True
    )
    said, memory = told.stdout.rsplit(maxsplit=1)
    return time.perf_counter() - began, int(memory) // 1024, json.loads(said)


def _sizes(number: int) -> None:
    """Of each table with its indexes and texts, by thousand articles; those that take little are left out."""
    if connection.vendor == "sqlite":
        size = Path(settings.DATABASES["default"]["NAME"]).stat().st_size
        say(f"  database: {size / number * 1000 / 2**20:.1f} MiB for a thousand articles")
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid)), sum(c.reltuples)::bigint "
            "FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent "
            "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 2 DESC"
        )
        tables = cursor.fetchall()
    whole = sum(size for _, size, _ in tables)
    say(f"  database: {whole / 2**30:.2f} GiB, {whole / number * 1000 / 2**20:.1f} MiB for a thousand articles, in "
        f"{sum(rows for _, _, rows in tables if rows > 0):,} rows")  # fmt: skip
    for name, size, rows in tables:
        if size > whole / 100:
            say(f"    {name:<28}{size / number * 1000 / 2**20:6.2f} MiB a thousand, {rows:,} rows")


def _of_one(template: Article) -> None:
    """What one article takes beside the database."""
    tree = Path(settings.STORAGES["backups"]["OPTIONS"]["location"], template.tree_prefix)
    files = sum(file.stat().st_size for file in tree.iterdir())
    rows = [row for kind in _kinds(template) for row in kind.rows.values()]
    told = json.dumps([*rows, *Article.objects.filter(pk=template.pk).values()], default=str).encode()
    say(f"one article: tree {files / 2**20:.1f} MiB; its rows in a backup {len(told) / 1024:.0f} KiB, "
        f"{len(packing.pack(told)) / 1024:.0f} KiB packed on their own")  # fmt: skip


def _timed(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return times


# The desk


def _made() -> Article:
    """One article that a worker has made, on a site; and what others have been told and have done about it."""
    me = User.objects.get()
    User.objects.filter(pk=me.pk).update(is_staff=True, is_superuser=True)
    article = Article.objects.get(pk=_submitted(me))
    worker.run_article(article.pk)
    article.refresh_from_db()
    assert article.status == Article.Status.DONE, article.error
    site = Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk")
    Article.objects.update(site=site, link="https://magazine.example.org/?p=1")  # which is noted, too
    PublishTask.objects.update(site=site)
    hook = Webhook.objects.create(owner=me, address="https://hooks.example.org", active=False)
    Delivery.objects.create(
        webhook=hook, event="article.done", body="{}" * 200, state="delivered", ended_at=timezone.now()
    )
    article.refresh_from_db()
    return article


def _submitted(owner: Any) -> int:
    article = Article(owner=owner, idea="the slow return of night trains")
    transitions.submit(article)
    return article.pk


def _kinds(template: Article) -> list[Kind]:
    task = PublishTask.objects.get(article=template)
    logs, costs = (
        timedelta(days=30.4 * each) for each in (settings.GALLEY_LOG_KEEP_MONTHS, settings.GALLEY_COST_KEEP_MONTHS)
    )
    of_article = (StageRecord, Attempt, Call, Event, ImageFile, PublishTask)
    return [
        *(Kind(model._base_manager.filter(article=template)) for model in of_article),
        Kind(ExecutionLog.objects.filter(task=task), logs),
        Kind(CostRecord.objects.filter(article=template.uid), costs),
        Kind(
            Change.objects.filter(model=Article._meta.label, row=str(template.pk)),
            timedelta(settings.GALLEY_AUDIT_KEEP_DAYS),
        ),
        Kind(Delivery.objects.all(), Delivery.KEPT),
        Kind(TreeCopy.objects.filter(prefix=template.tree_prefix)),
    ]


def _fill(template: Article, kinds: Collection[Kind], there: int, upto: int) -> None:
    """The rows of the articles behind `there`, up to one; numbers tell how many articles lie between it and now."""
    for model in (ExecutionLog, CostRecord):
        begin = timezone.localdate() - upto / MONTHLY * MONTH - timedelta(days=2)
        span = [begin + timedelta(days=n) for n in range(0, (timezone.localdate() - begin).days + 2, 7)]
        partitions.make_room(model._meta.db_table, span, "default")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")  # neither triggers nor checks
        _copies(Article.objects.filter(pk=template.pk), there, upto)
        for kind in kinds:
            _copies(kind.rows, there, kind.until(upto))
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")  # as autovacuum would
    Mark.objects.all().delete()


def _copies(rows: models.QuerySet[Any], there: int, upto: int) -> None:
    if upto <= there:
        return
    columns = {str(field.column): _copied(field) for field in rows.model._meta.local_concrete_fields}
    columns = {name: value for name, value in columns.items() if value}
    of, given = rows.order_by().values("pk").query.sql_with_params()
    table, names = rows.model._meta.db_table, ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE s(n) AS (SELECT %s UNION ALL SELECT n + 1 FROM s WHERE n < %s) "  # noqa: S608
            f"INSERT INTO {table} ({names}) SELECT {', '.join(columns.values())} "
            f"FROM s CROSS JOIN {table} t WHERE t.id IN ({of})",
            [there + 1, upto, *given],
        )


def _copied(field: models.Field[Any, Any]) -> str:
    """The value of a column in the copy `n` of a row `t`; "" where the database gives one."""
    model, name, column = field.model, field.name, f't."{field.column}"'
    if (model, name) in OTHERWISE:
        return OTHERWISE[model, name].replace("VALUE", column)
    if field.primary_key:
        return f"{FIRST} + n" if model in (Article, PublishTask) else ""
    if field.is_relation and field.related_model in (Article, PublishTask):
        return f"{FIRST} + n"
    if isinstance(field, models.DateTimeField):
        return _moment(column)
    if isinstance(field, models.DateField):
        return f"CAST({_moment(column, '%%Y-%%m-%%d')} AS {'date' if POSTGRESQL else 'text'})"
    if isinstance(field, models.UUIDField):
        return "gen_random_uuid()" if POSTGRESQL else "lower(hex(randomblob(16)))"
    return "t.id || 'n' || n" if field.unique else column


def _moment(value: str, form: str = "%%Y-%%m-%%d %%H:%%M:%%f") -> str:
    """As much earlier as the articles before the first."""
    seconds = MONTH.total_seconds() / MONTHLY
    if POSTGRESQL:
        return f"{value} - n * {seconds} * interval '1 second'"
    return f"strftime('{form}', {value}, '-' || (n * {seconds}) || ' seconds')"


def _sum_up() -> None:
    """The days that Insights shows."""
    Rollup.objects.update_or_create(name="desk", defaults={"zone": settings.TIME_ZONE, "at": timezone.now()})
    for n in range(SUMMED):
        days.sum_up(timezone.localdate() - timedelta(days=n))


def _plant_trees(template: Article) -> None:
    """The manifest of each tree that retention looks at: those of the last eight days, and of all that stopped."""
    place = Path(settings.STORAGES["backups"]["OPTIONS"]["location"])
    manifest = json.loads((place / template.tree_prefix / "manifest.json").read_bytes())
    manifest["source"]["site"] = "Magazine"
    step = list(manifest["pipeline_stages"].values())[-1]
    kept = Article.objects.filter(tree_expired_at=None, pk__gt=FIRST)
    for prefix, status, made in kept.values_list("tree_prefix", "status", "created_at").iterator():
        step |= {"status": "completed" if status == "done" else "failed", "timestamp": made.isoformat()}
        tree = place / prefix
        tree.mkdir(parents=True, exist_ok=True)
        (tree / "manifest.json").write_text(json.dumps(manifest))


if __name__ == "__main__":
    measure(map(int, sys.argv[1:]))

"""A million articles, in a process of its own with the settings of one database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402  Django first
from django.db import connection, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from articles.failures import cause  # noqa: E402
from articles.models import Article, Stage, StageRecord  # noqa: E402
from articles.pipeline import sweep  # noqa: E402
from articles.providers.errors import Refused  # noqa: E402
from tests.benchmarks.limits import ROUNDS, verdict  # noqa: E402

ARTICLES = 1_000_000
INTERRUPTED = 10_000
PAGES = {
    "articles": "/admin/articles/article/",
    "stopped ones in it": "/admin/articles/article/?state=stopped",
    "failed list": "/admin/articles/article/stopped/",
    "start page": "/admin/",
}


def measure() -> None:
    _fill()
    editor = User.objects.get(username="bench")
    User.objects.filter(pk=editor.pk).update(is_staff=True, is_superuser=True)
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")
    for name, path in PAGES.items():
        assert client.get(path).status_code == 200
        reset_queries()
        client.get(path)
        queries = len(connection.queries)
        verdict(f"{name}, {queries} queries", _timed(lambda path=path: client.get(path)), "list")  # type: ignore[misc]
    found = sweep.abandoned()
    assert len(found) == INTERRUPTED, len(found)
    verdict(f"sweep finds {INTERRUPTED:,} interrupted", _timed(sweep.abandoned), "sweep")
    Article.objects.filter(status="running").update(status="done")
    verdict("sweep with nothing to do", _timed(sweep.sweep), "sweep")


def _timed(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return times


def _fill() -> None:
    """A template, and the others made of it inside the database: every hundredth stopped, another interrupted."""
    error = Refused("wordpress:1", "the login", code="login", thing="the draft").saved(Stage.UPLOAD)
    template = Article.objects.create(
        owner=User.objects.get(), idea="night trains", title="Night trains", status="done", tree_prefix="0", uid="0",
        attempt=1, ended_at=timezone.now(),
    )  # fmt: skip
    StageRecord.objects.bulk_create(StageRecord(article=template, stage=stage, state="done") for stage in Stage)
    sqlite = connection.vendor == "sqlite"
    before = "datetime({}, '-' || n || ' minutes')" if sqlite else "{} - n * interval '1 minute'"
    columns = {field.column: f't."{field.column}"' for field in Article._meta.local_concrete_fields}
    del columns["id"]
    kind = "CASE n %% 100 WHEN 0 THEN {} WHEN 1 THEN {} ELSE {} END"
    columns |= {
        "uid": "'u' || n",
        "tree_prefix": "'p' || n",
        "created_at": before.format("t.created_at"),
        "ended_at": before.format("t.ended_at"),
        "status": kind.format("'failed'", "'running'", "'done'"),
        "cause": kind.format("%s || n %% 700", "''", "''"),
        "error": kind.format("%s" if sqlite else "%s::jsonb", "NULL", "NULL"),
        "lease_until": kind.format("NULL", "%s" if sqlite else "%s::timestamptz", "NULL"),
        "lease_owner": kind.format("''", "'elsewhere|1|1'", "''"),
    }
    series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)"
    names = ", ".join(f'"{name}"' for name in columns)
    expired = timezone.now() - timedelta(minutes=1)
    values = {"cause": cause(error, None), "error": json.dumps(error), "lease_until": str(expired)[:26]}
    given = [values[name] for name in columns if name in values]
    with connection.cursor() as cursor:
        cursor.execute(
            f"{series} INSERT INTO articles_article ({names}) SELECT {', '.join(columns.values())} "  # noqa: S608
            "FROM s CROSS JOIN articles_article t WHERE t.uid = '0'",
            [ARTICLES - 1, *given],
        )
        records = [field.column for field in StageRecord._meta.local_concrete_fields if field.column != "id"]
        of = ", ".join("a.id" if name == "article_id" else f't."{name}"' for name in records)
        into = ", ".join(f'"{name}"' for name in records)
        cursor.execute(
            f"INSERT INTO articles_stagerecord ({into}) SELECT {of} FROM articles_article a "  # noqa: S608
            "CROSS JOIN articles_stagerecord t WHERE a.uid <> '0'"
        )
        cursor.execute("ANALYZE" if sqlite else "VACUUM ANALYZE")  # as autovacuum would have done


if __name__ == "__main__":
    measure()

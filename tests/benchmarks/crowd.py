"""Millions of articles on PostgreSQL and a hundred workers, in a process of its own: what claims and sweeps cost."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import django

django.setup()

from django.conf import settings  # noqa: E402  Django first
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.utils import timezone  # noqa: E402
from django_q.models import OrmQ  # noqa: E402

from articles.models import Article, Attempt, Batch  # noqa: E402
from articles.pipeline import dispatch, sweep, transitions  # noqa: E402
from config.supervision.worker import KEPT  # noqa: E402
from tests.benchmarks.limits import say  # noqa: E402

WORKERS = 100
BATCHES, IN_BATCH = 5, 2_000  # that run, and articles in line in each
QUEUED, INTERRUPTED = 2_000, 100
ROUNDS = 51


def measure(sizes: list[int]) -> None:
    settings.GALLEY_WORKERS = WORKERS
    connection.settings_dict["CONN_MAX_AGE"] = KEPT  # as in a worker
    owner = User.objects.get(username="bench")
    for size in sizes:
        began = time.perf_counter()
        _fill(owner, size)
        _live(owner)
        say(f"{size:,} articles, {WORKERS} workers (filled in {time.perf_counter() - began:.0f} s)")
        for name, work in _works().items():
            took = sorted(_timed(work) for _ in range(ROUNDS))
            say(f"  {name:<42}{statistics.median(took) * 1000:8.2f} ms, p95 {took[ROUNDS * 95 // 100] * 1000:.2f}")
        took = [_timed(sweep.sweep) for _ in range(5)]
        say(f"  {'a sweep with nothing to do':<42}{statistics.median(took) * 1000:8.2f} ms")
        _interrupt()
        say(f"  {f'a sweep that finds {INTERRUPTED}':<42}{_timed(sweep.sweep) * 1000:8.2f} ms")
        claimed, seconds = _by_all()
        say(f"  {f'{WORKERS} workers claim at once':<42}{claimed / seconds:8.0f} articles a second")


def _works() -> dict[str, Callable[[], object]]:
    queued = iter(
        Article.objects.filter(status="queued", batch=None).order_by("pk").values_list("pk", flat=True)[:ROUNDS]
    )
    of_batch = Article.objects.filter(batch__isnull=False, status="queued").values_list("pk", flat=True)[0]
    working = Article.objects.get(pk=of_batch)
    return {
        "a claim": lambda: transitions.claim(next(queued)),
        "the longest queued": dispatch.longest_queued,
        "who comes before one of a batch": lambda: dispatch.most_deserving(of_batch),
        "whether one makes room": lambda: dispatch.has_to_wait(working, 100),
        f"{BATCHES} batches topped up": dispatch.top_up,
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _interrupt() -> None:
    running = Article.objects.filter(status="running").order_by("pk").values("pk")[:INTERRUPTED]
    past = timezone.now() - timedelta(minutes=1)
    Article.objects.filter(pk__in=list(running.values_list("pk", flat=True))).update(lease_until=past, crashes=1)


def _by_all() -> tuple[int, float]:
    """Threads with a connection each, which meet at the same messages now and then. Returns claims, and seconds."""
    waiting = list(Article.objects.filter(status="queued").order_by("queued_at").values_list("pk", flat=True)[:1000])
    ready, claimed = threading.Barrier(WORKERS + 1), []

    def work(number: int) -> None:
        connection.ensure_connection()
        ready.wait()
        for place in range(number, len(waiting), WORKERS // 2):  # two at each
            if transitions.claim(waiting[place]):
                claimed.append(place)
        connection.close()

    threads = [threading.Thread(target=work, args=(number % (WORKERS // 2),)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == len(waiting)
    return len(claimed), time.perf_counter() - began


def _live(owner: User) -> None:
    """What a busy desk has beside those that are over: as many at each size."""
    Article.objects.exclude(status="done").update(status="done", lease_until=None, lease_owner="", next_at=None)
    Batch.objects.update(state=Batch.State.DONE)
    OrmQ.objects.all().delete()
    now, made = timezone.now(), Article.objects.count()
    batches = [
        Batch.objects.create(owner=owner, name=f"{made} {n}", key=f"{made}-{n}", brief="b", styles="s", sections="t",
                             state=Batch.State.RUNNING)
        for n in range(BATCHES)
    ]  # fmt: skip
    new = [_new(owner, f"{made} w{n}", status="running", lease_until=now + timedelta(hours=1), lease_owner=f"e{n}|1|1",
                attempt=1) for n in range(WORKERS)]  # fmt: skip
    new += [_new(owner, f"{made} q{n}", status="queued", queued_at=now + timedelta(seconds=n / 100 - 60))
            for n in range(QUEUED)]  # fmt: skip
    new += [_new(owner, f"{made} b{batch.pk} {n}", batch=batch, batch_key=str(n), status="draft" if n else "queued",
                 queued_at=None if n else now) for batch in batches for n in range(IN_BATCH)]  # fmt: skip
    Article.objects.bulk_create(new, batch_size=1000)
    Attempt.objects.bulk_create(
        [Attempt(article=article, why="submitted", asked_by=owner) for article in new], batch_size=1000
    )


def _new(owner: User, name: str, **fields: object) -> Article:
    return Article(owner=owner, idea="night trains", title=name, tree_prefix=name, **fields)


def _fill(owner: User, size: int) -> None:
    """So many that are done, with an attempt each, made of one inside the database."""
    first, _ = Article.objects.get_or_create(
        uid="0", defaults={"owner": owner, "idea": "night trains", "title": "Night trains", "status": "done",
                           "tree_prefix": "0", "attempt": 1, "ended_at": timezone.now()},
    )  # fmt: skip
    attempt, _ = Attempt.objects.get_or_create(
        article=first, number=1, defaults={"why": "submitted", "outcome": "done", "ended_at": timezone.now()}
    )
    there, last = Article.objects.count(), Article.objects.latest("pk").pk
    before = "t.{} - s.n * interval '1 minute'"
    with _in_bulk(Article._meta.db_table, Attempt._meta.db_table):
        _copies(
            first, there + 1, size, id=f"{last - there} + s.n", uid="'u' || s.n", tree_prefix="'p' || s.n",
            created_at=before.format("created_at"), ended_at=before.format("ended_at"),
        )  # fmt: skip
        _copies(attempt, there + 1, size, article_id=f"{last - there} + s.n", asked_at=before.format("asked_at"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('articles_article_id_seq', (SELECT max(id) FROM articles_article))")


def _copies(row: models.Model, begin: int, end: int, /, **changed: str) -> None:
    """A row for each number from one to another, with other values of these columns; `s.n` is the number."""
    table = row._meta.db_table
    columns = {str(field.column): f't."{field.column}"' for field in row._meta.local_concrete_fields}
    columns = {name: value for name, value in (columns | changed).items() if name != "id" or "id" in changed}
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} "  # noqa: S608
            f"FROM generate_series(%s, %s) AS s(n), {table} t WHERE t.id = %s",
            [begin, end, row.pk],
        )


@contextmanager
def _in_bulk(*tables: str) -> Iterator[None]:
    """Without triggers, without looks at references, and with the indexes made at the end."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes LEFT JOIN pg_constraint ON conname = indexname "
            "WHERE tablename = ANY(%s) AND conname IS NULL",
            [list(tables)],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _, definition in indexes:
            cursor.execute(definition)
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")  # as autovacuum would have done
    connection.close()


if __name__ == "__main__":
    measure([int(size) for size in sys.argv[1:]])

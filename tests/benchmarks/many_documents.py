"""100,000 documents on the worklist, in a process of its own with the settings of one database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402  Django first
from django.db import connection, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.benchmarks.limits import ROUNDS, verdict  # noqa: E402
from worklist.models import Document, Source, State  # noqa: E402

DOCUMENTS = 100_000
TEMPLATES = 5_000
PEOPLE, FOLDERS = 20, 200
BOARD, API = "/admin/worklist/document/", "/api/v1/worklist"
WORDS = ("Harbour", "Night", "trains", "Mills", "tariffs", "Rivers", "plans", "Bridges", "Markets", "winter")
LISTS: list[tuple[str, str, dict[str, str]]] = [
    ("board", BOARD, {}),
    ("  one state", BOARD, {"state": "to_review"}),
    ("  what is published", BOARD, {"state": "published"}),
    ("  for me", BOARD, {"person": "me"}),
    ("  for nobody", BOARD, {"person": "nobody"}),
    ("  a folder", BOARD, {"folder": "folder 007"}),
    ("  for a month or more", BOARD, {"age": "30"}),
    ("  let go", BOARD, {"shelf": "let_go"}),
    ("  all filters", BOARD, {"person": "me", "folder": "folder 007", "age": "30", "q": "plans"}),
    ("  search: a word of many", BOARD, {"q": "harbour"}),
    ("  search: a word of one", BOARD, {"q": "zeppelin"}),
    ("  search: a word of none", BOARD, {"q": "xylophone"}),
    ("API", API, {}),
    ("  from the middle", API, {"after": "50000", "limit": "100"}),
    ("  a status", API, {"status": "to_rereview"}),
    ("  a person", API, {"assignee": "bench"}),
    ("  a folder", API, {"folder": "folder 007"}),
    ("  for a month or more", API, {"days": "30"}),
    ("  search: a word of many", API, {"search": "harbour"}),
    ("  search: a word of one", API, {"search": "zeppelin"}),
    ("  statistics", f"{API}/statistics", {}),
    ("  what came from where", f"{API}/sync-status", {}),
    ("start page", "/admin/", {}),
]


def measure() -> None:
    _fill()
    client = Client(HTTP_HOST="127.0.0.1")
    user = User.objects.get(username="bench")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    for name, path, asked in LISTS:
        address = f"{path}?{urlencode(asked)}"
        answer = client.get(address)
        assert answer.status_code == 200, answer.content
        reset_queries()
        client.get(address)
        queries = len(connection.queries)
        verdict(f"{name}, {queries} queries", _timed(lambda at=address: client.get(at)), "list")  # type: ignore[misc]


def _timed(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return times


def _fill() -> None:
    """Half of them published; the others in all states, for twenty people or nobody, in two hundred folders."""
    me = User.objects.get(username="bench")
    User.objects.filter(pk=me.pk).update(is_staff=True, is_superuser=True)
    people = [me, *(User.objects.create(username=f"person {n}", is_staff=True) for n in range(1, PEOPLE)), None]
    Document.objects.bulk_create(_document(n, people) for n in range(TEMPLATES))
    columns = {field.column: f't."{field.column}"' for field in Document._meta.local_concrete_fields}
    del columns["id"]
    columns |= {
        "uid": "substr(t.uid, 1, 26) || '-' || n",
        "source_id": "t.source_id || '-' || n",
        "title": "t.title || ' ' || n",
    }
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s) "  # noqa: S608
            f"INSERT INTO worklist_document ({names}) SELECT {', '.join(columns.values())} "
            "FROM s CROSS JOIN worklist_document t",
            [DOCUMENTS // TEMPLATES - 1],
        )
        cursor.execute(
            "INSERT INTO worklist_version (document_id, sha256, name, manuscript, title, words, at) "
            "SELECT id, text_hash, 'a.md', title, title, words, arrived_at FROM worklist_document"
        )
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")  # as autovacuum would have done; nobody does that on SQLite
    Document.objects.filter(pk=Document.objects.order_by("-pk").values("pk")[1:2]).update(title="Zeppelin")


def _document(n: int, people: list[User | None]) -> Document:
    waiting = [state for state in State if state != State.PUBLISHED]
    state = State.PUBLISHED if n % 2 else waiting[n // 2 % len(waiting)]
    since = timezone.now() - timedelta(minutes=20 * n)
    is_approved = state in (State.READY, State.PUBLISHED)
    text = f"{n:064x}"
    title = " ".join(WORDS[(n // 10**place) % 10] for place in range(4))
    return Document(
        source=Source.values[n % 4],
        source_id=f"file {n}",
        folder=f"folder {n // 7 % FOLDERS:03}",
        title=f"{title} {n}",
        writer="A writer",
        state=state,
        since=since,
        arrived_at=since,
        assignee=people[n // 3 % len(people)],
        due=timezone.localdate() + timedelta(days=n % 60) if n % 5 == 0 else None,
        text_hash=text,
        source_hash=text,
        offered_hash=f"{n + 1:064x}" if n % 500 == 0 else "",
        approved_hash=text if is_approved else "",
        approved_at=since if is_approved else None,
        words=800,
        gone_at=since if n % 700 == 0 else None,
        let_go_at=since if n % 50 == 3 else None,
    )


if __name__ == "__main__":
    measure()

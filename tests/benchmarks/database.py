"""The backup of the database beside the tools that people trust, on SQLite and PostgreSQL, in one run on one machine.

Every time is that of a whole process from its start to its end, ours as well. In each round the tools run one after the
other, and a ratio is that of one round. django-dbbackup takes part when it can be imported: install it into a folder of
its own (`pip install --target FOLDER --no-deps django-dbbackup`) and put that folder into PYTHONPATH.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections

from articles.models import Article
from backups.database.connections import connected, prepare
from tests.backups import desks
from tests.benchmarks.files import PEAK, say
from tests.journeys.installation import ROOT
from tests.services import postgres

ARTICLES, MANY, CHANGED = 134_000, 1_000_000, 1000
ROUNDS = 3
BAR, SECONDS = 5.0, 3.0
TOOLS = postgres._binary("pg_dump")  # of the server's own version
POOL = 997  # different texts: fewer than articles, and none in a row
WITH_DBBACKUP = """
from config.settings import *
INSTALLED_APPS += ["dbbackup"]
STORAGES["dbbackup"] = {{
    "BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {{"location": {folder!r}}}
}}
"""


def main() -> None:
    for kind in ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory(prefix="galley-bench-") as name:
            folder = Path(name)
            with _server(kind, folder) as url:
                say(f"{kind}, {ARTICLES:,} articles of 1.8 KB, whole processes, {ROUNDS} rounds")
                _full(_Desk(folder / "full", _filled(url("full"), ARTICLES)))
            with _server(kind, folder / "many") as url:
                say(f"{kind}, {MANY:,} articles of 1.8 KB")
                _changes(_Desk(folder / "changes", _filled(url("changes"), MANY)))


@contextmanager
def _server(kind: str, folder: Path) -> Iterator[Callable[[str], str]]:
    folder.mkdir(exist_ok=True)
    if kind == "sqlite":
        yield lambda name: f"sqlite:///{folder}/{name}.sqlite3"
        return
    with postgres.cluster(folder) as server:
        yield server.database


class _Desk:
    """A desk with one database and a storage, for whole processes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        folder.mkdir(exist_ok=True)
        (folder / "with_dbbackup.py").write_text(WITH_DBBACKUP.format(folder=str(folder / "dbbackup")))
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "GALLEY_DEBUG": "true",
            "GALLEY_VAR_DIR": str(folder / "var"),
            "GALLEY_STORAGE_URL": f"file://{folder}/storage",
            "PATH": os.pathsep.join([*([str(TOOLS.parent)] if TOOLS else []), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }

    def manage(self, *words: str, module: str = "config.settings") -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *words, "--settings", module]

    def seconds(self, command: list[str]) -> tuple[float, str]:
        began = time.monotonic()
        done = subprocess.run(command, env=self.environment, cwd=ROOT, check=True, capture_output=True, text=True)
        return time.monotonic() - began, done.stdout

    def peak(self, command: list[str]) -> int:
        """The greatest resident size of a process and its children, in MiB."""
        _, told = self.seconds([sys.executable, "-c", PEAK, *command])
        return int(told.split()[-1]) // 1024

    def forget(self) -> None:
        for name in ("storage", "var", "dbbackup"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "dbbackup").mkdir()


def _filled(url: str, number: int) -> str:
    """One article as the tests have it, and all others made of it inside the database."""
    with connected(url) as alias:
        prepare(alias)
        owner = User(username="bench", password="!")
        owner.save(using=alias)
        desks.article(alias, 0, owner)
        chance = random.Random(1)
        texts = [(n, " ".join(f"{chance.getrandbits(32):08x}" for _ in range(160))) for n in range(POOL)]
        columns = {field.column: f't."{field.column}"' for field in Article._meta.local_concrete_fields}
        del columns["id"]
        columns |= {"uid": "'u' || n", "tree_prefix": "'p' || n", "manuscript": "n || p.x", "idea": "''"}
        names = ", ".join(f'"{name}"' for name in columns)
        with connections[alias].cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE pool (i integer PRIMARY KEY, x text)")
            cursor.executemany("INSERT INTO pool VALUES (%s, %s)", texts)
            cursor.execute(
                "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s) "  # noqa: S608
                f"INSERT INTO articles_article ({names}) SELECT {', '.join(columns.values())} "
                f"FROM s JOIN pool p ON p.i = s.n %% {POOL} CROSS JOIN articles_article t WHERE t.uid = %s",
                [number - 1, "0" * 32],
            )
            cursor.execute("VACUUM ANALYZE" if connections[alias].vendor == "postgresql" else "ANALYZE")
    return url


def _full(desk: _Desk) -> None:
    tools = {
        "galley": desk.manage("backup_database", "--full", "--json"),
        "dumpdata": desk.manage("dumpdata", *settings.BACKUP_MODELS, "--output", str(desk.folder / "dump.json")),
    }
    if find_spec("dbbackup"):
        tools["django-dbbackup"] = desk.manage("dbbackup", "--compress", module="with_dbbackup")
    else:
        say("ABSENT: django-dbbackup takes no part. Install it as this file says, and run this again.")
    if TOOLS and desk.url.startswith("postgres"):
        tools["pg_dump | gzip"] = ["sh", "-c", f"pg_dump {desk.url} | gzip > {desk.folder}/dump.gz"]
    times: dict[str, list[float]] = {name: [] for name in tools}
    for number in range(ROUNDS):
        names = list(tools)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            desk.forget()
            times[name].append(desk.seconds(tools[name])[0])
    for name, took in times.items():
        say(f"  {name:<16} {statistics.median(took):6.2f} s ({min(took):.2f}–{max(took):.2f}), "
            f"{ARTICLES / statistics.median(took):,.0f} articles a second")  # fmt: skip
    peers = [times[name] for name in ("dumpdata", "django-dbbackup") if name in times]
    ratios = [min(theirs) / own for own, *theirs in zip(times["galley"], *peers, strict=True)]
    middle = statistics.median(ratios)
    say(f"  {middle:.1f} times as fast as the best of the first two ({min(ratios):.1f}–{max(ratios):.1f}), "
        f"bar {BAR}: {'met' if middle >= BAR else 'MISSED'}")  # fmt: skip
    desk.forget()
    say(f"  memory of our full backup: {desk.peak(tools['galley'])} MiB")
    _restored(desk)


def _restored(desk: _Desk) -> None:
    """Into an empty database of the same kind."""
    target = f"{desk.url.rpartition('/')[0]}/restored" + (".sqlite3" if desk.url.startswith("sqlite") else "")
    if desk.url.startswith("postgres"):
        with connected(desk.url) as alias, connections[alias].cursor() as cursor:
            cursor.execute("CREATE DATABASE restored")
    took, told = desk.seconds(desk.manage("restore_database", "--into", target, "--apply", "--json"))
    rows = json.loads(told)["counts"]["create"]
    say(f"  restored: {rows:,} rows in {took:.1f} s, compared and in one transaction: {rows / took:,.0f} rows a second")


def _changes(desk: _Desk) -> None:
    command = desk.manage("backup_database", "--json")
    memory = desk.peak([*command, "--full"])
    took, _ = desk.seconds(command)
    say(f"  nothing changed: {took:.2f} s")
    times = []
    for number in range(ROUNDS):
        with connected(desk.url) as alias, connections[alias].cursor() as cursor:
            cursor.execute(
                "UPDATE articles_article SET title = %s WHERE id %% %s = %s", [f"t{number}", MANY // CHANGED, number]
            )
        took, told = desk.seconds(command)
        assert json.loads(told)["stored_rows"] == CHANGED, told
        times.append(took)
    middle = statistics.median(times)
    say(f"  {CHANGED:,} changes: {middle:.2f} s ({min(times):.2f}–{max(times):.2f}), bar {SECONDS} s: "
        f"{'met' if middle <= SECONDS else 'MISSED'}; memory of the full backup of all: {memory} MiB")  # fmt: skip

"""A restore that dies by kill -9 leaves the database as it was, or as the backup has it; two do no more than one.

Held up where it is to die by what any neighbour can do to it: a pipe in the place of a chunk, locks, triggers, a reader
that does not read.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from pytest_django import Settings

from articles.models import Article, Event
from backups import configured
from backups.database import backup as database_backup
from backups.database import chains, connections
from backups.database.restore import SAFETY
from backups.repository.manifests import DATABASE
from backups.repository.repository import Repository
from tests.backups import desks
from tests.backups.database.forked import Process, command
from tests.backups.desks import Copies
from tests.services.process import wait_until

pytestmark = pytest.mark.dealt_whole(3)

Rows = dict[str, list[dict[str, Any]]]
PATIENCE = 60
LARGE = "x" * 4_000_000  # more than the cache of SQLite holds: it comes into the WAL before the end
FOREVER = "SELECT count(*) FROM " + ", ".join(["articles_event"] * 40)  # noqa: S608  it has no end
LOCKED = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@dataclass
class Scene:
    """A database that somebody has harmed, and its backup. Nobody is connected while nobody looks."""

    url: str
    store: Repository
    log: Path
    backup: str
    before: Rows
    after: Rows

    @property
    def file(self) -> str:
        """Of SQLite; empty for PostgreSQL."""
        return self.url.removeprefix("sqlite:///") if self.url.startswith("sqlite") else ""

    def run(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.file) if self.file else psycopg.connect(self.url, autocommit=True)) as one:
            cursor = one.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def rows(self) -> Rows:
        with connections.connected(self.url) as alias:
            return desks.rows(alias)

    def restore(self, told: IO[str] | None = None) -> AbstractContextManager[Process]:
        words = ["restore_database", "--into", self.url, "--backup", self.backup]
        return command(self.log, *words, "--mode", "mirror", "--confirm", "mirror", "--apply", told=told)

    def safeties(self) -> list[str]:
        survey = self.store.survey()
        return [each.id for each in chains.of_source(survey.generations, SAFETY)]


@pytest.fixture
def scene(copies: Copies, tmp_path: Path, settings: Settings) -> Scene:
    settings.VAR_DIR = tmp_path / "var"
    store, url = configured.repository(DATABASE), copies.url()
    with connections.connected(url) as alias:
        desks.fill(alias, 4)
        Article.objects.using(alias).filter(pk=1).update(html=LARGE)
        after, made = desks.rows(alias), database_backup.backup(store, alias).generation
        Article.objects.using(alias).get(pk=1).delete()
        Article.objects.using(alias).filter(pk=2).update(title="changed since")
        Event.objects.using(alias).filter(article_id=3).delete()
        desks.article(alias, 77, Article.objects.using(alias).get(pk=4).owner)
        return Scene(url, store, tmp_path / "log", made.id, desks.rows(alias), after)


# Where it is held up: each gives a function that returns when the restore has come there


@contextmanager
def reading(scene: Scene) -> Iterator[Callable[[], None]]:
    """While it reads the backup: a chunk is a pipe into which nobody writes."""
    made = scene.store.generation(scene.backup)
    chunk = next(chains.entries_of(scene.store, made, chains.CHUNK_ROLE))
    path = Path(str(scene.store.object_store)) / scene.store.path(chunk["key"])
    kept = path.rename(path.with_name("kept"))
    os.mkfifo(path)

    def is_there() -> bool:
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return True
        return False

    yield lambda: wait_until(is_there, PATIENCE)
    kept.rename(path)


@contextmanager
def waiting(scene: Scene) -> Iterator[Callable[[], None]]:
    """Before its transaction, the safety backup made: another one writes."""
    with locked(scene, "LOCK TABLE articles_article IN ROW EXCLUSIVE MODE") as there:
        yield there


@contextmanager
def writing(scene: Scene) -> Iterator[Callable[[], None]]:
    """In the middle of its transaction: the first event of an article is slow."""
    with slow(scene, "TRIGGER slow AFTER INSERT ON articles_event") as there:
        yield there


@contextmanager
def committing(scene: Scene) -> Iterator[Callable[[], None]]:
    """When all is written: on SQLite the very last row is slow, on PostgreSQL the commit itself."""
    kind, last = "TRIGGER slow AFTER INSERT ON articles_event", scene.after["articles.Event"][2]["id"]
    at_last = f"WHEN NEW.id = {last}" if scene.file else "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    with slow(scene, f"{kind} {at_last}" if scene.file else f"CONSTRAINT {kind} {at_last}") as there:
        yield there


@contextmanager
def slow(scene: Scene, trigger: str) -> Iterator[Callable[[], None]]:
    """A trigger that does not end before this does."""
    if scene.file:
        wal = Path(f"{scene.file}-wal")
        scene.run(f"CREATE {trigger} BEGIN {FOREVER}; END")
        yield lambda: wait_until(lambda: wal.exists() and wal.stat().st_size > 1_000_000, PATIENCE)
        scene.run("DROP TRIGGER slow")
        return
    scene.run(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END'"
    )
    scene.run(f"CREATE {trigger} EXECUTE FUNCTION slow()")
    with locked(scene, "SELECT pg_advisory_xact_lock(7)") as there:
        yield there
    scene.run("DROP FUNCTION slow CASCADE")


@contextmanager
def locked(scene: Scene, on_postgres: str) -> Iterator[Callable[[], None]]:
    """Somebody has a lock that the restore needs; on SQLite the only one that there is."""
    if scene.file:
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LOCKED, scene.file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout
            assert holder.stdout.readline() == b"held\n"
            yield lambda: wait_until(scene.safeties, PATIENCE)
            holder.kill()
        return
    waits = (
        "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database "
        "WHERE NOT granted AND d.datname = current_database()"
    )
    with psycopg.connect(scene.url) as holder:
        holder.execute(on_postgres)
        yield lambda: wait_until(lambda: scene.run(waits), PATIENCE)
    # The server ends what a process had begun that is no more; until then somebody may still write.
    wait_until(
        lambda: scene.run("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == [(1,)],
        PATIENCE,
    )


@contextmanager
def telling(scene: Scene) -> Iterator[Callable[[], None]]:
    """After its commit, before it has said so: nobody reads what it tells."""
    yield lambda: wait_until(
        lambda: not scene.run("SELECT 1 FROM articles_article WHERE title = 'changed since'"), PATIENCE
    )


@pytest.mark.dealt(3)
@pytest.mark.parametrize("instant", [reading, waiting, writing, committing, telling])
def test_killed(scene: Scene, instant: Callable[[Scene], AbstractContextManager[Callable[[], None]]]) -> None:
    ends, told = os.pipe()
    fcntl.fcntl(told, fcntl.F_SETPIPE_SZ, 4096)
    os.write(told, b"x" * 4096)
    with os.fdopen(told, "w", buffering=1) as full, closing(os.fdopen(ends)):
        with instant(scene) as is_there, scene.restore(full) as restore:
            is_there()
            restore.kill()
        done = instant is telling or (instant is committing and not scene.file)  # that server had the word to commit
        assert scene.rows() == (scene.after if done else scene.before)
        assert len(scene.safeties()) == (instant is not reading)

    with scene.restore() as again:
        assert again.code() == 0, scene.log.read_text()
    assert scene.rows() == scene.after


@pytest.mark.dealt(2)
def test_two_at_once_do_what_one_does(scene: Scene) -> None:
    """Both have compared and wait; the one that comes second finds that it is done, and says so."""
    with ExitStack() as stack:
        with locked(scene, "LOCK TABLE articles_article IN ROW EXCLUSIVE MODE"):
            both = [stack.enter_context(scene.restore()) for _ in range(2)]
            wait_until(lambda: len(scene.safeties()) == 2, PATIENCE)
        assert sorted(each.code() for each in both) == [0, 3], scene.log.read_text()
    assert "The database has changed since the difference was shown" in scene.log.read_text()
    assert scene.rows() == scene.after

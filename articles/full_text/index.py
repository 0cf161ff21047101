"""The index of titles, ideas, manuscripts and finished texts, as each database has one.

PostgreSQL: an index over an expression. SQLite: a table of its own (FTS5) that triggers keep true, as no list of those
who change articles stays complete; a table that a migration makes anew loses its triggers, so they are hung up again
after each `migrate`. The index finds words of tags, too: who searches looks at the texts once more (`find`).
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from articles.models import Article

TABLE, INDEX = Article._meta.db_table, "articles_fulltext"
COLUMNS = ("title", "idea", "manuscript", "html")
READ = 150_000  # characters of an article that PostgreSQL reads: the most that always fits a row of its index
_DEEDS = ("insert", "update", "delete")
_SAID = " || ' ' || ".join(COLUMNS)
VECTOR = f"to_tsvector('simple'::regconfig, left({_SAID}, {READ}))"


def hang_up(using: str, **_: Any) -> None:
    """See that the index is there. To be called after each migration."""
    connection = connections[using]
    columns = set(_columns(connection))
    if not columns.issuperset(COLUMNS) or is_there(connection):
        return
    with connection.cursor() as cursor:
        for statement in _of_postgres() if connection.vendor == "postgresql" else _of_sqlite(connection):
            cursor.execute(statement)


def is_there(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [INDEX])
            return bool(cursor.fetchone()[0])
        cursor.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s", [f"{INDEX}_%"])
        return bool(cursor.fetchone()[0] == len(_DEEDS))


def _columns(connection: BaseDatabaseWrapper) -> list[str]:
    """Of the table of articles; none before it is there."""
    if TABLE not in connection.introspection.table_names():
        return []
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, TABLE)]


def _of_postgres() -> list[str]:
    return [f"CREATE INDEX {INDEX} ON {TABLE} USING gin ({VECTOR})"]


def _of_sqlite(connection: BaseDatabaseWrapper) -> list[str]:
    """Nothing where SQLite was built without FTS5: then the newest articles are read (`find`)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')")
        if not cursor.fetchone()[0]:
            return []
    names = ", ".join(COLUMNS)
    new, old = (", ".join(f"{row}.{name}" for name in COLUMNS) for row in ("NEW", "OLD"))
    put_in = f"INSERT INTO {INDEX} (rowid, {names}) VALUES (NEW.id, {new});"  # noqa: S608  our own names
    take_out = f"INSERT INTO {INDEX} ({INDEX}, rowid, {names}) VALUES ('delete', OLD.id, {old});"  # noqa: S608
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in ("id", *COLUMNS))
    return [
        *(f"DROP TRIGGER IF EXISTS {INDEX}_{deed}" for deed in _DEEDS),
        f"DROP TABLE IF EXISTS {INDEX}",
        f"CREATE VIRTUAL TABLE {INDEX} USING fts5({names}, content='{TABLE}', content_rowid='id', "
        "tokenize='unicode61 remove_diacritics 2')",
        f"INSERT INTO {INDEX} ({INDEX}) VALUES ('rebuild')",  # noqa: S608
        f"CREATE TRIGGER {INDEX}_insert AFTER INSERT ON {TABLE} BEGIN {put_in} END",
        f"CREATE TRIGGER {INDEX}_update AFTER UPDATE ON {TABLE} WHEN {changed} BEGIN {take_out} {put_in} END",
        f"CREATE TRIGGER {INDEX}_delete AFTER DELETE ON {TABLE} BEGIN {take_out} END",
    ]

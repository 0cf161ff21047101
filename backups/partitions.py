"""Tables that PostgreSQL keeps in partitions of a month each, named after table and month, made before they are used.

Django and the backups see one table. There is no partition for what fits nowhere: with one, a month could neither be
made beside its rows nor be dropped at once. So whoever writes a row first makes room for it. On SQLite nothing is
divided.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TURN = 0x67616C6C6579  # of PostgreSQL's advisory locks: who makes a partition does it alone


def day_column(table: str, alias: str) -> str:
    """By which a table is divided into months; "" for one that is not."""
    if connections[alias].vendor != "postgresql":
        return ""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT a.attname FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid "
            "AND a.attnum = p.partattrs[0] WHERE p.partrelid = to_regclass(%s)",
            [connections[alias].ops.quote_name(table)],
        )
        found = cursor.fetchone()
    return found[0] if found else ""


def make_room(table: str, days: Iterable[date], alias: str) -> None:
    """See that the months of these days have a partition each. One query a month where they have."""
    if connections[alias].vendor != "postgresql":
        return
    for first in sorted({day.replace(day=1) for day in days}):
        if not _is_there(name_of(table, first), connections[alias]):
            with transaction.atomic(using=alias):
                _make(table, first, connections[alias])


def drop_before(table: str, first: date, alias: str) -> list[str]:
    """Drop each partition whose month is over by this day, in one statement each. Returns their names."""
    connection = connections[alias]
    old = [name for name in _partitions(table, connection) if name < name_of(table, first.replace(day=1))]
    for name in old:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
    return old


def month_after(first: date) -> date:
    """The first day of the month after that of a day."""
    return (first.replace(day=1) + timedelta(days=31)).replace(day=1)


def name_of(table: str, day: date) -> str:
    """Names sort as their months do."""
    return f"{table}_{day:%Y_%m}"


def _is_there(name: str, connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [connection.ops.quote_name(name)])
        return bool(cursor.fetchone()[0])


def _make(table: str, first: date, connection: BaseDatabaseWrapper) -> None:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {quote(name_of(table, first))} PARTITION OF {quote(table)} "
            f"FOR VALUES FROM ('{first.isoformat()}') TO ('{month_after(first).isoformat()}')"
        )


def _partitions(table: str, connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname",
            [connection.ops.quote_name(table)],
        )
        return [name for (name,) in cursor.fetchall()]


def divide(model_table: str, day: str, connection: BaseDatabaseWrapper) -> None:
    """Make a table that has just been made, and is empty, one of months by its column `day`. For migrations.

    Its key is (id, day) then, as a key must hold what divides; Django goes on to believe in the id alone, which is
    unique by its sequence. Indexes and references, which a migration makes at its end, go to the new table.
    """
    if connection.vendor != "postgresql":
        return
    quote = connection.ops.quote_name
    table, plain = quote(model_table), quote(f"{model_table}_plain")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {plain}")
        cursor.execute(
            f"CREATE TABLE {table} (LIKE {plain} INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS, "
            f"PRIMARY KEY (id, {quote(day)})) PARTITION BY RANGE ({quote(day)})"
        )
        cursor.execute(f"DROP TABLE {plain}")

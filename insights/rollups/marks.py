"""Triggers that leave a mark for whatever changes a row that is summed: a worker, a person, a restore, a cascade, SQL.

In the database, as no list of those who change rows stays complete. A mark is in the same transaction as its change, so
neither is there without the other. A table that SQLite makes anew in a migration loses its triggers: they are hung up
again after each `migrate`, and everything is summed anew where one was missing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from articles.models import Call, CostRecord
from insights.models import CostMark, Mark
from publishing.models import PublishTask


class Marked(NamedTuple):
    """How a table that is summed leaves marks: by the column that says to which day a row counts, in this table."""

    column: str
    marks: str
    to: str  # the column of the mark


MARKS, COST_MARKS = Mark._meta.db_table, CostMark._meta.db_table
COSTS = CostRecord._meta.db_table
SUMMED = {
    PublishTask._meta.db_table: Marked("created_at", MARKS, "at"),
    Call._meta.db_table: Marked("sent_at", MARKS, "at"),
    COSTS: Marked("day", COST_MARKS, "day"),
}
DEEDS = {"insert": ["NEW"], "update": ["NEW", "OLD"], "delete": ["OLD"]}  # and the rows that each knows


def hang_up(using: str, **_: Any) -> None:
    """See that each trigger is there. To be called after each migration."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    missing = [
        table
        for table, marked in SUMMED.items()
        if {table, marked.marks} <= tables and not _is_there(table, connection)
    ]
    with connection.cursor() as cursor:
        for table in missing:
            for statement in _made(table, connection):
                cursor.execute(statement)
        if COSTS in missing:
            cursor.execute(f"INSERT INTO {COST_MARKS} (day) SELECT DISTINCT day FROM {COSTS}")  # noqa: S608  our own names
    if set(missing) - {COSTS}:
        Mark.objects.using(using).create(at=None)


def take_down(connection: BaseDatabaseWrapper) -> None:
    """Before the table of the marks goes."""
    with connection.cursor() as cursor:
        for table in SUMMED:
            for statement in _gone(table, connection):
                cursor.execute(statement)


def _is_there(table: str, connection: BaseDatabaseWrapper) -> bool:
    if connection.vendor == "postgresql":
        asked, wanted = "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s)", {_name(table)}
    else:
        asked = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
        wanted = {_name(table, deed) for deed in DEEDS}
    with connection.cursor() as cursor:
        cursor.execute(asked, [table])
        return wanted <= {name for (name,) in cursor.fetchall()}


def _name(table: str, deed: str = "") -> str:
    return f"{table}_{deed}_mark" if deed else f"{table}_mark"


def _made(table: str, connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor == "postgresql":
        return [*_gone(table, connection), _function(table), _trigger(table)]
    at, marks, to = SUMMED[table]
    return [
        *_gone(table, connection),
        *(
            f"CREATE TRIGGER {_name(table, deed)} AFTER {deed} ON {table} BEGIN "
            f"INSERT INTO {marks} ({to}) {_moments(rows, at)}; END"
            for deed, rows in DEEDS.items()
        ),
    ]


def _moments(rows: list[str], at: str) -> str:
    return " UNION ".join(f"SELECT {row}.{at} WHERE {row}.{at} IS NOT NULL" for row in rows)


def _gone(table: str, connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor == "postgresql":  # the trigger goes with its function
        return [f"DROP FUNCTION IF EXISTS {_name(table)}() CASCADE"]
    return [f"DROP TRIGGER IF EXISTS {_name(table, deed)}" for deed in DEEDS]


def _function(table: str) -> str:
    at, marks, to = SUMMED[table]
    return (
        f"CREATE FUNCTION {_name(table)}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608  our own names
        f"INSERT INTO {marks} ({to}) SELECT DISTINCT at FROM (VALUES (NEW.{at}), (OLD.{at})) AS changed (at) "
        "WHERE at IS NOT NULL; RETURN NULL; END $$"
    )


def _trigger(table: str) -> str:
    return (
        f"CREATE TRIGGER {_name(table)} AFTER INSERT OR UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {_name(table)}()"
    )

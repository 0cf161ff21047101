"""The triggers themselves. Whatever changes a watched row is noted in the transaction that changes it: forms and
programs, one row or a thousand, what goes with something else, and SQL by hand.

On PostgreSQL they stand in the database and see also who comes past the desk; the desk hands its actor over before it
writes (`galley.actor`, a setting of the connection). SQLite has no place for that: there a connection of the desk makes
temporary triggers of its own, which ask Python. They vanish with it, so they stand in the way of nobody else, of no
migration and no person with a prompt; nor do they see what these do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.acting import OFF, actor
from audit.models import Change
from audit.statements import DELETE, POSTGRESQL, SQLITE, UPDATE, Trigger, triggers

DEED = re.compile(r'\s*(INSERT|UPDATE|DELETE)\b(?: OR \w+)?(?: INTO| FROM)?(?: ONLY)? "?(\w+)"?', re.IGNORECASE)
KEPT = Change._meta.db_table
LONGEST: dict[str, int] = {
    name: getattr(Change._meta.get_field(name), "max_length", 0) for name in ("door", "who", "through", "why")
}
STAYS = "What was noted stays as it was noted."
_migrating: set[str] = set()  # aliases whose tables may be any that they ever were

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Of a new connection: whatever it writes is noted. (Receiver of `connection_created`.)"""
    if _note not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _note)
    if connection.vendor == "sqlite":
        connection.connection.create_function("galley_actor", 1, lambda part: _hand()[part])


def _hand() -> dict[str, str]:
    """The actor, as its columns take it."""
    found = actor()
    return {name: getattr(found, name).replace("\0", "")[:most] for name, most in LONGEST.items()}


def _note(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Around each statement: whatever it fires is there, and knows who acts."""
    connection: BaseDatabaseWrapper = context["connection"]
    table, deed = _deed(sql)
    trigger = triggers().get((table, deed))
    if connection.alias in _migrating or not (table == KEPT or (trigger and _fires(trigger, sql))):
        return execute(sql, params, many, context)
    if connection.vendor == "sqlite":
        _see_that_it_is_there(trigger, connection)
        return execute(sql, params, many, context)
    # Alone it is a transaction of its own: what is handed over ends with that, and a pool keeps both with one server.
    with nullcontext() if connection.in_atomic_block else transaction.atomic(using=connection.alias):
        _hand_over(connection)
        return execute(sql, params, many, context)


def _deed(sql: str) -> tuple[str, str]:
    found = DEED.match(sql)
    return (found[2], found[1].upper()) if found else ("", "")


def _fires(trigger: Trigger, sql: str) -> bool:
    """Without looking at what an update only asks for: a lease is renewed where the status is this or that."""
    sets = sql.partition(" WHERE ")[0]
    return not trigger.columns or any(column in sets for column in trigger.columns)


def _hand_over(connection: BaseDatabaseWrapper) -> None:
    """Until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('galley.actor', %s, true)", [json.dumps(_hand())])


# SQLite


def _see_that_it_is_there(trigger: Trigger | None, connection: BaseDatabaseWrapper) -> None:
    """Each time: who rolls back takes it along. None is the guard of the changes themselves."""
    run = connection.connection.execute
    if not run("SELECT 1 FROM main.sqlite_master WHERE name = ?", [KEPT]).fetchone():
        _take_down_temporary(connection)
    elif trigger is None:
        for deed in (UPDATE, DELETE):
            run(
                f"CREATE TEMP TRIGGER IF NOT EXISTS {_guard(deed)} BEFORE {deed} ON {KEPT} "
                f"WHEN galley_actor('door') <> '{OFF}' BEGIN SELECT RAISE(ABORT, '{STAYS}'); END"
            )
    else:
        body = "; ".join(trigger.statements(SQLITE))
        run(f"CREATE TEMP TRIGGER IF NOT EXISTS {trigger.name} AFTER {trigger.event} BEGIN {body}; END")


def _take_down_temporary(connection: BaseDatabaseWrapper) -> None:
    for name in [*(each.name for each in triggers().values()), _guard(UPDATE), _guard(DELETE)]:
        connection.connection.execute(f"DROP TRIGGER IF EXISTS temp.{name}")


def _guard(deed: str) -> str:
    return f"{KEPT}_{deed.lower()}_stays"


# PostgreSQL


def before_migrations(using: str, plan: list[Any], **_: Any) -> None:
    """Nothing stands in the way of a change of tables. (Receiver of `pre_migrate`.)"""
    if plan:
        _migrating.add(using)
        take_down(connections[using])


def after_migrations(using: str, **_: Any) -> None:
    """See that each is there, and as it is wanted. (Receiver of `post_migrate`.)"""
    _migrating.discard(using)
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if connection.vendor != "postgresql" or KEPT not in tables:
        return
    with connection.cursor() as cursor:
        there = _there(cursor)
        for name, (made, table, event, columns) in _wanted().items():
            if table in tables and columns <= _columns(cursor, table) and there.get(name) != _body(made):
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
                cursor.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${_body(made)}$$")
                cursor.execute(f"CREATE TRIGGER {name} {event} FOR EACH ROW EXECUTE FUNCTION {name}()")


def take_down(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        _take_down_temporary(connection)
        return
    with connection.cursor() as cursor:
        for name in _wanted():
            cursor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")  # its trigger goes with it


Wanted = tuple[list[str], str, str, set[str]]  # statements, table, event, columns


def _wanted() -> dict[str, Wanted]:
    """Triggers by their names, which are those of their functions."""
    found: dict[str, Wanted] = {
        each.name: ([*each.statements(POSTGRESQL), "RETURN NULL"], each.table, f"AFTER {each.event}", set(each.columns))
        for each in triggers().values()
    }
    door = POSTGRESQL.hand("door")
    refuse = f"RAISE EXCEPTION USING MESSAGE = '{STAYS}', ERRCODE = 'integrity_constraint_violation'"
    for deed, row in ((UPDATE, "NEW"), (DELETE, "OLD")):
        body = [f"IF {door} <> '{OFF}' THEN {refuse}; END IF", f"RETURN {row}"]
        found[_guard(deed)] = (body, KEPT, f"BEFORE {deed} ON {KEPT}", set())
    return found


def _body(statements: list[str]) -> str:
    return f" BEGIN {'; '.join(statements)}; END "


def _there(cursor: Any) -> dict[str, str]:
    """The bodies of triggers that hang."""
    cursor.execute(
        "SELECT proname, prosrc FROM pg_proc JOIN pg_trigger ON tgfoid = pg_proc.oid WHERE proname = ANY(%s)",
        [list(_wanted())],
    )
    return dict(cursor.fetchall())


def _columns(cursor: Any, table: str) -> set[str]:
    cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND NOT attisdropped", [table])
    return {name for (name,) in cursor.fetchall()}

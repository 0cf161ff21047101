"""The database from a backup: what would change, field by field; then that, in one transaction.

| in the database                      | missing | newer                 | overwrite | mirror  |
|--------------------------------------|---------|-----------------------|-----------|---------|
| nothing of its natural key           | create  | create                | create    | create  |
| the same content                     | same    | same                  | same      | same    |
| other content                        | keep    | change, if it is older | change   | change  |
| another thing under its key (number) | create, under a new number                 ||| change  |
| what the backup has not              | –       | –                     | –         | delete  |

Things are told apart by their natural keys, so a restore into another database finds its people and sites again. What
cannot be restored is a conflict, with a sentence; as long as there is one, nothing is.

A restore tells which rows it has touched, and a digest of what each has become: by these it is undone (`undoing`).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.core.management.color import no_style
from django.db import DatabaseError, connections, models, transaction

from backups.database import backup, chains, tables
from backups.database.compare import (
    CHANGE,
    CONFLICT,
    CREATE,
    DELETE,
    UNDO,
    WORK,
    Comparison,
    Plan,
    TableComparison,
    batches,
    compared,
    has_rows,
)
from backups.database.staging import Row, Staged, staged
from backups.database.tables import Column, Table, comparable
from backups.errors import BackupError, Failed
from backups.progress import Started, silent
from backups.repository.manifests import Generation
from backups.repository.repository import Repository

MODES = ("missing", "newer", "overwrite", "mirror")
SAFETY = "before a restore"  # the source of the backups that are made before one
TOUCHED = struct.Struct(">qq8s")  # a row's key, that of its unit, and a digest of what it has become; zeros for none
Touched = tuple[str, str, bytes]  # a model, what was done, and some rows
PLAIN = tables.WHOLE_NUMBERS | tables.TEXTS | {"BooleanField", "FloatField"}  # kinds that a database takes as they are
NEVER, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Conflicting(BackupError):
    """Something cannot be restored; the message says what, and nothing was done."""


class Moved(BackupError):
    """The database is not any more what the plan was made for."""


@dataclass(frozen=True)
class Choice:
    """What shall come back: all of it, or some units (articles) by name, number or time."""

    units: tuple[str, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None

    @property
    def all(self) -> bool:
        return not (self.units or self.begin or self.end)


@contextmanager
def planned(
    repository: Repository,
    generation: Generation,
    alias: str = "default",
    *,
    choice: Choice | None = None,
    mode: str = "missing",
    started: Started = silent,
) -> Iterator[Plan]:
    """Compare a backup with the database. Writes nothing. Raises Damaged, Missing, Hostile, Failed."""
    links = chains.chain(repository.trusted(), generation)
    with staged(repository, links, started=started) as found:
        whole = choice is None or choice.all
        if choice is not None and not whole:
            found.choose(_units(found, choice))
        yield compared(Plan(found, alias, mode), whole)


def restore(
    repository: Repository,
    plan: Plan,
    *,
    fingerprint: str = "",
    safety: bool = True,
    note: Callable[[Generation | None, Iterator[Touched]], None] | None = None,
) -> Generation | None:
    """Do what was planned, all of it or nothing, after a safety backup. Returns that; None when there was nothing.

    The tables are locked and compared once more before anything is written: when another plan comes of it, or another
    than that of the `fingerprint`, Moved is raised. `note` is told in the same transaction, when all is written, of the
    safety backup and the rows that were touched. Raises Conflicting, Failed, and what a backup raises.
    """
    wanted = fingerprint or plan.fingerprint
    if conflicts := list(plan.steps(CONFLICT, most=3)):
        said = "; ".join(f"{step.model} {step.pk}: {step.why}" for step in conflicts)
        raise Conflicting(f"{plan.total[CONFLICT]:,} rows cannot be restored, and so nothing is. {said}")
    before = None
    if safety and any(has_rows(table, plan.alias) for table in plan.staged.tables):
        before = backup.backup(repository, plan.alias, source=SAFETY, full=True, accept_change=True).generation
    try:
        with transaction.atomic(using=plan.alias):
            _lock(plan)
            _again(plan)
            if plan.fingerprint != wanted:
                raise Moved("The database has changed since the difference was shown. Look at it once more.")
            _Writing(plan).all()
            if note:
                note(before, _touched(plan))
    except DatabaseError as exc:
        raise Conflicting(f"The database refuses a row, and so nothing was restored: {exc}") from exc
    return before


def choose(repository: Repository, *, at: datetime | None = None, name: str = "") -> Generation:
    """The backup of that name, else the newest of the desk's database that was read until then. Raises Missing."""
    if name:
        return repository.generation(name)
    return chains.at(chains.of_source(repository.trusted(), backup.SOURCE), at)


def _lock(plan: Plan) -> None:
    connection = connections[plan.alias]
    if connection.vendor == "postgresql":  # SQLite's transactions are the only writers anyway
        names = ", ".join(connection.ops.quote_name(table.name) for table in plan.staged.tables)
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


def _again(plan: Plan) -> None:
    chosen = plan.staged.connection.execute("SELECT 1 FROM chosen").fetchone()
    for name in ("step", "moved", "claimed", *(["chosen"] if plan.mode == UNDO else [])):
        plan.staged.connection.execute(f"DELETE FROM {name}")  # noqa: S608
    plan.counts.clear()
    compared(plan, whole=not chosen)


def _touched(plan: Plan) -> Iterator[Touched]:
    for table in plan.staged.tables:
        for action in WORK:
            for some in batches(plan.steps(action, model=table.label)):
                pks = [step.target for step in some]
                now = {} if action == DELETE else rows_there(table, plan.alias, pks)
                unit = unit_column(table)
                yield table.label, action, b"".join(_packed(pk, now.get(pk, {}), unit) for pk in pks)


def _packed(pk: int, row: Row, unit: str) -> bytes:
    return TOUCHED.pack(pk, row.get(unit) or 0, digest_of(row) if row else b"")


def rows_there(table: Table, alias: str, pks: list[int]) -> dict[int, Row]:
    """The rows that are there, by key."""
    names = [column.name for column in table.columns]
    rows = table.model._base_manager.using(alias).filter(pk__in=pks).values(*names)
    return {row[table.pk.name]: row for row in rows}


def digest_of(row: Row) -> bytes:
    content = repr([(name, comparable(value)) for name, value in sorted(row.items())])
    return hashlib.blake2b(content.encode(errors="surrogatepass"), digest_size=8).digest()


def unit_column(table: Table) -> str:
    """By which a row belongs to a unit; "" for what belongs to none."""
    unit = settings.BACKUP_UNIT["model"]
    if table.label == unit:
        return table.pk.name
    return next((column.name for column in table.references if column.refers == unit), "")


def _units(found: Staged, choice: Choice) -> list[int]:
    """Keys of the units that were chosen. Raises Failed for one that the backup does not have."""
    table = tables.table(settings.BACKUP_UNIT["model"])
    name, title, time = (settings.BACKUP_UNIT[said] for said in ("name", "title", "time"))
    moment = next(column for column in table.columns if column.name == time)
    wanted, left, units = set(choice.units), set(choice.units), []
    for some in found.rows(table, chosen=False):
        for pk, row in some:
            named = {str(pk), str(row.get(name)), str(row.get(title))} & wanted
            left -= named
            at = moment.value(row.get(time)) or NEVER
            inside = (choice.begin or NEVER) <= at <= (choice.end or FOREVER)
            if inside and (named or not choice.units):
                units.append(pk)
    if left:
        raise Failed(f"The backup has no {table.model._meta.verbose_name} {', '.join(sorted(left))}.")
    return units


@dataclass
class _Writing:
    """Does the steps of a plan: what goes, then changes before creations, so that what is unique is free again.

    Foreign keys are checked when the transaction ends, as Django makes them.
    """

    plan: Plan

    def all(self) -> None:
        kept = {table.model for table in self.plan.staged.tables}
        before = self._highest()
        for table in reversed(self.plan.staged.tables):
            for some in batches(self.plan.steps(DELETE, model=table.label)):
                self._delete(table, [step.target for step in some], kept)
        comparison = Comparison(self.plan, whole=True)
        for table in self.plan.staged.tables:
            reading = TableComparison(comparison, table, exists=False)
            for action in (CHANGE, CREATE):
                for some in batches(self.plan.steps(action, model=table.label)):
                    self._write(table, action, reading.written(some))
        grown = [model for model, highest in self._highest().items() if highest > before[model]]
        connection = connections[self.plan.alias]
        with connection.cursor() as cursor:  # never back: nothing new shall get the number of what was deleted here
            for sql in connection.ops.sequence_reset_sql(no_style(), grown):
                cursor.execute(sql)

    def _highest(self) -> dict[tables.Model, int]:
        found = {}
        for table in self.plan.staged.tables:
            rows = table.model._base_manager.using(self.plan.alias).order_by("-pk")
            found[table.model] = rows.values_list("pk", flat=True).first() or 0
        return found

    def _write(self, table: Table, action: str, rows: list[Row]) -> None:
        """All rows of a backup have the same columns."""
        columns = [column for column in table.columns if column.name in rows[0]]
        if action == CREATE:
            marks = ", ".join("%s" for _ in columns)
            names = ", ".join(map(self._name, columns))
            sql = f"INSERT INTO {self._quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608
        else:
            columns.sort(key=lambda column: column.name == table.pk.name)  # the key comes last
            sets = ", ".join(f"{self._name(column)} = %s" for column in columns[:-1])
            sql = f"UPDATE {self._quote(table.name)} SET {sets} WHERE {self._name(columns[-1])} = %s"  # noqa: S608
        connection = connections[self.plan.alias]
        # As the database takes it, past the fields' own ideas of saving: times come back as they were.
        prepared = [
            (column.name, None if column.kind in PLAIN else column.field.get_db_prep_save) for column in columns
        ]
        values = [
            [prepare(row[name], connection) if prepare else row[name] for name, prepare in prepared] for row in rows
        ]
        with connection.cursor() as cursor:
            cursor.executemany(sql, values)

    def _delete(self, table: Table, pks: list[int], kept: set[tables.Model]) -> None:
        """Also what refers to these rows and is kept in no backup, as if they had been deleted in the desk."""
        for relation in table.model._meta.related_objects:
            if relation.related_model not in kept:
                rows = relation.related_model._base_manager.using(self.plan.alias)
                of_these = rows.filter(**{f"{relation.field.attname}__in": pks})
                if relation.on_delete is models.SET_NULL:
                    of_these.update(**{relation.field.attname: None})
                else:
                    of_these.delete()
        table.model._base_manager.using(self.plan.alias).filter(pk__in=pks)._raw_delete(self.plan.alias)

    def _quote(self, name: str) -> str:
        return str(connections[self.plan.alias].ops.quote_name(name))

    def _name(self, column: Column) -> str:
        return self._quote(str(column.field.column))

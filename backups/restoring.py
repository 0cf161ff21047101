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

A restore tells which rows it has touched, and a digest of what each has become. Its undo goes by these alone, and by
the keys of this database: what the restore changed or deleted comes back out of the safety backup, what it created
goes. Whatever anybody has changed since stays, and so does the whole article that it belongs to.
"""

from __future__ import annotations

import hashlib
import itertools
import marshal
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.color import no_style
from django.db import DatabaseError, connections, models, transaction

from backups import chains, database, tables
from backups.errors import BackupError, Failed
from backups.manifests import Generation
from backups.progress import Started, silent
from backups.repository import Repository
from backups.staging import BATCH, Row, Staged, staged
from backups.tables import Column, Table, comparable

MODES = ("missing", "newer", "overwrite", "mirror")
CREATE, CHANGE, SAME, KEEP, DELETE, CONFLICT = ACTIONS = ("create", "change", "same", "keep", "delete", "conflict")
WORK = (CREATE, CHANGE, DELETE)
UNDO = "undo"  # the mode of one, which nobody chooses
WORDS = dict(
    zip(ACTIONS, ("to create", "to change", "the same", "kept as they are", "to delete", "in conflict"), strict=True)
)
SAFETY = "before a restore"  # the source of the backups that are made before one
TOUCHED = struct.Struct(">qq8s")  # a row's key, that of its unit, and a digest of what it has become; zeros for none
Touched = tuple[str, str, bytes]  # a model, what was done, and some rows
LATER = "what it belongs to has changed since"
Thing = TypeVar("Thing")
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


@dataclass(frozen=True)
class Step:
    """What happens to one row; `fields` are those that differ, with today's value and the backup's."""

    model: str
    pk: int
    target: int
    action: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    why: str = ""

    def __str__(self) -> str:
        number = f"{self.target}" if self.target == self.pk else f"{self.pk} → {self.target}"
        differs = "; ".join(f"{name}: {_short(now)} → {_short(then)}" for name, (now, then) in self.fields.items())
        return "  ".join(part for part in (f"{self.action:<8} {self.model} {number}", differs, self.why) if part)


@dataclass
class Plan:
    """What a restore would do, as long as its `staged` is open."""

    staged: Staged
    alias: str
    mode: str
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # by model

    @property
    def generation(self) -> Generation:
        return self.staged.generation

    @property
    def total(self) -> Counter[str]:
        return sum(self.counts.values(), Counter())

    @property
    def work(self) -> int:
        return sum(self.total[action] for action in WORK)

    def steps(self, *actions: str, first: int = 0, most: int = -1, model: str = "") -> Iterator[Step]:
        """The steps of these actions, or of all but `same`, in the order in which they are done."""
        wanted = actions or tuple(action for action in ACTIONS if action != SAME)
        marks = ", ".join("?" * len(wanted))
        of = "AND model = ?" if model else ""
        found = self.staged.connection.execute(
            f"SELECT model, pk, target, action, content FROM step WHERE action IN ({marks}) {of} "  # noqa: S608
            "ORDER BY n LIMIT ? OFFSET ?",
            (*wanted, *([model] if model else []), most, first),
        )
        for label, pk, target, action, content in found:
            yield Step(label, pk, target, action, *_told(content))

    @property
    def fingerprint(self) -> str:
        """Tells whether two plans would do the same."""
        digest = hashlib.sha256(f"{self.generation.id} {self.mode} {self.alias}".encode())
        for step in self.steps(CREATE, CHANGE, DELETE, CONFLICT):
            digest.update(f"{step.model} {step.pk} {step.target} {step.action} {sorted(step.fields)}".encode())
        return digest.hexdigest()


def _told(content: bytes) -> tuple[dict[str, tuple[Any, Any]], str]:
    fields, why = marshal.loads(content)  # noqa: S302  # written by this process
    return fields, why


def _short(value: Any) -> str:
    text = "nothing" if value is None or value == "" else str(value)
    return f"{text[:37]}…" if len(text) > 38 else text


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
        yield _compared(Plan(found, alias, mode), whole)


@contextmanager
def undoing(
    repository: Repository,
    safety: Generation,
    touched: Iterable[Touched],
    alias: str = "default",
    *,
    started: Started = silent,
) -> Iterator[Plan]:
    """Compare the rows that a restore has touched with the backup that was made before it. Raises as `planned` does."""
    links = chains.chain(repository.trusted(), safety)
    with staged(repository, links, started=started) as found:
        for label, action, packed in touched:
            rows = ((label, pk, unit or None, action, digest) for pk, unit, digest in TOUCHED.iter_unpack(packed))
            found.connection.executemany("INSERT OR REPLACE INTO touched VALUES (?, ?, ?, ?, ?)", rows)
        found.connection.execute(
            "UPDATE touched SET unit = (SELECT unit FROM row WHERE row.model = touched.model AND row.pk = touched.pk) "
            "WHERE action = ?",
            (DELETE,),
        )
        yield _compared(Plan(found, alias, UNDO), whole=False)


def _compared(plan: Plan, whole: bool) -> Plan:
    try:
        (_Undoing if plan.mode == UNDO else _Comparison)(plan, whole).all()
    except DatabaseError as exc:
        raise Failed(f"The database cannot be compared with the backup: {exc}") from exc
    return plan


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
    if safety and any(_exists(table, plan.alias) for table in plan.staged.tables):
        before = database.backup(repository, plan.alias, source=SAFETY, full=True, accept_change=True).generation
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
    return chains.at(chains.of_source(repository.trusted(), database.SOURCE), at)


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
    _compared(plan, whole=not chosen)


def _touched(plan: Plan) -> Iterator[Touched]:
    for table in plan.staged.tables:
        for action in WORK:
            for some in _batches(plan.steps(action, model=table.label)):
                pks = [step.target for step in some]
                now = {} if action == DELETE else _now(table, plan.alias, pks)
                unit = _unit_column(table)
                yield table.label, action, b"".join(_packed(pk, now.get(pk, {}), unit) for pk in pks)


def _packed(pk: int, row: Row, unit: str) -> bytes:
    return TOUCHED.pack(pk, row.get(unit) or 0, _digest(row) if row else b"")


def _now(table: Table, alias: str, pks: list[int]) -> dict[int, Row]:
    """The rows that are there, by key."""
    names = [column.name for column in table.columns]
    rows = table.model._base_manager.using(alias).filter(pk__in=pks).values(*names)
    return {row[table.pk.name]: row for row in rows}


def _digest(row: Row) -> bytes:
    content = repr([(name, comparable(value)) for name, value in sorted(row.items())])
    return hashlib.blake2b(content.encode(errors="surrogatepass"), digest_size=8).digest()


def _unit_column(table: Table) -> str:
    """By which a row belongs to a unit; "" for what belongs to none."""
    unit = settings.BACKUP_UNIT["model"]
    if table.label == unit:
        return table.pk.name
    return next((column.name for column in table.references if column.refers == unit), "")


def _exists(table: Table, alias: str) -> bool:
    return table.model._base_manager.using(alias).exists()


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
class _Comparison:
    """Goes through the tables in their order, so that what a row refers to has its place in the target before it."""

    plan: Plan
    whole: bool

    def __post_init__(self) -> None:
        self.found = self.plan.staged
        self.unit = settings.BACKUP_UNIT["model"]
        self.numbers = itertools.count(1)
        self.foreign: dict[str, dict[int, int | None]] = {}  # of what is not kept, by label: the target's key
        self.replaced: set[int] = set()  # units of the backup that are created or changed
        self.going: dict[str, set[int]] = {}  # rows of the target that an undo deletes, by label

    def all(self) -> None:
        for table in self.found.tables:
            self.plan.counts[table.label] = Counter()
            comparing = _Table(self, table, _exists(table, self.plan.alias))
            for some in self.found.rows(table, chosen=not self.whole):
                self._note(table, comparing.steps(some))
        if self.plan.mode == "mirror":
            for table in reversed(self.found.tables):
                for pks in self._left_over(table):
                    self._note(table, [Step(table.label, pk, pk, DELETE) for pk in pks])

    def _note(self, table: Table, steps: Iterable[Step]) -> None:
        rows = []
        for step in steps:
            self.plan.counts[table.label][step.action] += 1
            number = next(self.numbers)
            if step.action == SAME:
                continue
            told = ({name: (str(now), str(then)) for name, (now, then) in step.fields.items()}, step.why)
            rows.append((number, step.model, step.pk, step.target, step.action, marshal.dumps(told)))
        self.found.connection.executemany("INSERT INTO step VALUES (?, ?, ?, ?, ?, ?)", rows)

    def action(self, label: str, pk: int) -> str:
        """What the restore did to a row, "" for nothing."""
        sql = "SELECT action FROM touched WHERE model = ? AND pk = ?"
        found = self.found.connection.execute(sql, (label, pk)).fetchone()
        return str(found[0]) if found else ""

    def is_later(self, label: str, pk: int) -> bool:
        """Whether a row that is there was neither there before the restore nor made by it. Numbers may come again."""
        action = self.action(label, pk)
        return action == DELETE or (not action and not self.found.holds(label, pk))

    def place(self, label: str, pk: int) -> int | None:
        """Where in the target something is that rows refer to; None when it is nowhere."""
        run = self.found.connection.execute
        if moved := run("SELECT target FROM moved WHERE model = ? AND pk = ?", (label, pk)).fetchone():
            return int(moved[0]) if moved[0] is not None else None
        if self.found.holds(label, pk):
            return pk
        known = self.foreign.setdefault(label, {})
        if pk not in known:
            key = self.found.key(label, pk)
            known[pk] = _look_up(tables.table(label), key, self.plan.alias) if key else None
        return known[pk]

    def _left_over(self, table: Table) -> Iterator[list[int]]:
        """Rows of the target that nothing of the backup has claimed; with a choice, of its units alone."""
        rows = table.model._base_manager.using(self.plan.alias).order_by("pk")
        if not self.whole:
            reference = next((column for column in table.references if column.refers == self.unit), None)
            if reference is None:
                return
            chosen = self.found.connection.execute(
                "SELECT coalesce(m.target, c.pk) FROM chosen c LEFT JOIN moved m ON m.model = c.model AND m.pk = c.pk "
                "WHERE c.model = ?",
                (self.unit,),
            )
            rows = rows.filter(**{f"{reference.name}__in": [pk for (pk,) in chosen]})
        claimed = "SELECT target FROM claimed WHERE model = ?"
        after = -(2**63)
        while pks := list(rows.filter(pk__gt=after).values_list("pk", flat=True)[: 10 * BATCH]):
            there = {pk for (pk,) in self.found.connection.execute(
                f"{claimed} AND target > ? AND target <= ?", (table.label, after, pks[-1])
            )}  # fmt: skip
            yield [pk for pk in pks if pk not in there]
            after = pks[-1]


def _look_up(table: Table, key: Any, alias: str) -> int | None:
    """The row of a natural key in the target. Raises ValueError for what cannot be one."""
    if not isinstance(key, list):
        raise ValueError(f"{key!r} names no {table.label}.")  # noqa: TRY004  of the backup's, not of ours
    values: dict[str, Any] = {}
    for column, part in zip(table.key_columns, key, strict=True):
        values[column.name] = (
            _look_up(tables.table(column.refers), part, alias) if column.refers else column.value(part)
        )
    found: int | None = table.model._base_manager.using(alias).filter(**values).values_list("pk", flat=True).first()
    return found


class _Undoing(_Comparison):
    """Goes through the rows that a restore has touched. A unit of which anything is of later stays as a whole."""

    def all(self) -> None:
        self.kept: dict[str, dict[int, str]] = {table.label: {} for table in self.found.tables}  # rows, and why
        self.kept_units: set[int] = set()
        for table in self.found.tables:
            self.plan.counts[table.label] = Counter()
            self._judge(table)
            self._judge_others(table)
        while self._spread():
            pass
        self._choose()
        for table in reversed(self.found.tables):
            for steps in self._deletions(table):
                self._note(table, steps)
        for table in self.found.tables:
            comparing = _Table(self, table, _exists(table, self.plan.alias))
            for some in self.found.rows(table, chosen=True):
                self._note(table, self._steps(comparing, some))

    def _judge(self, table: Table) -> None:
        """Which touched rows anybody has changed or deleted since."""
        for some in _batches(self._touched(table, CREATE, CHANGE)):
            now = _now(table, self.plan.alias, [pk for pk, *_ in some])
            for pk, unit, action, digest in some:
                if pk in now and (_digest(now[pk]) == digest or self._is_back(table, pk, now[pk])):
                    continue
                if unit is not None:
                    self.kept_units.add(unit)
                if pk in now or action == CHANGE:  # what was created and is gone needs no word
                    self.kept[table.label][pk] = "it has changed since" if pk in now else "it was deleted since"

    def _judge_others(self, table: Table) -> None:
        """Which rows of the same units, that the restore did not touch, are of later, or not as they were before."""
        column = _unit_column(table)
        if not column:
            return
        run = self.found.connection.execute
        units = "SELECT unit FROM touched WHERE unit IS NOT NULL"
        rest = (
            f"SELECT pk, unit, content FROM row WHERE model = ? AND unit IN ({units}) "  # noqa: S608
            "AND pk NOT IN (SELECT pk FROM touched WHERE model = row.model) ORDER BY pk"
        )
        for some in _batches(run(rest, (table.label,))):
            now = _now(table, self.plan.alias, [pk for pk, *_ in some])
            self.kept_units |= {
                unit
                for pk, unit, content in some
                if not _as_then(table, marshal.loads(content), now.get(pk))  # noqa: S302  as well
            }
        rows = table.model._base_manager.using(self.plan.alias)
        for some in _batches(run(f"SELECT DISTINCT unit FROM ({units}) ORDER BY unit")):  # noqa: S608
            there = rows.filter(**{f"{column}__in": [unit for (unit,) in some]}).values_list("pk", column)
            later = {pk: unit for pk, unit in there if self.is_later(table.label, pk)}
            now = _now(table, self.plan.alias, list(later))
            self.kept_units |= {unit for pk, unit in later.items() if not self._is_back(table, pk, now[pk])}

    def _is_back(self, table: Table, pk: int, now: Row) -> bool:
        """Whether a row is as before the restore: it was undone before."""
        then = self._then(table, pk)
        return bool(then) and _as_then(table, then, now)

    def _then(self, table: Table, pk: int) -> Row:
        """The row of the backup, empty when it has none."""
        sql = "SELECT content FROM row WHERE model = ? AND pk = ?"
        found = self.found.connection.execute(sql, (table.label, pk)).fetchone()
        return marshal.loads(found[0]) if found else {}  # noqa: S302  written by this process

    def _spread(self) -> bool:
        """Keep what belongs to what stays, and what that refers to; whether there was anything."""
        before = len(self.kept_units) + sum(map(len, self.kept.values()))
        for table in self.found.tables:
            self._keep_what_belongs(table)
        for table in reversed(self.found.tables):
            self._keep_what_is_needed(table)
        return len(self.kept_units) + sum(map(len, self.kept.values())) > before

    def _keep_what_belongs(self, table: Table) -> None:
        """What would be deleted with its owner in the desk is a part of it: a person's groups, say."""
        owners = [column for column in table.references if column.belongs and self.kept.get(column.refers)]
        if not owners or _unit_column(table):
            return
        for some in _batches(self._touched(table, *WORK)):
            rows = _now(table, self.plan.alias, [pk for pk, *_ in some])
            for pk, *_ in some:
                row = rows.get(pk) or self._then(table, pk)
                if any(row.get(column.name) in self.kept[column.refers] for column in owners):
                    self.kept[table.label].setdefault(pk, LATER)

    def _keep_what_is_needed(self, table: Table) -> None:
        """Of what the restore has created: what something refers to that neither goes nor comes back as it was."""
        going = self.going[table.label] = set()
        for some in _batches(self._touched(table, CREATE)):
            free = {pk for pk, unit, *_ in some if not self._stays(table.label, pk, unit)}
            held = self._held(table, free)
            self.kept[table.label] |= dict.fromkeys(held, "something that stays refers to it")
            self.kept_units |= {unit for pk, unit, *_ in some if pk in held and unit is not None}
            going |= free - held

    def _held(self, table: Table, pks: set[int]) -> set[int]:
        held: set[int] = set()
        for other in self.found.tables:
            going = self.going.get(other.label, set()) | (pks if other is table else set())
            for column in other.references:
                if column.refers == table.label:
                    rows = other.model._base_manager.using(self.plan.alias).filter(**{f"{column.name}__in": pks})
                    found = rows.values_list("pk", column.name)
                    held |= {
                        refers for pk, refers in found if pk not in going and not self._comes_back(other.label, pk)
                    }
        return held

    def _comes_back(self, label: str, pk: int) -> bool:
        sql = "SELECT unit, action FROM touched WHERE model = ? AND pk = ?"
        found = self.found.connection.execute(sql, (label, pk)).fetchone()
        return bool(found and found[1] == CHANGE and not self._stays(label, pk, found[0]))

    def _choose(self) -> None:
        """The rows of the backup that come back, and what they refer to."""
        for table in self.found.tables:
            for some in _batches(self._touched(table, CHANGE, DELETE)):
                rows = [(table.label, pk) for pk, unit, *_ in some if not self._stays(table.label, pk, unit)]
                self.found.connection.executemany("INSERT INTO chosen VALUES (?, ?, 0)", rows)
        self.found.choose_needed()

    def _deletions(self, table: Table) -> Iterator[list[Step]]:
        """What the restore has created goes; and what stays is said."""
        rows = table.model._base_manager.using(self.plan.alias)
        for some in _batches(self._touched(table, CREATE)):
            there = set(rows.filter(pk__in=[pk for pk, *_ in some]).values_list("pk", flat=True))
            going = self.going[table.label]
            yield [
                Step(table.label, pk, pk, DELETE)
                if pk in going
                else Step(table.label, pk, pk, KEEP, why=self._stays(table.label, pk, unit))
                for pk, unit, *_ in some
                if pk in there
            ]
        for some in _batches(self._touched(table, CHANGE, DELETE)):
            yield [
                Step(table.label, pk, pk, KEEP, why=why)
                for pk, unit, *_ in some
                if (why := self._stays(table.label, pk, unit))
            ]

    def _steps(self, comparing: _Table, some: list[tuple[int, Row]]) -> Iterator[Step]:
        """What is only referred to comes back if it is gone, and is not compared."""
        table = comparing.table
        unit = _unit_column(table)
        kept = [pk for pk, row in some if row.get(unit) in self.kept_units and pk not in comparing.needed]
        yield from (Step(table.label, pk, pk, KEEP, why=LATER) for pk in kept)
        for step in comparing.steps([(pk, row) for pk, row in some if pk not in kept]):
            if step.action == KEEP and step.pk in comparing.needed:
                continue
            if step.action == KEEP and table.label == self.unit:
                self.kept_units.add(step.pk)
            yield step

    def _stays(self, label: str, pk: int, unit: int | None) -> str:
        """Why a touched row is left as it is; "" when it is not."""
        return self.kept[label].get(pk) or (LATER if unit is not None and unit in self.kept_units else "")

    def _touched(self, table: Table, *actions: str) -> Iterator[tuple[int, int | None, str, bytes]]:
        """Keys, those of their units, what was done, and digests."""
        marks = ", ".join("?" * len(actions))
        yield from self.found.connection.execute(
            f"SELECT pk, unit, action, digest FROM touched WHERE model = ? AND action IN ({marks}) ORDER BY pk",  # noqa: S608
            (table.label, *actions),
        )


def _as_then(table: Table, then: Row, now: Row | None) -> bool:
    """Whether a row that is there has the content of the backup, under the same keys of what it refers to."""
    try:
        return now is not None and all(
            comparable(column.value(then[column.name])) == comparable(now[column.name])
            for column in table.columns
            if column.name in then
        )
    except ValueError:
        return False


class _Table:
    """The comparison of one table."""

    def __init__(self, comparison: _Comparison, table: Table, exists: bool) -> None:
        self.all, self.table, self.exists = comparison, table, exists
        self.mode, self.alias = comparison.plan.mode, comparison.plan.alias
        self.label = table.label
        self.names = [column.name for column in table.columns]
        self.key = [column.name for column in table.key_columns]
        self.times = [column.name for column in table.columns if column.kind == "DateTimeField"]
        self.unit = next((column.name for column in table.references if column.refers == comparison.unit), "")
        self.undoing = self.mode == UNDO
        self.needed = comparison.found.needed(table.label)
        self.unique = [
            column.name
            for column in table.columns
            if column.field.unique and not column.field.primary_key and [column.name] != self.key
        ]
        self.rows = table.model._base_manager.using(self.alias).order_by("pk")
        highest = self.rows.order_by("-pk").values_list("pk", flat=True).first() if exists else 0
        self.fresh = itertools.count(max(highest or 0, comparison.found.highest(table)) + 1)

    def steps(self, some: list[tuple[int, Row]]) -> list[Step]:
        ready: list[tuple[int, Row]] = []
        steps = []
        for pk, row in some:
            try:
                ready.append((pk, self._translated(row)))
            except (ValueError, Failed) as exc:
                self._claim(pk, None)
                steps.append(Step(self.label, pk, pk, CONFLICT, why=str(exc)))
        by_key, by_pk, by_unique = self._there(ready)
        return steps + [self._step(pk, row, by_key, by_pk, by_unique) for pk, row in ready]

    def row(self, step: Step) -> Row:
        """What is written for a step. What the backup does not have gets its default when the row is new."""
        sql = "SELECT content FROM row WHERE model = ? AND pk = ?"
        [content] = self.all.found.connection.execute(sql, (self.label, step.pk)).fetchone()
        found = self._translated(marshal.loads(content)) | {self.table.pk.name: step.target}  # noqa: S302
        if step.action == CREATE:
            new = [column for column in self.table.columns if column.name not in found]
            found |= {column.name: column.field.get_default() for column in new}
        return found

    def _translated(self, row: Row) -> Row:
        """A row's values as the target would have them, but for its own key. Raises ValueError, Failed."""
        found: Row = {}
        for column in self.table.columns:
            if column.name not in row:
                if column.name in self.key:
                    raise ValueError(f"the backup does not have its {column.name}")
                continue
            value = column.value(row[column.name])
            if value is None and not column.field.null:
                raise ValueError(f"{column.name} is empty, which cannot be.")
            if column.refers and value is not None:
                place = self.all.place(column.refers, value)
                if place is None:
                    raise Failed(f"{column.field.name} is {column.refers} {value}, which is not in the backup or here.")
                value = place
            found[column.name] = value
        return found

    def _there(
        self, some: list[tuple[int, Row]]
    ) -> tuple[dict[tuple[Any, ...], list[Row]], dict[int, Row], dict[str, dict[Any, int]]]:
        if not self.exists or not some:
            return {}, {}, {}
        by_key: dict[tuple[Any, ...], list[Row]] = {}
        narrow = self.unit or self.key[0]
        found = self.rows.filter(**{f"{narrow}__in": {row[narrow] for _, row in some}})
        for row in found.values(*self.names):
            by_key.setdefault(self._key(row), []).append(row)
        by_pk = {
            row[self.table.pk.name]: row for row in self.rows.filter(pk__in=[pk for pk, _ in some]).values(*self.names)
        }
        by_unique = {
            name: dict(self.rows.filter(**{f"{name}__in": {row.get(name) for _, row in some}}).values_list(name, "pk"))
            for name in self.unique
        }
        return by_key, by_pk, by_unique

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(comparable(row[name]) for name in self.key)

    def _step(
        self,
        pk: int,
        row: Row,
        by_key: dict[tuple[Any, ...], list[Row]],
        by_pk: dict[int, Row],
        by_unique: dict[str, dict[Any, int]],
    ) -> Step:
        own = self.table.pk.name
        alike, taken = by_key.get(self._key(row), []), by_pk.get(pk)
        if self.undoing and pk not in self.needed:
            return self._back(pk, row, alike, taken, by_unique)
        free = [there for there in alike if not self._claimed(there[own])]
        match = next((there for there in free if there[own] == pk), free[0] if free else None)
        if match is None and taken is not None and self.mode == "mirror" and not self._elsewhere(taken):
            match = taken  # the same thing, whose natural key was another then
        return self._matched(pk, row, match, taken, by_unique)

    def _back(
        self, pk: int, row: Row, alike: list[Row], taken: Row | None, by_unique: dict[str, dict[Any, int]]
    ) -> Step:
        """A row that a restore has changed is still the one of its number, whatever its name; one that it deleted is
        none that is there, and does not come back beside another of its name."""
        own, changed = self.table.pk.name, self.all.action(self.label, pk) == CHANGE
        there = [each[own] for each in alike if each[own] not in self.all.going.get(self.label, ())]
        later = [
            other
            for other in there
            if other != pk and (self.all.action(self.label, other) == CREATE or self.all.is_later(self.label, other))
        ]
        again = not changed and pk in there
        if again and taken and not self._differs(row, taken):
            return self._matched(pk, row, taken, taken, by_unique)
        if again or later:
            self._claim(pk, pk if again or changed else later[0])
            return Step(self.label, pk, pk, KEEP, why="there is one of its name since")
        return self._matched(pk, row, taken if changed else None, taken, by_unique)

    def _matched(
        self,
        pk: int,
        row: Row,
        match: Row | None,
        taken: Row | None,
        by_unique: dict[str, dict[Any, int]],
    ) -> Step:
        own = self.table.pk.name
        target, why = (pk, "") if match is None else (match[own], "")
        if match is None and (taken is not None or self._claimed(pk)):
            target = next(self.fresh)
            why = f"its number {pk} is taken by {_short(self._name(taken))}" if taken else f"its number {pk} is taken"
        self._claim(pk, target)
        for name, pks in by_unique.items():
            other = pks.get(row.get(name))
            if other is not None and other != target and not self._gone(other):
                return Step(
                    self.label, pk, target, CONFLICT, why=f"{name} {_short(row[name])} belongs to number {other}"
                )
        if match is None:
            self._replaced(pk)
            return Step(self.label, pk, target, CREATE, why=why)
        differs = self._differs(row, match)
        if not differs:
            return Step(self.label, pk, target, SAME)
        if not self._wins(pk, row, match):
            return Step(self.label, pk, target, KEEP, differs)
        self._replaced(pk)
        return Step(self.label, pk, target, CHANGE, differs)

    def _differs(self, row: Row, there: Row) -> dict[str, tuple[Any, Any]]:
        return {
            name: (there[name], row[name])
            for name in row
            if name != self.table.pk.name and comparable(there[name]) != comparable(row[name])
        }

    def _wins(self, pk: int, row: Row, there: Row) -> bool:
        """Whether the backup's content replaces that of the target."""
        if self.mode == "missing" or pk in self.needed:
            return False
        if self.mode in ("overwrite", "mirror", UNDO):
            return True
        now = datetime.now(UTC)
        then = [at for name in self.times if (at := row.get(name)) and at <= self.all.plan.generation.began]
        here = [at for name in self.times if (at := there[name]) and at <= now]
        if not then and not here:
            return bool(self.unit) and row[self.unit] in self.all.replaced
        return bool(then) and (not here or max(then) > max(here))

    def _replaced(self, pk: int) -> None:
        if self.label == self.all.unit:
            self.all.replaced.add(self.all.place(self.label, pk) or pk)

    def _claim(self, pk: int, target: int | None) -> None:
        run = self.all.found.connection.execute
        if target != pk:
            run("INSERT OR REPLACE INTO moved VALUES (?, ?, ?)", (self.label, pk, target))
        if target is not None:
            run("INSERT OR IGNORE INTO claimed VALUES (?, ?)", (self.label, target))

    def _claimed(self, target: int) -> bool:
        sql = "SELECT 1 FROM claimed WHERE model = ? AND target = ?"
        return bool(self.all.found.connection.execute(sql, (self.label, target)).fetchone())

    def _gone(self, target: int) -> bool:
        """Whether a row of the target goes in the same restore."""
        if self.undoing:
            return target in self.all.going.get(self.label, ())
        return self.mode == "mirror" and self.all.whole and not self._claimed(target)

    def _elsewhere(self, there: Row) -> bool:
        """Whether the backup has this row of the target under another key."""
        return self._claimed(there[self.table.pk.name])

    def _name(self, row: Row | None) -> str:
        return ", ".join(str(row[name]) for name in self.key) if row else ""


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
            for some in _batches(self.plan.steps(DELETE, model=table.label)):
                self._delete(table, [step.target for step in some], kept)
        comparison = _Comparison(self.plan, whole=True)
        for table in self.plan.staged.tables:
            reading = _Table(comparison, table, exists=False)
            for action in (CHANGE, CREATE):
                for some in _batches(self.plan.steps(action, model=table.label)):
                    self._write(table, action, [reading.row(step) for step in some])
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
        prepared = [(column.name, column.field.get_db_prep_save) for column in columns]
        with connection.cursor() as cursor:
            cursor.executemany(sql, [[prepare(row[name], connection) for name, prepare in prepared] for row in rows])

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


def _batches(things: Iterator[Thing]) -> Iterator[list[Thing]]:
    while some := list(itertools.islice(things, BATCH)):
        yield some

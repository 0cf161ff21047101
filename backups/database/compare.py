"""Each row of a backup beside the database: what would happen to it, and to which row of the target.

Tables are gone through in their order, so that what a row refers to has its place before the row. Steps and places are
kept in the staged file: memory stays flat, and a batch of rows costs a handful of statements.
"""

from __future__ import annotations

import hashlib
import itertools
import marshal
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError

from backups.database import tables
from backups.database.staging import BATCH, Row, Staged
from backups.database.tables import Column, Table, comparable
from backups.errors import Failed
from backups.repository.manifests import Generation

CREATE, CHANGE, SAME, KEEP, DELETE, CONFLICT = ACTIONS = ("create", "change", "same", "keep", "delete", "conflict")
WORK = (CREATE, CHANGE, DELETE)
UNDO = "undo"  # the mode of one, which nobody chooses
WORDS = dict(
    zip(ACTIONS, ("to create", "to change", "the same", "kept as they are", "to delete", "in conflict"), strict=True)
)
MOST_PLACES = 10_000  # of what rows refer to that are remembered
Thing = TypeVar("Thing")


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
    by: type[Comparison] | None = None  # another one than the comparison of all that the backup has
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # by model
    digest: Any = None  # of the work, and of what is in conflict

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
        return str(self.digest.hexdigest())


def compared(plan: Plan, whole: bool) -> Plan:
    plan.digest = hashlib.sha256(f"{plan.generation.id} {plan.mode} {plan.alias}".encode())
    try:
        (plan.by or Comparison)(plan, whole).all()
    except DatabaseError as exc:
        raise Failed(f"The database cannot be compared with the backup: {exc}") from exc
    return plan


@dataclass
class Comparison:
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
            comparing = TableComparison(self, table, has_rows(table, self.plan.alias))
            for some in self.found.rows(table, chosen=not self.whole):
                self.note(table, comparing.steps(some))
        if self.plan.mode == "mirror":
            for table in reversed(self.found.tables):
                for pks in self._left_over(table):
                    self.note(table, [Step(table.label, pk, pk, DELETE) for pk in pks])

    def note(self, table: Table, steps: Iterable[Step]) -> None:
        rows, done = [], []
        for step in steps:
            self.plan.counts[table.label][step.action] += 1
            number = next(self.numbers)
            if step.action == SAME:
                continue
            if step.action != KEEP:
                done.append(f"{step.model} {step.pk} {step.target} {step.action} {sorted(step.fields)}\n")
            told = ({name: (str(now), str(then)) for name, (now, then) in step.fields.items()}, step.why)
            rows.append((number, step.model, step.pk, step.target, step.action, marshal.dumps(told)))
        self.plan.digest.update("".join(done).encode())
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


class TableComparison:
    """The comparison of one table."""

    def __init__(self, comparison: Comparison, table: Table, exists: bool) -> None:
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
        self.places: dict[str, dict[int, int | None]] = {column.name: {} for column in table.references}
        self.claims: list[tuple[int, int | None]] = []  # of the rows under way
        self.taken: set[int] = set()  # numbers of the target that were claimed, of those that matter to these rows

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
        there = {row[self.table.pk.name] for alike in by_key.values() for row in alike}
        self.taken = self._taken({pk for pk, _ in ready}.union(there, *(pks.values() for pks in by_unique.values())))
        steps += [self._step(pk, row, by_key, by_pk, by_unique) for pk, row in ready]
        self._settle()
        return steps

    def written(self, steps: list[Step]) -> list[Row]:
        """What is written for some steps. What the backup does not have gets its default when the row is new."""
        sql = f"SELECT pk, content FROM row WHERE model = ? AND pk IN ({_numbers(step.pk for step in steps)})"  # noqa: S608
        contents = dict(self.all.found.connection.execute(sql, (self.label,)))
        found = []
        for step in steps:
            row = self._translated(marshal.loads(contents[step.pk])) | {self.table.pk.name: step.target}  # noqa: S302
            if step.action == CREATE:
                new = [column for column in self.table.columns if column.name not in row]
                row |= {column.name: column.field.get_default() for column in new}
            found.append(row)
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
                place = self._place(column, value)
                if place is None:
                    raise Failed(f"{column.field.name} is {column.refers} {value}, which is not in the backup or here.")
                value = place
            found[column.name] = value
        return found

    def _place(self, column: Column, pk: int) -> int | None:
        """Where that is which a row refers to. Tables before this one have their places, so they are remembered."""
        if column.refers == self.label:
            return self.all.place(column.refers, pk)
        known = self.places[column.name]
        if pk not in known:
            if len(known) > MOST_PLACES:
                known.clear()
            known[pk] = self.all.place(column.refers, pk)
        return known[pk]

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
        free = [there for there in alike if there[own] not in self.taken]
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
        if match is None and (taken is not None or pk in self.taken):
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
            self._replaced(target)
            return Step(self.label, pk, target, CREATE, why=why)
        differs = self._differs(row, match)
        if not differs:
            return Step(self.label, pk, target, SAME)
        if not self._wins(pk, row, match):
            return Step(self.label, pk, target, KEEP, differs)
        self._replaced(target)
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

    def _replaced(self, target: int) -> None:
        if self.label == self.all.unit:
            self.all.replaced.add(target)

    def _claim(self, pk: int, target: int | None) -> None:
        self.claims.append((pk, target))
        if target is not None:
            self.taken.add(target)

    def _settle(self) -> None:
        """What the rows under way have claimed is known from now on to those that refer to them, and to later ones."""
        run = self.all.found.connection.executemany
        moved = [(self.label, pk, target) for pk, target in self.claims if target != pk]
        run("INSERT OR REPLACE INTO moved VALUES (?, ?, ?)", moved)
        claimed = [(self.label, target) for _, target in self.claims if target is not None]
        run("INSERT OR IGNORE INTO claimed VALUES (?, ?)", claimed)
        self.claims.clear()

    def _taken(self, targets: set[int]) -> set[int]:
        sql = f"SELECT target FROM claimed WHERE model = ? AND target IN ({_numbers(targets)})"  # noqa: S608
        return {target for (target,) in self.all.found.connection.execute(sql, (self.label,))}

    def _gone(self, target: int) -> bool:
        """Whether a row of the target goes in the same restore."""
        if self.undoing:
            return target in self.all.going.get(self.label, ())
        return self.mode == "mirror" and self.all.whole and target not in self.taken

    def _elsewhere(self, there: Row) -> bool:
        """Whether the backup has this row of the target under another key."""
        return there[self.table.pk.name] in self.taken

    def _name(self, row: Row | None) -> str:
        return ", ".join(str(row[name]) for name in self.key) if row else ""


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


def _told(content: bytes) -> tuple[dict[str, tuple[Any, Any]], str]:
    fields, why = marshal.loads(content)  # noqa: S302  # written by this process
    return fields, why


def _short(value: Any) -> str:
    text = "nothing" if value is None or value == "" else str(value)
    return f"{text[:37]}…" if len(text) > 38 else text


def has_rows(table: Table, alias: str) -> bool:
    return table.model._base_manager.using(alias).exists()


def _numbers(pks: Iterable[int]) -> str:
    return ", ".join(str(int(pk)) for pk in pks)


def batches(things: Iterator[Thing]) -> Iterator[list[Thing]]:
    while some := list(itertools.islice(things, BATCH)):
        yield some

"""The rows of one table in a backup beside those of the database."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from backups.database.comparison.misfits import NoPlace
from backups.database.comparison.policy import LATER, Beside, Policy
from backups.database.comparison.steps import CHANGE, CONFLICT, CREATE, KEEP, SAME, RowStep, shortened
from backups.database.comparison.translate import TableTranslation, TargetKeys
from backups.database.tables import Key, Row, Table, comparable, unit_column
from backups.errors import Failed


@dataclass
class Candidates:
    """Rows of the target that some rows of the backup may be, or may be in the way of."""

    by_key: dict[Key, list[Row]] = field(default_factory=dict)
    by_pk: dict[int, Row] = field(default_factory=dict)
    by_unique: dict[str, dict[Any, int]] = field(default_factory=dict)  # by column and value: the key

    def pks(self, own: str) -> set[int]:
        """The keys of all of them, which stand under this name."""
        alike = {row[own] for rows in self.by_key.values() for row in rows}
        return alike.union(self.by_pk, *(pks.values() for pks in self.by_unique.values()))


class TableComparison:
    """Makes steps of some rows at a time, with a handful of statements for them."""

    def __init__(self, keys: TargetKeys, policy: Policy, table: Table) -> None:
        self.keys, self.policy, self.table = keys, policy, table
        self.translation = TableTranslation(keys, table)
        self.needed = keys.staged.needed(table.label)
        self.highest: int | None = table.rows(keys.alias).order_by("-pk").values_list("pk", flat=True).first()
        self.fresh = itertools.count(max(self.highest or 0, keys.staged.highest(table)) + 1)
        self.claims: dict[int, int | None] = {}  # of the rows under way, by key: their rows of the target
        self.claimed: set[int] = set()  # those of the target that matter to these rows

    def steps(self, some: list[tuple[int, Row]]) -> list[RowStep]:
        """Steps for rows of the backup: of those that stay, that cannot come back, and that were compared."""
        label, unit = self.table.label, unit_column(self.table)
        ready, stay, conflicts = [], [], []
        for pk, row in some:
            if pk not in self.needed and row.get(unit) in self.policy.kept_units:
                stay.append(RowStep(label, pk, pk, KEEP, why=LATER))
                continue
            try:
                ready.append((pk, self.translation.row(row)))
            except NoPlace as exc:
                self._claim(pk, None)
                self.keys.misfits.note(label, exc.column, exc.what, example=exc.example)
            except (ValueError, Failed) as exc:
                self._claim(pk, None)
                conflicts.append(RowStep(label, pk, pk, CONFLICT, why=str(exc)))
        there = self._candidates(ready)
        self.claimed = self.keys.claimed(label, there.pks(self.table.pk.name).union(pk for pk, _ in ready))
        compared = [self._step(pk, row, there) for pk, row in ready]
        self.keys.claim(label, self.claims.items())
        self.claims.clear()
        steps = [step for step in (*stay, *conflicts, *compared) if self._is_told(step)]
        for step in steps:
            self.policy.heard(step)
        return steps

    def _is_told(self, step: RowStep) -> bool:
        return self.policy.tells_needed or step.action != KEEP or step.pk not in self.needed

    def _candidates(self, some: list[tuple[int, Row]]) -> Candidates:
        """Every row is read by its key and by its number, however many belong to the same unit."""
        found = Candidates()
        if self.highest is None or not some:
            return found
        rows, own = self.table.rows(self.keys.alias).order_by("pk"), self.table.pk.name
        names = [column.name for column in self.table.columns]
        narrowed = Q()
        for column in self.table.key_columns:
            if column.found_as_python_has_it:
                narrowed &= _among(column.name, [row[column.name] for _, row in some])
        for row in rows.filter(narrowed).values(*names):
            found.by_key.setdefault(self._key(row), []).append(row)
        found.by_pk = {row[own]: row for row in rows.filter(pk__in=[pk for pk, _ in some]).values(*names)}
        for name in self.table.unique:
            alike = rows.filter(**{f"{name}__in": {row.get(name) for _, row in some}})
            found.by_unique[name] = dict(alike.values_list(name, "pk"))
        return found

    def _key(self, row: Row) -> Key:
        return tuple(comparable(row[column.name]) for column in self.table.key_columns)

    def _step(self, pk: int, row: Row, there: Candidates) -> RowStep:
        label, alike = self.table.label, there.by_key.get(self._key(row), [])
        beside = Beside(self.table, pk, row, pk in self.needed, alike, there.by_pk.get(pk), self.claimed)
        match = self.policy.match(beside)
        if match.why:
            self._claim(pk, match.kept_as)
            return RowStep(label, pk, pk, KEEP, why=match.why)
        target, renumbered = self._target(beside, match.there)
        self._claim(pk, target)
        if why := self._in_the_way(beside, target, there):
            return RowStep(label, pk, target, CONFLICT, why=why)
        if match.there is None:
            return RowStep(label, pk, target, CREATE, why=renumbered)
        differs = beside.differs(match.there)
        if not differs:
            return RowStep(label, pk, target, SAME)
        return RowStep(label, pk, target, CHANGE if self.policy.wins(beside, match.there) else KEEP, differs)

    def _target(self, beside: Beside, there: Row | None) -> tuple[int, str]:
        """The key of the row in the target; and why it is a new number, if it is."""
        if there is not None:
            return there[self.table.pk.name], ""
        pk, numbered = beside.pk, beside.numbered
        if numbered is None and pk not in self.claimed:
            return pk, ""
        by = ", ".join(str(numbered[column.name]) for column in self.table.key_columns) if numbered else ""
        return next(self.fresh), f"its number {pk} is taken" + (f" by {shortened(by)}" if numbered else "")

    def _in_the_way(self, beside: Beside, target: int, there: Candidates) -> str:
        """A sentence when a row of the target has what must be of this one alone, and stays."""
        for name, pks in there.by_unique.items():
            other = pks.get(beside.row.get(name))
            if other is not None and other != target and not self.policy.goes(beside, other):
                return f"{name} {shortened(beside.row[name])} belongs to number {other}"
        return ""

    def _claim(self, pk: int, target: int | None) -> None:
        self.claims[pk] = target
        if target is not None:
            self.claimed.add(target)


def _among(name: str, values: Iterable[Any]) -> Q:
    some = set(values)
    found = Q(**{f"{name}__in": some - {None}})
    return found | Q(**{f"{name}__isnull": True}) if None in some else found

"""What an undo does to each row that a restore has touched, and to what hangs on it.

It goes by the keys of this database. What the restore changed or deleted comes back out of the safety backup, what it
created goes. Whatever anybody has changed since stays, and with it all that it is half of:

| since the restore                       | what stays                                                  |
|-----------------------------------------|-------------------------------------------------------------|
| any row of a unit (article) has changed | the whole unit                                              |
| a row without a unit has changed        | it, and what would be deleted with it: a person's groups    |
| something new refers to a created row   | that row, and what would be deleted with it                 |
| another has the name or the number      | what is there; under its number, what comes back gets a new |
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator

from django.conf import settings

from backups.database.comparison.policy import LATER, Beside, Match, Policy
from backups.database.comparison.steps import CHANGE, CREATE, DELETE, KEEP, WRITES, RowStep, batches
from backups.database.comparison.touched import TouchedRow, row_digest, rows_there
from backups.database.staging import Staged
from backups.database.tables import Row, Table, comparable, unit_column


class UndoPolicy(Policy):
    """Chooses the rows that a restore has touched, and judges them by keys. A unit of which anything is of later stays
    as a whole.
    """

    chosen = True
    tells_needed = False

    def __init__(self, staged: Staged, alias: str) -> None:
        self.staged, self.alias = staged, alias
        self.unit = settings.BACKUP_UNIT["model"]
        self.kept: dict[str, dict[int, str]] = {table.label: {} for table in staged.tables}  # rows, and why
        self.kept_units: set[int] = set()
        self.going: dict[str, set[int]] = {table.label: set() for table in staged.tables}  # rows that are deleted

    def before(self) -> Iterator[list[RowStep]]:
        """What stays is found first, as everything else depends on it."""
        for table in self.staged.tables:
            self._judge(table)
            self._judge_others(table)
        while self._spread():
            pass
        self._choose()
        for table in reversed(self.staged.tables):
            yield from self._deletions(table)

    def match(self, beside: Beside) -> Match:
        """A row that a restore has changed is still the one of its number, whatever its name; one that it deleted is
        none that is there, and does not come back beside another of its name.
        """
        if beside.needed:
            return Match(beside.same)
        label, own, pk = beside.table.label, beside.table.pk.name, beside.pk
        changed = self._action(label, pk) == CHANGE
        there = [each[own] for each in beside.alike if each[own] not in self.going[label]]
        again = not changed and pk in there
        if again and beside.numbered and not beside.differs(beside.numbered):
            return Match(beside.numbered)
        later = [other for other in there if other != pk and self._is_since(label, other)]
        if again or later:
            return Match(kept_as=pk if again or changed else later[0], why="there is one of its name since")
        return Match(beside.numbered if changed else None)

    def wins(self, beside: Beside, there: Row) -> bool:
        """It is the row of its number, and nobody has touched it since."""
        return not beside.needed and there is beside.numbered

    def goes(self, beside: Beside, target: int) -> bool:
        return target in self.going[beside.table.label]

    def heard(self, step: RowStep) -> None:
        if step.action == KEEP and step.model == self.unit:
            self.kept_units.add(step.pk)

    # What stays

    def _judge(self, table: Table) -> None:
        """Which touched rows anybody has changed or deleted since."""
        for some in batches(self._touched(table, CREATE, CHANGE)):
            now = rows_there(table, self.alias, [row.pk for row in some])
            for pk, unit, action, digest in some:
                if pk in now and (row_digest(now[pk]) == digest or self._is_back(table, pk, now[pk])):
                    continue
                if unit is not None:
                    self.kept_units.add(unit)
                if pk in now or action == CHANGE:  # what was created and is gone needs no word
                    self.kept[table.label][pk] = "it has changed since" if pk in now else "it was deleted since"

    def _judge_others(self, table: Table) -> None:
        """Which rows of the same units, that the restore did not touch, are of later, or not as they were before."""
        column = unit_column(table)
        if not column:
            return
        run = self.staged.connection.execute
        units = "SELECT unit FROM touched WHERE unit IS NOT NULL"
        rest = (
            f"SELECT pk, unit, content FROM row WHERE model = ? AND unit IN ({units}) "  # noqa: S608
            "AND pk NOT IN (SELECT pk FROM touched WHERE model = row.model) ORDER BY pk"
        )
        for some in batches(run(rest, (table.label,))):
            now = rows_there(table, self.alias, [pk for pk, *_ in some])
            self.kept_units |= {
                unit
                for pk, unit, content in some
                if not _as_then(table, marshal.loads(content), now.get(pk))  # noqa: S302  as well
            }
        for some in batches(run(f"SELECT DISTINCT unit FROM ({units}) ORDER BY unit")):  # noqa: S608
            there = table.rows(self.alias).filter(**{f"{column}__in": [unit for (unit,) in some]})
            later = {pk: unit for pk, unit in there.values_list("pk", column) if self._is_later(table.label, pk)}
            now = rows_there(table, self.alias, list(later))
            self.kept_units |= {unit for pk, unit in later.items() if not self._is_back(table, pk, now[pk])}

    def _is_back(self, table: Table, pk: int, now: Row) -> bool:
        """Whether a row is as before the restore: it was undone before."""
        then = self.staged.row(table.label, pk)
        return bool(then) and _as_then(table, then, now)

    def _spread(self) -> bool:
        """Keep what belongs to what stays, and what that refers to; whether there was anything."""
        before = len(self.kept_units) + sum(map(len, self.kept.values()))
        for table in self.staged.tables:
            self._keep_what_belongs(table)
        for table in reversed(self.staged.tables):
            self._keep_what_is_needed(table)
        return len(self.kept_units) + sum(map(len, self.kept.values())) > before

    def _keep_what_belongs(self, table: Table) -> None:
        """What would be deleted with its owner in the desk is a part of it: a person's groups, say."""
        owners = [column for column in table.references if column.belongs and self.kept.get(column.refers)]
        if not owners or unit_column(table):
            return
        for some in batches(self._touched(table, *WRITES)):
            rows = rows_there(table, self.alias, [row.pk for row in some])
            for pk, *_ in some:
                row = rows.get(pk) or self.staged.row(table.label, pk)
                if any(row.get(column.name) in self.kept[column.refers] for column in owners):
                    self.kept[table.label].setdefault(pk, LATER)

    def _keep_what_is_needed(self, table: Table) -> None:
        """Of what the restore has created: what something refers to that neither goes nor comes back as it was."""
        going = self.going[table.label] = set()
        for some in batches(self._touched(table, CREATE)):
            free = {row.pk for row in some if not self._stays(table.label, row.pk, row.unit)}
            held = self._held(table, free)
            self.kept[table.label] |= dict.fromkeys(held, "something that stays refers to it")
            self.kept_units |= {row.unit for row in some if row.pk in held and row.unit is not None}
            going |= free - held

    def _held(self, table: Table, pks: set[int]) -> set[int]:
        """Those of some rows that a row refers to which does not go with them."""
        held: set[int] = set()
        for other in self.staged.tables:
            going = self.going[other.label] | (pks if other is table else set())
            for column in other.references:
                if column.refers == table.label:
                    rows = other.rows(self.alias).filter(**{f"{column.name}__in": pks})
                    left = {pk: refers for pk, refers in rows.values_list("pk", column.name) if pk not in going}
                    held |= {refers for pk, refers in left.items() if not self._comes_back(other.label, pk)}
        return held

    def _comes_back(self, label: str, pk: int) -> bool:
        sql = "SELECT unit, action FROM touched WHERE model = ? AND pk = ?"
        found = self.staged.connection.execute(sql, (label, pk)).fetchone()
        return bool(found and found[1] == CHANGE and not self._stays(label, pk, found[0]))

    def _stays(self, label: str, pk: int, unit: int | None) -> str:
        """Why a touched row is left as it is; "" when it is not."""
        return self.kept[label].get(pk) or (LATER if unit is not None and unit in self.kept_units else "")

    # What comes back, and what goes

    def _choose(self) -> None:
        """The rows of the backup that come back, and what they refer to."""
        self.staged.connection.execute("DELETE FROM chosen")
        for table in self.staged.tables:
            for some in batches(self._touched(table, CHANGE, DELETE)):
                rows = [(table.label, row.pk) for row in some if not self._stays(table.label, row.pk, row.unit)]
                self.staged.connection.executemany("INSERT INTO chosen VALUES (?, ?, 0)", rows)
        self.staged.choose_needed()

    def _deletions(self, table: Table) -> Iterator[list[RowStep]]:
        """What the restore has created goes; and what stays is said."""
        label, going = table.label, self.going[table.label]
        for some in batches(self._touched(table, CREATE)):
            rows = table.rows(self.alias).filter(pk__in=[row.pk for row in some])
            there = set(rows.values_list("pk", flat=True))
            yield [
                RowStep(label, pk, pk, DELETE)
                if pk in going
                else RowStep(label, pk, pk, KEEP, why=self._stays(label, pk, unit))
                for pk, unit, *_ in some
                if pk in there
            ]
        for some in batches(self._touched(table, CHANGE, DELETE)):
            yield [
                RowStep(label, row.pk, row.pk, KEEP, why=why)
                for row in some
                if (why := self._stays(label, row.pk, row.unit))
            ]

    # What the restore has done

    def _touched(self, table: Table, *actions: str) -> Iterator[TouchedRow]:
        """The rows with which it did this, by ascending key."""
        marks = ", ".join("?" * len(actions))
        found = self.staged.connection.execute(
            f"SELECT pk, unit, action, digest FROM touched WHERE model = ? AND action IN ({marks}) ORDER BY pk",  # noqa: S608
            (table.label, *actions),
        )
        return map(TouchedRow._make, found)

    def _action(self, label: str, pk: int) -> str:
        """What it did to a row, "" for nothing."""
        sql = "SELECT action FROM touched WHERE model = ? AND pk = ?"
        found = self.staged.connection.execute(sql, (label, pk)).fetchone()
        return str(found[0]) if found else ""

    def _is_later(self, label: str, pk: int) -> bool:
        """Whether a row that is there was neither there before the restore nor made by it. Numbers may come again."""
        action = self._action(label, pk)
        return action == DELETE or (not action and not self.staged.holds(label, pk))

    def _is_since(self, label: str, pk: int) -> bool:
        """Whether a row was not there before the restore."""
        return self._action(label, pk) == CREATE or self._is_later(label, pk)


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

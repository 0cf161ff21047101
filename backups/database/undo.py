"""A restore of the database, undone: the rows that it has touched, and no others.

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
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from backups.database import chains
from backups.database.compare import (
    CHANGE,
    CREATE,
    DELETE,
    KEEP,
    UNDO,
    WORK,
    Comparison,
    Plan,
    Step,
    TableComparison,
    batches,
    compared,
    has_rows,
)
from backups.database.restore import TOUCHED, Touched, digest_of, rows_there, unit_column
from backups.database.staging import Row, staged
from backups.database.tables import Table, comparable
from backups.progress import Started, silent
from backups.repository.manifests import Generation
from backups.repository.repository import Repository

LATER = "what it belongs to has changed since"


@contextmanager
def planned(
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
        yield compared(Plan(found, alias, UNDO, by=_Undoing), whole=False)


class _Undoing(Comparison):
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
                self.note(table, steps)
        for table in self.found.tables:
            comparing = TableComparison(self, table, has_rows(table, self.plan.alias))
            for some in self.found.rows(table, chosen=True):
                self.note(table, self._steps(comparing, some))

    def _judge(self, table: Table) -> None:
        """Which touched rows anybody has changed or deleted since."""
        for some in batches(self._touched(table, CREATE, CHANGE)):
            now = rows_there(table, self.plan.alias, [pk for pk, *_ in some])
            for pk, unit, action, digest in some:
                if pk in now and (digest_of(now[pk]) == digest or self._is_back(table, pk, now[pk])):
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
        run = self.found.connection.execute
        units = "SELECT unit FROM touched WHERE unit IS NOT NULL"
        rest = (
            f"SELECT pk, unit, content FROM row WHERE model = ? AND unit IN ({units}) "  # noqa: S608
            "AND pk NOT IN (SELECT pk FROM touched WHERE model = row.model) ORDER BY pk"
        )
        for some in batches(run(rest, (table.label,))):
            now = rows_there(table, self.plan.alias, [pk for pk, *_ in some])
            self.kept_units |= {
                unit
                for pk, unit, content in some
                if not _as_then(table, marshal.loads(content), now.get(pk))  # noqa: S302  as well
            }
        rows = table.model._base_manager.using(self.plan.alias)
        for some in batches(run(f"SELECT DISTINCT unit FROM ({units}) ORDER BY unit")):  # noqa: S608
            there = rows.filter(**{f"{column}__in": [unit for (unit,) in some]}).values_list("pk", column)
            later = {pk: unit for pk, unit in there if self.is_later(table.label, pk)}
            now = rows_there(table, self.plan.alias, list(later))
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
        if not owners or unit_column(table):
            return
        for some in batches(self._touched(table, *WORK)):
            rows = rows_there(table, self.plan.alias, [pk for pk, *_ in some])
            for pk, *_ in some:
                row = rows.get(pk) or self._then(table, pk)
                if any(row.get(column.name) in self.kept[column.refers] for column in owners):
                    self.kept[table.label].setdefault(pk, LATER)

    def _keep_what_is_needed(self, table: Table) -> None:
        """Of what the restore has created: what something refers to that neither goes nor comes back as it was."""
        going = self.going[table.label] = set()
        for some in batches(self._touched(table, CREATE)):
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
            for some in batches(self._touched(table, CHANGE, DELETE)):
                rows = [(table.label, pk) for pk, unit, *_ in some if not self._stays(table.label, pk, unit)]
                self.found.connection.executemany("INSERT INTO chosen VALUES (?, ?, 0)", rows)
        self.found.choose_needed()

    def _deletions(self, table: Table) -> Iterator[list[Step]]:
        """What the restore has created goes; and what stays is said."""
        rows = table.model._base_manager.using(self.plan.alias)
        for some in batches(self._touched(table, CREATE)):
            there = set(rows.filter(pk__in=[pk for pk, *_ in some]).values_list("pk", flat=True))
            going = self.going[table.label]
            yield [
                Step(table.label, pk, pk, DELETE)
                if pk in going
                else Step(table.label, pk, pk, KEEP, why=self._stays(table.label, pk, unit))
                for pk, unit, *_ in some
                if pk in there
            ]
        for some in batches(self._touched(table, CHANGE, DELETE)):
            yield [
                Step(table.label, pk, pk, KEEP, why=why)
                for pk, unit, *_ in some
                if (why := self._stays(table.label, pk, unit))
            ]

    def _steps(self, comparing: TableComparison, some: list[tuple[int, Row]]) -> Iterator[Step]:
        """What is only referred to comes back if it is gone, and is not compared."""
        table = comparing.table
        unit = unit_column(table)
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

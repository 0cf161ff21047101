"""A row of a backup as the target would have it: the same values, under the target's keys.

`TargetKeys` knows which row of the target each row of the backup is or becomes; tables are gone through in their order,
so that what a row refers to has its key before the row.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable

from backups.database import tables
from backups.database.comparison.misfits import AWAY, EMPTY, OTHER_KIND, Misfits, NoPlace, Place
from backups.database.comparison.steps import CREATE, RowStep
from backups.database.staging import Staged
from backups.database.tables import Column, Row, Table, sql_list
from backups.errors import Failed

MOST_REMEMBERED = 10_000  # keys that a column refers to


class TargetKeys:
    """Keys of the target by those of the backup. Most are the same; others are kept in the staged file.

    What has no place in this version of the desk is noted among the `misfits`.
    """

    def __init__(self, staged: Staged, alias: str, misfits: Misfits) -> None:
        self.staged, self.alias, self.misfits = staged, alias, misfits
        self._foreign: dict[str, dict[int, int | None]] = {}  # of what is not kept, by label

    def of(self, label: str, pk: int) -> int | None:
        """Where in the target something is that rows refer to; None when it is nowhere. Raises ValueError."""
        moved = self.staged.connection.execute("SELECT target FROM moved WHERE model = ? AND pk = ?", (label, pk))
        if found := moved.fetchone():
            return int(found[0]) if found[0] is not None else None
        if self.staged.holds(label, pk):
            return pk
        known = self._foreign.setdefault(label, {})
        if pk not in known:
            key = self.staged.key(label, pk)
            known[pk] = _look_up(tables.table(label), key, self.alias) if key else None
        return known[pk]

    def said(self, label: str, pk: object) -> str:
        """What rows refer to, for people: by name where only that tells it, as numbers of rights do not."""
        is_kept = any(table.label == label for table in self.staged.tables)
        key = None if is_kept or not isinstance(pk, int) else self.staged.key(label, pk)
        return _in_words(key) or f"{label} {pk}"

    def claim(self, label: str, claims: Iterable[tuple[int, int | None]]) -> None:
        """Rows of the backup have found their rows of the target; None: they have none, and get none."""
        claims = list(claims)
        run = self.staged.connection.executemany
        moved = [(label, pk, target) for pk, target in claims if target != pk]
        run("INSERT OR REPLACE INTO moved VALUES (?, ?, ?)", moved)
        claimed = [(label, target) for _, target in claims if target is not None]
        run("INSERT OR IGNORE INTO claimed VALUES (?, ?)", claimed)

    def claimed(self, label: str, targets: Iterable[int]) -> set[int]:
        """Those of some rows of the target that a row of the backup has found already."""
        sql = f"SELECT target FROM claimed WHERE model = ? AND target IN ({sql_list(targets)})"  # noqa: S608
        return {target for (target,) in self.staged.connection.execute(sql, (label,))}


class TableTranslation:
    """The rows of one table."""

    def __init__(self, keys: TargetKeys, table: Table) -> None:
        self.keys, self.table = keys, table
        self._known: dict[str, dict[int, int | None]] = {column.name: {} for column in table.references}
        is_of_another = keys.staged.is_of_another_version
        self._places = {column.name: Place(table, column) for column in table.columns} if is_of_another else {}

    def row(self, row: Row) -> Row:
        """A row's values as the target would have them, but for its own key.

        Raises ValueError, Failed for what cannot be; in a backup of another version NoPlace for a row that is left out.
        """
        found: Row = {}
        for column in self.table.columns:
            place = self._places.get(column.name)
            if column.name not in row:
                if place and not place.may_be_absent:
                    raise NoPlace(column, EMPTY)
                if column in self.table.key_columns:
                    if not place:
                        raise ValueError(f"the backup does not have its {column.name}")
                    found[column.name] = place.default()
            elif place:
                found[column.name] = self._placed(place, row[column.name])
            else:
                found[column.name] = self._value(column, row[column.name])
        return found

    def _placed(self, place: Place, raw: object) -> object:
        column = place.column
        try:
            value = self._value(column, raw)
        except Failed:
            return place.instead(AWAY, self.keys.misfits, self.keys.said(column.refers, raw))
        except ValueError:
            return place.instead(EMPTY if raw is None else OTHER_KIND, self.keys.misfits)
        return place.taken(value, self.keys.misfits)

    def _value(self, column: Column, raw: object) -> object:
        value = column.value(raw)
        if value is None and not column.field.null:
            raise ValueError(f"{column.name} is empty, which cannot be.")
        if column.refers and value is not None:
            target = self._target(column, value)
            if target is None:
                raise Failed(f"{column.field.name} is {column.refers} {value}, which is not in the backup or here.")
            return target
        return value

    def written(self, steps: list[RowStep]) -> list[Row]:
        """What is written for some steps. What the backup does not have gets its default when the row is new."""
        sql = f"SELECT pk, content FROM row WHERE model = ? AND pk IN ({sql_list(step.pk for step in steps)})"  # noqa: S608
        contents = dict(self.keys.staged.connection.execute(sql, (self.table.label,)))
        found = []
        for step in steps:
            row = self.row(marshal.loads(contents[step.pk])) | {self.table.pk.name: step.target}  # noqa: S302
            if step.action == CREATE:
                new = [column for column in self.table.columns if column.name not in row]
                row |= {column.name: column.field.get_default() for column in new}
            found.append(row)
        return found

    def _target(self, column: Column, pk: int) -> int | None:
        """Where that is which a row refers to. Tables before this one have their keys, so these are remembered."""
        if column.refers == self.table.label:
            return self.keys.of(column.refers, pk)
        known = self._known[column.name]
        if pk not in known:
            if len(known) > MOST_REMEMBERED:
                known.clear()
            known[pk] = self.keys.of(column.refers, pk)
        return known[pk]


def _look_up(table: Table, key: object, alias: str) -> int | None:
    """The row of a natural key in the target. Raises ValueError for what cannot be one."""
    if not isinstance(key, list):
        raise ValueError(f"{key!r} names no {table.label}.")  # noqa: TRY004  of the backup's, not of ours
    values = {
        column.name: _look_up(tables.table(column.refers), part, alias) if column.refers else column.value(part)
        for column, part in zip(table.key_columns, key, strict=True)
    }
    return table.rows(alias).filter(**values).values_list("pk", flat=True).first()


def _in_words(key: object) -> str:
    """A natural key, those within it too: `articles topic view_topic`."""
    return " ".join(map(_in_words, key)) if isinstance(key, list) else "" if key is None else str(key)

"""What a backup of another version of the desk has, and this one has no place for.

Within one version what cannot be is damage, and nothing is restored. Of another version it is how that one was: what
is of use comes back, and what became of the rest is counted, and told.

| in the backup                                                       | here                               |
|---------------------------------------------------------------------|------------------------------------|
| nothing where something must be, no choice of ours, another kind    | the default of the column          |
| a longer text                                                       | its beginning                      |
| a reference to what does not come back                              | nothing, where that may be         |
| any of these in what names a row; where there is no default         | the row, and what needs it, is not |
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from django.db import models

from backups.database.tables import Column, Table

MOST_EXAMPLES, LONGEST_EXAMPLE = 3, 60
EMPTY, LEFT_OUT = "is empty, which cannot be here,", "left out"
UNKNOWN, OTHER_KIND, AWAY = "has a value that is not known here", "is of another kind", "refers to what is not here"


class NoPlace(Exception):
    """A row is left out. What has no place is said of its column, in the words above."""

    def __init__(self, column: Column, what: str, example: str = "") -> None:
        super().__init__(f"{column.name} {what}")
        self.column, self.what, self.example = column, what, example


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str
    column: str
    what: str
    outcome: str


@dataclass
class Misfits:
    """How often something had no place, by table, column and what became of it; with a few of the values."""

    rows: Counter[_Kind] = field(default_factory=Counter)
    examples: dict[_Kind, list[str]] = field(default_factory=dict)

    def note(self, label: str, column: Column, what: str, outcome: str = LEFT_OUT, example: str = "") -> None:
        kind = _Kind(label, column.name, what, outcome)
        self.rows[kind] += 1
        known = self.examples.setdefault(kind, [])
        if example and example not in known and len(known) <= MOST_EXAMPLES:
            known.append(example if len(example) <= LONGEST_EXAMPLE else f"{example[:LONGEST_EXAMPLE]}…")

    def clear(self) -> None:
        self.rows.clear()
        self.examples.clear()

    @property
    def sentences(self) -> list[str]:
        return [self._sentence(kind) for kind in self.rows]

    def _sentence(self, kind: _Kind) -> str:
        named = self.examples[kind]
        more = ", …" * (len(named) > MOST_EXAMPLES)
        of = f" ({', '.join(named[:MOST_EXAMPLES])}{more})" if named else ""
        rows, one = f"{self.rows[kind]:,} row{'s' * (self.rows[kind] != 1)}", self.rows[kind] == 1
        outcome = f"{'this one is' if one else 'these are'} {LEFT_OUT}" if kind.outcome == LEFT_OUT else kind.outcome
        return f"{kind.label}.{kind.column} {kind.what}{of} in {rows}: {outcome}."


@dataclass(frozen=True)
class Place:
    """What a column of this version takes."""

    table: Table
    column: Column

    def taken(self, value: Any, misfits: Misfits) -> Any:
        """A value that is of the right kind, as it can stand here. Raises NoPlace."""
        if self._choices is not None and value not in self._choices:
            return self.instead(UNKNOWN, misfits, str(value))
        if self._longest and isinstance(value, str) and len(value) > self._longest:
            what = f"is longer than {self._longest:,} characters"
            if self._names:
                raise NoPlace(self.column, what)
            misfits.note(self.table.label, self.column, what, "its beginning stays")
            return value[: self._longest]
        return value

    def instead(self, what: str, misfits: Misfits, example: str = "") -> Any:
        """What stands in the place of a value that cannot be here. Raises NoPlace."""
        if self._names or not self.may_be_absent:
            raise NoPlace(self.column, what, example)
        default = None if self.column.refers else self.default()
        said = "nothing" if default in (None, "") else str(default)
        misfits.note(self.table.label, self.column, what, f"{said} takes its place", example)
        return default

    def default(self) -> Any:
        """As a new row would have it."""
        found = self.column.field.get_default()
        return found.value if isinstance(found, Enum) else found

    @cached_property
    def may_be_absent(self) -> bool:
        """Whether a row can be without it: it may be empty, or has a default that is one of its values."""
        if self.column.field.null or self.column.field.primary_key:
            return True
        default = self.default()
        return default is not None and (self._choices is None or default in self._choices)

    @cached_property
    def _names(self) -> bool:
        """Whether it says, or helps to say, which row it is; what stood in its place would be another row's name."""
        return self.column in self.table.key_columns or self.column.field.unique

    @cached_property
    def _choices(self) -> frozenset[Any] | None:
        field = self.column.field
        if not field.choices:
            return None
        empty = {None} | ({""} if field.blank else set())
        return frozenset(value for value, _ in field.flatchoices) | empty

    @cached_property
    def _longest(self) -> int:
        """In characters; 0 for what has no such limit. A file's name that is cut would name another file."""
        is_cut = isinstance(self.column.field, models.CharField) and not self._choices
        return (self.column.field.max_length or 0) if is_cut else 0

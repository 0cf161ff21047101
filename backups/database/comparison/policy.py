"""What a restore and an undo judge each in their own way, when the rows of a backup are held beside the database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from backups.database.comparison.steps import RowStep
from backups.database.tables import Row, Table, comparable


@dataclass(frozen=True, slots=True)
class Beside:
    """A row of the backup beside the rows of the target that it may be."""

    table: Table
    pk: int  # in the backup
    row: Row  # under the keys of the target, but for its own
    needed: bool  # it was not chosen, but is referred to by what was
    alike: list[Row]  # of its natural key
    numbered: Row | None  # of its number
    claimed: Set[int]  # keys of the target that rows of the backup have found before

    @property
    def same(self) -> Row | None:
        """The row of its natural key that no other has found, before all that of its own number."""
        own = self.table.pk.name
        free = [there for there in self.alike if there[own] not in self.claimed]
        return next((there for there in free if there[own] == self.pk), free[0] if free else None)

    def differs(self, there: Row) -> dict[str, tuple[Any, Any]]:
        """By column: the value there and that of the backup, where they are not the same."""
        return {
            name: (there[name], self.row[name])
            for name in self.row
            if name != self.table.pk.name and comparable(there[name]) != comparable(self.row[name])
        }


@dataclass(frozen=True, slots=True)
class Match:
    """The row of the target that a row of the backup is; None: it is nowhere.

    With a reason in `why` it is not compared: what is there stays, and `kept_as` is what rows refer to in its place.
    """

    there: Row | None = None
    kept_as: int | None = None
    why: str = ""


LATER = "what it belongs to has changed since"


class Policy(ABC):
    """One is made for each comparison, and asked in the order of the tables and of their rows."""

    chosen: bool  # whether the rows of the backup that were chosen are compared, or all
    kept_units: Set[int] = frozenset()  # that stay as they are, with all that belongs to them
    tells_needed = True  # also that something is kept which was not chosen, but only referred to by what was

    def before(self) -> Iterator[list[RowStep]]:
        """Steps that come before any row of the backup is looked at; here it may choose these rows."""
        yield from ()

    @abstractmethod
    def match(self, beside: Beside) -> Match: ...

    @abstractmethod
    def wins(self, beside: Beside, there: Row) -> bool:
        """Whether the backup's content replaces another one that is there."""

    @abstractmethod
    def goes(self, beside: Beside, target: int) -> bool:
        """Whether another row of the target, of the same table, is deleted by the same plan."""

    @abstractmethod
    def heard(self, step: RowStep) -> None:
        """A step was found, which may matter to the rows behind it."""

    def after(self) -> Iterator[list[RowStep]]:
        """Steps that come when all rows of the backup are done."""
        yield from ()

"""What a restore or an undo would do, a step for each row, and what is told of it.

Steps are kept in the staged file: memory stays flat, however many there are.
"""

from __future__ import annotations

import hashlib
import itertools
import marshal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import DatabaseError

from backups.database.comparison.misfits import Misfits
from backups.database.staging import BATCH, Staged
from backups.errors import Failed
from backups.repository.manifests import Generation

CREATE, CHANGE, SAME, KEEP, DELETE, CONFLICT = ACTIONS = ("create", "change", "same", "keep", "delete", "conflict")
WRITES = (CREATE, CHANGE, DELETE)
ACTIONS_COUNTED = dict(
    zip(ACTIONS, ("to create", "to change", "the same", "kept as they are", "to delete", "in conflict"), strict=True)
)
Thing = TypeVar("Thing")
# What is deleted is in no backup, so its number is that of nothing there.
UNIT_OF = f"CASE WHEN action = '{DELETE}' THEN NULL ELSE row.unit END"
FROM = "FROM step LEFT JOIN row ON row.model = step.model AND row.pk = step.pk"


@dataclass(frozen=True)
class RowStep:
    """What happens to one row: `pk` in the backup, `target` in the database.

    `fields` are those that differ, with today's value and the backup's; both as texts when it is read from a plan.
    """

    model: str
    pk: int
    target: int
    action: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    why: str = ""
    unit: int | None = field(
        default=None, compare=False
    )  # that it belongs to, as the backup has it; known when it is read from a plan

    def __str__(self) -> str:
        number = f"{self.target}" if self.target == self.pk else f"{self.pk} → {self.target}"
        differs = "; ".join(
            f"{name}: {shortened(now)} → {shortened(then)}" for name, (now, then) in self.fields.items()
        )
        return "  ".join(part for part in (f"{self.action:<8} {self.model} {number}", differs, self.why) if part)


@dataclass
class DatabasePlan:
    """What would be done, as long as its `staged` is open. `compare` adds the steps, in the order of doing them."""

    staged: Staged
    alias: str
    mode: str
    compare: Callable[[DatabasePlan], None]
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # steps by model and action
    misfits: Misfits = field(default_factory=Misfits)

    def __post_init__(self) -> None:
        self.make()

    @property
    def generation(self) -> Generation:
        return self.staged.generation

    @property
    def told(self) -> list[str]:
        """Sentences on what does not come back, or not as it was."""
        return [*self.staged.remarks, *self.misfits.sentences]

    @property
    def total(self) -> Counter[str]:
        """Steps by action."""
        return sum(self.counts.values(), Counter())

    @property
    def work(self) -> int:
        """How many rows would be written or deleted."""
        return sum(self.total[action] for action in WRITES)

    @property
    def fingerprint(self) -> str:
        """Tells whether two plans would do the same: a SHA-256 of the work, and of what is in conflict."""
        return self._digest.hexdigest()

    def make(self) -> None:
        """Compare, and keep the steps; those of an earlier time are forgotten. Raises Failed."""
        self.staged.forget_comparison()
        self.misfits.clear()
        self.counts = {table.label: Counter() for table in self.staged.tables}
        self._numbers = itertools.count(1)
        self._digest = hashlib.sha256(f"{self.generation.id} {self.mode} {self.alias}".encode())
        try:
            self.compare(self)
        except DatabaseError as exc:
            raise Failed(f"The database cannot be compared with the backup: {exc}") from exc

    def add(self, steps: Iterable[RowStep]) -> None:
        """The next steps. Those of rows that are the same are only counted."""
        rows, done = [], []
        for step in steps:
            self.counts[step.model][step.action] += 1
            number = next(self._numbers)
            if step.action == SAME:
                continue
            if step.action != KEEP:
                done.append(f"{step.model} {step.pk} {step.target} {step.action} {sorted(step.fields)}\n")
            said = ({name: (str(now), str(then)) for name, (now, then) in step.fields.items()}, step.why)
            rows.append((number, step.model, step.pk, step.target, step.action, marshal.dumps(said)))
        self._digest.update("".join(done).encode())
        self.staged.connection.executemany("INSERT INTO step VALUES (?, ?, ?, ?, ?, ?)", rows)

    def steps(self, *actions: str, first: int = 0, most: int = -1, model: str = "") -> Iterator[RowStep]:
        """The steps of these actions, or of all but `same`, in the order in which they are done."""
        wanted = actions or tuple(action for action in ACTIONS if action != SAME)
        marks = ", ".join("?" * len(wanted))
        of = "AND step.model = ?" if model else ""
        found = self.staged.connection.execute(
            f"SELECT step.model, step.pk, target, action, step.content, {UNIT_OF} {FROM} "
            f"WHERE action IN ({marks}) {of} ORDER BY n LIMIT ? OFFSET ?",
            (*wanted, *([model] if model else []), most, first),
        )
        for label, pk, target, action, content, unit in found:
            fields, why = marshal.loads(content)  # noqa: S302  # written by this process
            yield RowStep(label, pk, target, action, fields, why, unit)

    def rows_by_unit(self) -> list[tuple[int | None, str, bool, int]]:
        """How many rows of each model differ, by the unit that they belong to and whether they stay as they are."""
        sql = f"SELECT {UNIT_OF}, step.model, action = '{KEEP}', count(*) {FROM} GROUP BY 1, 2, 3"
        return self.staged.connection.execute(sql).fetchall()


def shortened(value: object) -> str:
    """A value for people, of 38 characters at the most."""
    text = "nothing" if value is None or value == "" else str(value)
    return f"{text[:37]}…" if len(text) > 38 else text


def batches(things: Iterator[Thing]) -> Iterator[list[Thing]]:
    """500 at a time."""
    while some := list(itertools.islice(things, BATCH)):
        yield some

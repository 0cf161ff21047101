"""Which rows a restore creates, changes and deletes, by its mode.

| in the database                      | missing | newer                 | overwrite | mirror  |
|--------------------------------------|---------|-----------------------|-----------|---------|
| nothing of its natural key           | create  | create                | create    | create  |
| the same content                     | same    | same                  | same      | same    |
| other content                        | keep    | change, if it is older | change   | change  |
| another thing under its key (number) | create, under a new number                 ||| change  |
| what the backup has not              | –       | –                     | –         | delete  |

Of what only grows (BACKUP_GROWING) a mirror, too, deletes nothing and replaces nothing: it says what happened here.

Things are told apart by their natural keys, so a restore into another database finds its people and sites again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings

from backups.database.comparison.policy import Beside, Match, Policy
from backups.database.comparison.steps import CHANGE, CREATE, DELETE, RowStep
from backups.database.staging import BATCH, Staged
from backups.database.tables import LOWEST_KEY, Row, Table, unit_column

RESTORE_MODES = MISSING, NEWER, OVERWRITE, MIRROR = ("missing", "newer", "overwrite", "mirror")


class RestorePolicy(Policy):
    """Of one of the modes; `whole`: not of a choice of units, but of all that the backup has."""

    def __init__(self, staged: Staged, alias: str, mode: str, *, whole: bool) -> None:
        self.staged, self.alias, self.mode, self.whole = staged, alias, mode, whole
        self.chosen = not whole
        self.unit = settings.BACKUP_UNIT["model"]
        self.replaced: set[int] = set()  # units that are created or changed, by their keys in the target

    def match(self, beside: Beside) -> Match:
        """By the natural key; in a mirror also by the number: the same thing, whose natural key was another then."""
        there, numbered = beside.same, beside.numbered
        is_mirrored = self.mode == MIRROR and beside.table.label not in settings.BACKUP_GROWING
        if there is None and is_mirrored and numbered and numbered[beside.table.pk.name] not in beside.claimed:
            return Match(numbered)
        return Match(there)

    def wins(self, beside: Beside, there: Row) -> bool:
        if self.mode == MISSING or beside.needed:
            return False
        return self.mode != NEWER or self._is_newer(beside, there)

    def _is_newer(self, beside: Beside, there: Row) -> bool:
        """By the latest of all its times that had passed; what has none of them goes with its unit."""
        times, now = beside.table.times, datetime.now(UTC)
        then = [at for name in times if (at := beside.row.get(name)) and at <= self.staged.generation.began]
        here = [at for name in times if (at := there[name]) and at <= now]
        if then or here:
            return bool(then) and (not here or max(then) > max(here))
        unit = "" if beside.table.label == self.unit else unit_column(beside.table)
        return bool(unit) and beside.row[unit] in self.replaced

    def goes(self, beside: Beside, target: int) -> bool:
        is_mirrored = self.mode == MIRROR and beside.table.label not in settings.BACKUP_GROWING
        return is_mirrored and self.whole and target not in beside.claimed

    def heard(self, step: RowStep) -> None:
        if step.model == self.unit and step.action in (CREATE, CHANGE):
            self.replaced.add(step.target)

    def after(self) -> Iterator[list[RowStep]]:
        if self.mode == MIRROR:
            for table in reversed(self.staged.tables):
                for pks in self._left_over(table):
                    yield [RowStep(table.label, pk, pk, DELETE) for pk in pks]

    def _left_over(self, table: Table) -> Iterator[list[int]]:
        """Rows of the target that nothing of the backup has claimed; with a choice, of its units alone."""
        if table.label in settings.BACKUP_GROWING:
            return
        rows = table.rows(self.alias).order_by("pk")
        if not self.whole:
            unit = "" if table.label == self.unit else unit_column(table)
            if not unit:
                return
            rows = rows.filter(**{f"{unit}__in": self.staged.chosen_targets(self.unit)})
        after = LOWEST_KEY
        while pks := list(rows.filter(pk__gt=after).values_list("pk", flat=True)[: 10 * BATCH]):
            claimed = self.staged.claimed_between(table.label, after, pks[-1])
            yield [pk for pk in pks if pk not in claimed]
            after = pks[-1]

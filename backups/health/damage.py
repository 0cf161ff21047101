"""Which backups cannot be restored as they are, and which of these are still needed.

| the damaged backup                                                      | what is said                    |
|-------------------------------------------------------------------------|---------------------------------|
| is the newest of its source, or that one builds on it                   | damaged: the next one mends it  |
| is one of its source's last two that were verified, or they build on it | damaged, until two later ones   |
| is pinned, or what is pinned builds on it                               | damaged, until it is unpinned   |
| is none of these                                                        | look: those days are lost       |
| is of a source that nobody has backed up for longer than backups live   | look, unless it is pinned       |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KT

from backups.database.chains import CHANGES
from backups.models import Generation
from backups.storage.port import FIRST

VERIFIED = 2  # of each source, of those that were verified


@dataclass(frozen=True)
class DamagedBackup:
    """A damaged backup. `others` build on it, and cannot be restored either."""

    name: str
    source: str
    made: datetime
    why: str
    pinned: bool
    others: int


@dataclass(frozen=True)
class Damage:
    broken: Collection[str] = frozenset()  # names of all that cannot be restored
    needed: list[DamagedBackup] = field(default_factory=list)  # the newest first
    old: list[DamagedBackup] = field(default_factory=list)  # that nothing needs any more
    sources: Collection[str] = frozenset()  # of all that cannot be restored


@dataclass(frozen=True)
class _Row:
    name: str
    parent: str
    made: datetime
    source: str | None
    kind: str | None
    verified_at: datetime | None
    pinned: bool

    @property
    def builds_on(self) -> str:
        return self.parent if self.kind == CHANGES else ""


def find_damage(tier: str, scheduled: Collection[str], now: datetime, storage: str = FIRST) -> Damage:
    """One query where nothing is damaged, else two. `scheduled`: the sources that schedules back up."""
    why = _damaged(tier, storage)
    if not why:
        return Damage()
    rows = _rows(tier, storage)
    root_of: dict[str, str] = {}
    for row in reversed(rows):  # the oldest first: what a backup builds on comes before it
        if root := row.name if row.name in why else root_of.get(row.builds_on):
            root_of[row.name] = root
    needed, broken = _needed(rows, scheduled, now), Counter(root_of.values())
    roots = [
        DamagedBackup(row.name, row.source or "", row.made, why[row.name], row.pinned, others=broken[row.name] - 1)
        for row in rows
        if row.name in why
    ]
    return Damage(
        set(root_of),
        [root for root in roots if root.name in needed],
        [root for root in roots if root.name not in needed],
        {row.source or "" for row in rows if row.name in root_of},
    )


def _damaged(tier: str, storage: str) -> dict[str, str]:
    """Why, by name: of those with findings, and of those that build on what is not there."""
    of_tier = Generation.objects.filter(tier=tier, storage=storage)
    parent = of_tier.filter(name=OuterRef("parent"))
    lone = Q(about__kind=CHANGES) & ~Exists(parent)
    rows = of_tier.filter(~Q(damage=[]) | lone)
    return {
        name: damage[0] if damage else f"It builds on {parent}, which is not there."
        for name, parent, damage in rows.values_list("name", "parent", "damage")
    }


def _rows(tier: str, storage: str) -> list[_Row]:
    """All of a tier, the newest first."""
    rows = Generation.objects.filter(tier=tier, storage=storage).annotate(
        source=KT("about__source"), kind=KT("about__kind")
    )
    fields = ("name", "parent", "made", "source", "kind", "verified_at", "pinned")
    return [_Row(*values) for values in rows.values_list(*fields)]


def _needed(rows: list[_Row], scheduled: Collection[str], now: datetime) -> set[str]:
    wanted = {row.name for row in rows if row.pinned}
    for source in {row.source for row in rows}:
        mine = [row for row in rows if row.source == source]
        if source in scheduled or now - mine[0].made < timedelta(days=settings.GALLEY_BACKUP_KEEP_DAYS):
            wanted |= {row.name for row in mine[:1]}
            wanted |= {row.name for row in [row for row in mine if row.verified_at][:VERIFIED]}
    for row in rows:  # the newest first: what it builds on comes after it
        if row.name in wanted and row.builds_on:
            wanted.add(row.builds_on)
    return wanted

"""Copies into the second storage, and back from it what the first has lost; what came of them is kept in rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from django.dispatch import Signal

from backups import catalogue, configured
from backups.errors import BackupError
from backups.health.damage import find_damage
from backups.health.retention import by_settings, verified
from backups.health.tree_care import TREES
from backups.models import FINDINGS, Copy
from backups.progress import Started, silent
from backups.redaction import black_out
from backups.repository import copying, prune
from backups.repository.copying import Copied
from backups.repository.manifests import Generation, Survey, Tier
from backups.repository.order import newest_first
from backups.repository.repository import Repository
from backups.storage.pace import Closed
from backups.storage.port import FIRST, SECOND

copying_trees = Signal()  # with `now` and `started`; receivers bring the trees up to date, and return a TreesCopied


@dataclass
class TreesCopied:
    """What a copy of trees did. `left` has a sentence for each tree that could not be copied, by its prefix."""

    trees: int = 0
    files: int = 0
    removed: int = 0  # trees that retention has taken
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        text = f"trees: {self.trees:,} with {self.files:,} files were copied to the second storage"
        text += f", {self.removed:,} removed there as here." if self.removed else "."
        return text + (f" {len(self.left):,} could not be." if self.left else "")


def is_wanted() -> bool:
    """Whether the settings name a second storage."""
    return SECOND in configured.storages()


def copy(tier: Tier, now: datetime, *, started: Started = silent) -> Copied:
    """Bring the second storage what it lacks and would keep. Raises BackupError, and keeps its reason."""
    row, _ = Copy.objects.get_or_create(tier=tier.name, defaults={"at": now})
    row.at = now
    try:
        first, second = configured.repository(tier), configured.repository(tier, SECOND)
        copied = _copied(first, second, now, started)
    except Closed:
        raise  # the next hours go on
    except BackupError as exc:
        row.reason = str(exc)
        row.save()
        raise
    for generation in copied.generations:
        catalogue.remember(generation, SECOND)
    catalogue.note_read(tier.name, copied.damage)
    row.reason, row.left = "", list(copied.left.values())[:FINDINGS]
    row.done_at = row.done_at if copied.left else now
    row.save()
    return copied


def _copied(first: Repository, second: Repository, now: datetime, started: Started) -> Copied:
    with copying.named(first):
        pinned = prune.pins(first)
    with copying.named(second):
        pinned_there = prune.pins(second)
    broken = find_damage(first.tier.name, (), now).broken

    def verdicts(generations: list[Generation]) -> dict[str, str]:
        return prune.verdicts(
            list(newest_first(generations)),
            by_settings(),
            pinned=pinned | pinned_there,
            verified=verified(first.tier.name, SECOND),
            now=now,
        )

    def select(here: Survey, there: Survey) -> list[Generation]:
        return copying.kept(here, there, verdicts)

    copied = copying.copy(first, second, select, skip=broken, started=started)
    with copying.named(second):
        for id_ in sorted((pinned - pinned_there).intersection(copied.known)):
            prune.pin(second, id_)
    return copied


def copy_trees(now: datetime, started: Started = silent) -> list[TreesCopied]:
    """Have whoever has trees copy them. Raises what those raise, and keeps its reason."""
    row, _ = Copy.objects.get_or_create(tier=TREES, defaults={"at": now})
    row.at = now
    try:
        found = cast(
            "list[TreesCopied]", [each for _, each in copying_trees.send(sender=None, now=now, started=started)]
        )
    except Closed:
        raise  # the next hours go on
    except Exception as exc:
        row.reason = black_out(str(exc))
        row.save()
        raise
    row.reason, row.left = "", [sentence for each in found for sentence in each.left.values()][:FINDINGS]
    row.done_at = row.done_at if row.left else now
    row.save()
    return found


def mend(tier: Tier, *, started: Started = silent) -> Copied:
    """Bring back to the first storage what it has lost: damaged and missing pieces, and manifests that it should have.

    Raises BackupError.
    """
    known = catalogue.known(tier.name)

    def lost(here: Survey, there: Survey) -> list[Generation]:
        usable = {each.id for each in there.generations}
        gone = (there.doubtful.keys() | known) - usable
        return [each for each in reversed(here.generations) if each.id in gone]

    first, second = configured.repository(tier, FIRST), configured.repository(tier, SECOND)
    return copying.copy(second.asking_storage(), first.asking_storage(), lost, started=started)

"""What is known of trees: which thirtieth was read when, and which of them are damaged.

Whoever has trees listens to `verifying`, reads them, and returns a verdict. What it has found damaged stays known until
the same tree was read again and is whole, or is none any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from backups.models import FINDINGS, DamagedTree, Verification

TREES = "trees"
NAMED = 20  # sentences about one tree

verifying = Signal()  # with `slot`: which thirtieth is to be read, None for all; receivers return a verdict


@dataclass
class TreesVerdict:
    """What reading trees has found, by their prefixes."""

    slot: int | None
    read: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    damage: dict[str, list[str]] = field(default_factory=dict)  # a sentence each
    gone: list[str] = field(default_factory=list)  # that were known as damaged, and need not be there any more
    mended: list[str] = field(default_factory=list)  # a sentence each: what came back from the other storage

    @property
    def whole(self) -> bool:
        return not self.damage

    @property
    def sentences(self) -> list[str]:
        return [f"{prefix}: {sentence}" for prefix, some in self.damage.items() for sentence in some]

    def __str__(self) -> str:
        bad = f"{len(self.damage):,} are damaged." if self.damage else "all are whole."
        text = f"trees: {len(self.read):,} with {self.files:,} files and {self.bytes:,} bytes were read; {bad}"
        return f"{text} {len(self.mended):,} came back from the other storage." if self.mended else text


def doubted() -> set[str]:
    """Prefixes of trees that were found damaged: these are read each time."""
    return set(DamagedTree.objects.values_list("prefix", flat=True))


def verify(slot: int | None) -> list[TreesVerdict]:
    """Have all trees of a thirtieth read, and keep what was found. Raises what those raise who read them."""
    found = cast("list[TreesVerdict]", [each for _, each in verifying.send(sender=None, slot=slot)])
    for verdict in found:
        _record(verdict, timezone.now())
    return found


@transaction.atomic
def _record(verdict: TreesVerdict, now: datetime) -> None:
    whole = set(verdict.read) - verdict.damage.keys()
    DamagedTree.objects.filter(prefix__in=[*whole, *verdict.gone]).delete()
    for prefix, sentences in verdict.damage.items():
        DamagedTree.objects.update_or_create(
            prefix=prefix, defaults={"says": sentences[:NAMED]}, create_defaults={"says": sentences[:NAMED], "at": now}
        )
    Verification.objects.create(
        tier=TREES,
        kind=Verification.Kind.DEEP,
        slot=verdict.slot,
        at=now,
        objects_seen=verdict.files,
        bytes_seen=verdict.bytes,
        findings=verdict.sentences[:FINDINGS],
    )

"""How the second storage does, from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Max, Min, Q
from django.db.models.fields.json import KT

from backups.health.damage import find_damage
from backups.health.limits import BEHIND, UNREAD
from backups.health.second.findings import (
    CopyFailed,
    NeverCopied,
    NotCopied,
    SecondBehind,
    SecondDamaged,
    SecondDrillFailed,
    SecondFinding,
    SecondUnverified,
)
from backups.health.tree_care import TREES
from backups.models import Copy, Drill, Generation, TreeCopy, Verification
from backups.repository.manifests import TIERS
from backups.storage.port import FIRST, SECOND


class Lag(NamedTuple):
    """How many backups of a tier the second storage lacks, and when the first of them was made."""

    backups: int
    since: datetime


def lag(tier: str) -> Lag | None:
    """Of those that are newer than all that it has of their source; None for none (two queries)."""
    of_tier = Generation.objects.filter(tier=tier)
    there = of_tier.filter(storage=SECOND).annotate(source=KT("about__source"))
    newest = dict(there.values_list("source").annotate(Max("placed")).order_by())
    newer = ~Q(name__in=there.values("name"))
    rows = of_tier.filter(newer, storage=FIRST, damage=[]).annotate(source=KT("about__source"))
    behind = [
        made
        for source, placed, made in rows.values_list("source", "placed", "made")
        if source not in newest or placed > newest[source]
    ]
    return Lag(len(behind), min(behind)) if behind else None


def tree_lag() -> Lag | None:
    """The same of trees that have changed since they were copied, or never were (one query)."""
    waiting = TreeCopy.objects.filter(copied_at=None).aggregate(number=Count("pk"), since=Min("since"))
    return Lag(waiting["number"], waiting["since"]) if waiting["number"] else None


def findings(now: datetime) -> Iterator[SecondFinding]:
    """Each tier by itself, then the drill."""
    if not Copy.objects.exists():
        yield NeverCopied()
        return
    for tier in TIERS:
        yield from _of_tier(tier, now)
    yield from _of_copy(TREES, tree_lag(), now)
    yield from _of_drill()


def _of_copy(what: str, behind: Lag | None, now: datetime) -> Iterator[SecondFinding]:
    last = Copy.objects.filter(tier=what).first()
    if last and last.reason:
        yield CopyFailed(what, last.reason)
    if behind and now - behind.since > BEHIND:
        yield SecondBehind(what, *behind)
    if last and last.left:
        yield NotCopied(what, len(last.left), last.left[0])


def _of_tier(tier: str, now: datetime) -> Iterator[SecondFinding]:
    yield from _of_copy(tier, lag(tier), now)
    damage = find_damage(tier, (), now, SECOND)
    if hurt := [*damage.needed, *damage.old]:
        yield SecondDamaged(tier, len(hurt), hurt[0].name, hurt[0].why)
    if Generation.objects.filter(tier=tier, storage=SECOND).exists():
        seen = Verification.objects.filter(tier=tier, storage=SECOND, kind=Verification.Kind.QUICK).first()
        began = Generation.objects.filter(tier=tier, storage=SECOND).order_by("made").values_list("made", flat=True)
        if now - (seen.at if seen else began[0]) > UNREAD:
            yield SecondUnverified(tier, seen.at if seen else None)


def _of_drill() -> Iterator[SecondFinding]:
    newest = Drill.objects.filter(storage=SECOND).first()
    if newest:
        for row in Drill.objects.filter(storage=SECOND, at=newest.at):
            if row.differences:
                yield SecondDrillFailed(newest.at, row.differences[0])


def newest() -> datetime | None:
    """When the newest backup that is there was complete."""
    found: datetime | None = Generation.objects.filter(storage=SECOND).aggregate(Max("made"))["made__max"]
    return found

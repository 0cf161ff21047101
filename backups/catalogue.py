"""The rows about generations, kept true to the storage."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from backups.errors import Failed
from backups.models import FINDINGS, Generation, Verification
from backups.repository import prune
from backups.repository.manifests import Generation as Manifest
from backups.repository.repository import Repository
from backups.repository.verify import SLOTS, Verdict


def record(verdict: Verdict, repository: Repository, now: datetime) -> Verification:
    """Keep what a verification found: as a row of its own, and with the generations that it is about."""
    rebuild(repository)
    rows = Generation.objects.filter(tier=verdict.tier)
    hurt = {id_: [verdict.damage[key] for key in keys] for id_, keys in verdict.generations.items()}
    damaged = list(rows.filter(name__in=hurt))
    for row in damaged:
        row.damage = hurt[row.name][:FINDINGS]
    Generation.objects.bulk_update(damaged, ["damage"])
    if verdict.kind == Verification.Kind.QUICK:
        rows.exclude(name__in=hurt).update(verified_at=now, damage=[])
    sentences = [*verdict.unusable.values(), *verdict.damage.values()]
    return Verification.objects.create(
        tier=verdict.tier,
        kind=verdict.kind,
        slot=verdict.slot,
        at=now,
        objects_seen=verdict.objects,
        bytes_seen=verdict.bytes,
        orphans=verdict.orphans,
        findings=sentences[:FINDINGS],
        unusable=sentences[: len(verdict.unusable)][:FINDINGS],
    )


def share_read(tier: str, now: datetime) -> float:
    """Which share of a tier's objects was read and hashed within thirty days, from 0 to 1."""
    month = Verification.objects.filter(tier=tier, kind=Verification.Kind.DEEP, at__gt=now - timedelta(days=SLOTS))
    slots = set(month.values_list("slot", flat=True))
    return 1.0 if None in slots else len(slots) / SLOTS


def remember(manifest: Manifest) -> Generation:
    """The row of a generation, made or brought up to date."""
    row, _ = Generation.objects.update_or_create(tier=manifest.tier, name=manifest.id, defaults=_fields(manifest))
    return row


def rebuild(repository: Repository) -> list[str]:
    """Make the rows of a tier what its storage says: those of generations that are gone go. Returns what is unusable.

    What only the rows know, such as verdicts, stays with the rows that stay. Asks one query when nothing differs.
    Raises StorageError, also when the storage lists nothing where rows say that there must be something.
    """
    tier = repository.tier.name
    # Before the storage is asked: a row that a backup adds meanwhile is not taken for one whose generation is gone.
    rows = {row.name: row for row in Generation.objects.filter(tier=tier)}
    survey, pinned = repository.survey(), prune.pins(repository)
    if rows and not survey.generations:
        raise Failed(f"The storage lists no backup where {len(rows):,} are known. Is the right storage connected?")
    wanted = {each.id: _fields(each) | {"pinned": each.id in pinned} for each in survey.generations}
    differing = [
        Generation(tier=tier, name=name, **fields)
        for name, fields in wanted.items()
        if name not in rows or any(getattr(rows[name], field) != value for field, value in fields.items())
    ]
    gone = [row.pk for name, row in rows.items() if name not in wanted]
    if differing or gone:
        _write(differing, gone)
    return list(survey.unusable.values())


def _fields(manifest: Manifest) -> dict[str, object]:
    """What a row says that its manifest says."""
    return {
        "parent": manifest.parent or "",
        "began": manifest.began,
        "made": manifest.made,
        "counts": manifest.counts,
        "about": manifest.about,
    }


@transaction.atomic
def _write(differing: list[Generation], gone: list[int]) -> None:
    """Write new rows and changed ones by the same statement, as a backup may add its row meanwhile."""
    Generation.objects.bulk_create(
        differing,
        update_conflicts=True,
        unique_fields=["tier", "name"],
        update_fields=["parent", "began", "made", "counts", "about", "pinned"],
    )
    Generation.objects.filter(pk__in=gone).delete()

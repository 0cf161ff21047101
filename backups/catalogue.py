"""The rows about generations, kept true to the storage."""

from __future__ import annotations

from datetime import datetime, timedelta

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
    for row in rows.filter(name__in=hurt):
        row.damage = hurt[row.name][:FINDINGS]
        row.save(update_fields=["damage"])
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
    fields = {
        "parent": manifest.parent or "",
        "began": manifest.began,
        "made": manifest.made,
        "counts": manifest.counts,
        "about": manifest.about,
    }
    row, _ = Generation.objects.update_or_create(tier=manifest.tier, name=manifest.id, defaults=fields)
    return row


def rebuild(repository: Repository) -> list[str]:
    """Make the rows of a tier what its storage says: those of generations that are gone go. Returns what is unusable.

    What only the rows know, such as verdicts, stays with the rows that stay. Raises StorageError, also when the storage
    lists nothing where rows say that there must be something.
    """
    survey = repository.survey()
    rows = Generation.objects.filter(tier=repository.tier.name)
    if not survey.generations and (known := rows.count()):
        raise Failed(f"The storage lists no backup where {known:,} are known. Is the right storage connected?")
    for manifest in survey.generations:
        remember(manifest)
    there = [manifest.id for manifest in survey.generations]
    rows.exclude(name__in=there).delete()
    pinned = prune.pins(repository)
    rows.filter(name__in=pinned).update(pinned=True)
    rows.exclude(name__in=pinned).update(pinned=False)
    return list(survey.unusable.values())

"""The rows about generations, kept true to the storage; and what was found about each, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TypedDict

from django.db import transaction

from backups.errors import Failed
from backups.models import FINDINGS, Generation, Verification
from backups.repository import prune
from backups.repository.manifests import Generation as Manifest
from backups.repository.order import places
from backups.repository.repository import Repository
from backups.repository.verify import SLOTS, Verdict
from backups.storage.port import FIRST


class Look(StrEnum):
    """How damage was found. Only the same look at the same thing ends it."""

    LISTED = "listed"  # by a listing
    READ = "read"  # by reading an object to its end
    KEYS = "keys"  # by comparing its keys with those at hand
    MANIFEST = "manifest"  # by reading its manifest


class Evidence(TypedDict):
    look: str
    says: str  # a sentence


def record(verdict: Verdict, repository: Repository, now: datetime) -> Verification:
    """Keep what a verification found: as a row of its own, and with the generations that it is about."""
    rebuild(repository, doubtful=verdict.unusable)
    rows = Generation.objects.filter(tier=verdict.tier, storage=repository.storage)
    changed = []
    for row in rows:
        evidence = {key: each for key, each in row.evidence.items() if not _settles(verdict, key, each)}
        evidence |= _found(verdict, row.name, evidence)
        if _hold(row, evidence):
            changed.append(row)
    Generation.objects.bulk_update(changed, ["evidence", "damage"], batch_size=100)
    if verdict.kind == Verification.Kind.QUICK:
        rows.filter(damage=[]).update(verified_at=now)
    return Verification.objects.create(
        tier=verdict.tier,
        storage=repository.storage,
        kind=verdict.kind,
        slot=verdict.slot,
        at=now,
        objects_seen=verdict.objects,
        bytes_seen=verdict.bytes,
        orphans=verdict.orphans,
        findings=verdict.sentences[:FINDINGS],
        unusable=list(verdict.unusable.values())[:FINDINGS],
    )


def note_read(tier: str, damage: Mapping[str, Mapping[str, str]], storage: str = FIRST) -> None:
    """Keep what reading has found outside of a verification: a sentence by key, by the name of the generation."""
    for row in Generation.objects.filter(tier=tier, storage=storage, name__in=damage):
        found = {key: Evidence(look=Look.READ, says=says) for key, says in damage[row.name].items()}
        if _hold(row, row.evidence | found):
            row.save(update_fields=["evidence", "damage"])


def doubted(tier: str, storage: str = FIRST) -> set[str]:
    """Keys of objects that were found damaged by reading them."""
    rows = Generation.objects.filter(tier=tier, storage=storage).exclude(evidence={}).values_list("evidence", flat=True)
    return {key for evidence in rows for key, each in evidence.items() if each["look"] == Look.READ}


def known(tier: str, storage: str = FIRST) -> set[str]:
    """Names of all generations that there must be, for all these rows know."""
    return set(Generation.objects.filter(tier=tier, storage=storage).values_list("name", flat=True))


def _settles(verdict: Verdict, key: str, evidence: Evidence) -> bool:
    """Whether this verification has looked at the same thing as thoroughly, so that what it found counts alone."""
    if evidence["look"] == Look.READ:
        return verdict.has_read(key)
    if evidence["look"] == Look.LISTED:
        return verdict.kind == Verification.Kind.QUICK
    return evidence["look"] == Look.KEYS


def _found(verdict: Verdict, name: str, before: Mapping[str, Evidence]) -> dict[str, Evidence]:
    found = {}
    for key in verdict.generations.get(name, ()):
        if key not in before:
            look = Look.READ if verdict.has_read(key) else Look.LISTED
            found[key] = Evidence(look=look, says=verdict.damage[key])
    if name in verdict.locked:
        found["keys"] = Evidence(look=Look.KEYS, says=verdict.locked[name])
    return found


def _hold(row: Generation, evidence: Mapping[str, Evidence]) -> bool:
    """Put evidence into a row; whether that is news. What is held by no look of ours stays with the row."""
    kept = dict(islice(evidence.items(), FINDINGS))
    if kept == row.evidence:
        return False
    row.evidence, row.damage = kept, [each["says"] for each in kept.values()]
    return True


def share_read(tier: str, now: datetime, storage: str = FIRST) -> float:
    """Which share of a tier's objects was read and hashed within thirty days, from 0 to 1."""
    of_tier = Verification.objects.filter(tier=tier, storage=storage, kind=Verification.Kind.DEEP)
    month = of_tier.filter(at__gt=now - timedelta(days=SLOTS))
    slots = set(month.values_list("slot", flat=True))
    return 1.0 if None in slots else len(slots) / SLOTS


def remember(manifest: Manifest, storage: str = FIRST) -> Generation:
    """The row of a generation, made or brought up to date."""
    row, _ = Generation.objects.update_or_create(
        tier=manifest.tier, storage=storage, name=manifest.id, defaults=_fields(manifest)
    )
    return row


def rebuild(repository: Repository, *, doubtful: Mapping[str, str] | None = None) -> list[str]:
    """Make the rows of a tier what its storage says. Returns what is wrong with its manifests.

    The row of a generation whose manifest is gone or cannot be believed stays, and says so: it knows better than the
    storage. `doubtful` is what a verification has just read there; without it no such row is well again. What else only
    the rows know stays with them, too. Asks one query when nothing differs. Raises StorageError, also when the storage
    lists nothing where rows say that there must be something.
    """
    tier, storage = repository.tier.name, repository.storage
    # Before the storage is asked: a row that a backup adds meanwhile is not taken for one whose generation is gone.
    rows = {row.name: row for row in Generation.objects.filter(tier=tier, storage=storage)}
    survey, pinned = repository.survey(), prune.pins(repository)
    if rows and not survey.generations and not survey.unusable:
        raise Failed(f"The storage lists no backup where {len(rows):,} are known. Is the right storage connected?")
    placed = places(survey.generations)
    wanted = {
        each.id: _fields(each) | {"pinned": each.id in pinned, "placed": placed[each.id]} for each in survey.generations
    }
    why = {**survey.doubtful, **(doubtful or {})}
    differing = [row for name, row in rows.items() if _hold_manifest(row, name in wanted, why, doubtful is not None)]
    new = []
    for name, fields in wanted.items():
        row = rows.get(name) or Generation(tier=tier, storage=storage, name=name)
        if name not in rows or any(getattr(row, field) != value for field, value in fields.items()):
            for field, value in fields.items():
                setattr(row, field, value)
            new.append(row)
    if differing or new:
        _write([*new, *(row for row in differing if row not in new)])
    return list(why.values())


def accept(repository: Repository) -> list[str]:
    """What the storage lists is all that there is: rows and notes of what else there was go. As `rebuild`."""
    repository = repository.asking_storage()
    repository.witness.forget()
    survey = repository.survey()
    if not (survey.generations or survey.unusable):
        return rebuild(repository)  # which says what to think of that
    there = {each.id for each in survey.generations} | survey.unusable.keys()
    rows = Generation.objects.filter(tier=repository.tier.name, storage=repository.storage)
    rows.exclude(name__in=there).delete()
    return rebuild(repository, doubtful=survey.unusable)


def _hold_manifest(row: Generation, there: bool, why: Mapping[str, str], was_read: bool) -> bool:
    evidence = {key: each for key, each in row.evidence.items() if each["look"] != Look.MANIFEST}
    if not there:
        missing = f"The manifest {row.name}.json is missing from the backup storage."
        evidence["manifest"] = Evidence(look=Look.MANIFEST, says=why.get(row.name, missing))
    return (not there or was_read) and _hold(row, evidence)


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
def _write(rows: list[Generation]) -> None:
    """Write new rows and changed ones by the same statement, as a backup may add its row meanwhile."""
    for row in rows:
        row.pk = None  # told apart by tier, storage and name
    Generation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tier", "storage", "name"],
        update_fields=["parent", "began", "made", "placed", "counts", "about", "pinned", "evidence", "damage"],
    )

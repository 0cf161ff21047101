"""Whether backups are whole: quickly, by listing; and deeply, by reading a thirtieth of all objects a day.

What is missing or damaged is noted in the storage, signed, so that the next run of that tier stores it anew if its
source still has it.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import datetime

from backups.errors import BackupError, Damaged, Forged, Hostile, Missing, TooLarge
from backups.progress import Started, silent
from backups.repository.manifests import Entry, Page
from backups.repository.repository import Repository
from backups.repository.run import DAMAGE
from backups.storage.bulk import in_bulk

SLOTS = 30  # days, after which every object was read
TRUST = 3  # etags that are not the MD5 of what was found whole, until this storage's etags count for nothing


@dataclass
class Verdict:
    """What a verification found. `damage` has a sentence for each key that is missing or not what it should be."""

    tier: str
    kind: str  # quick or deep
    slot: int | None  # of a deep one: which thirtieth, None for all
    backups: int = 0
    objects: int = 0
    bytes: int = 0
    damage: dict[str, str] = field(default_factory=dict)
    generations: dict[str, list[str]] = field(default_factory=dict)  # id → the damaged keys that it names
    unusable: dict[str, str] = field(default_factory=dict)  # manifests: id → why
    orphans: int = 0  # objects that nothing names
    orphan_bytes: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, damaged or unusable; objects that nothing names do no harm."""
        return not self.damage and not self.unusable

    def __str__(self) -> str:
        if not self.backups and self.whole:
            return f"{self.tier}: there is no backup."
        looked = {"quick": "listed", "deep": "read and hashed"}[self.kind]
        bad = len(self.damage) + len(self.unusable)
        text = f"{self.tier}: {self.objects:,} objects with {self.bytes:,} bytes were {looked}; "
        text += f"{bad:,} are missing or damaged." if bad else "all are whole."
        if self.orphans:
            text += f" {self.orphans:,} with {self.orphan_bytes:,} bytes belong to no backup."
        return text


def slot_of(key: str) -> int:
    """The day in thirty, from 0, on which an object is read."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % SLOTS


def today(now: datetime) -> int:
    """Whose turn it is."""
    return now.toordinal() % SLOTS


def quick(repository: Repository) -> Verdict:
    """Every object that a generation names is there, with its size and, where the storage tells it, its MD5."""
    verdict = Verdict(repository.tier.name, "quick", None)
    named = _named(repository, verdict)
    folder = len(repository.path(""))
    parts = (repository.tier.objects, "pages")
    there = {each.key[folder:]: each for part in parts for each in repository.object_store.list(repository.path(part))}
    distrust = 0
    for key, entry in named.items():
        listed = there.get(key)
        if listed is None:
            verdict.damage[key] = f"{key} is missing from the backup storage."
        elif listed.bytes != entry["bytes"]:
            verdict.damage[key] = f"{key} has {listed.bytes:,} bytes where {entry['bytes']:,} were stored."
        elif (
            listed.etag and "sealed" not in entry and entry.get("md5", listed.etag) != listed.etag and distrust < TRUST
        ):
            try:
                repository.verify(entry)
                distrust += 1
            except (Damaged, Missing) as exc:
                verdict.damage[key] = str(exc)
        verdict.objects += 1
        verdict.bytes += entry["bytes"]
    orphans = [listed for key, listed in there.items() if key not in named]
    verdict.orphans, verdict.orphan_bytes = len(orphans), sum(each.bytes for each in orphans)
    _conclude(repository, verdict)
    return verdict


def deep(repository: Repository, slot: int | None, *, started: Started = silent) -> Verdict:
    """Read and hash the objects of one thirtieth, or all of them. Needs no encryption key."""
    verdict, lock = Verdict(repository.tier.name, "deep", slot), threading.Lock()
    entries = [each for key, each in _named(repository, verdict).items() if slot is None or slot_of(key) == slot]
    for generation in repository.survey().generations:
        if slot is None or slot_of(generation.id) == slot:
            _read_again(repository, generation.id, verdict)
    done = started(len(entries), sum(entry["bytes"] for entry in entries))

    def check(entry: Entry | Page) -> Entry | Page:
        try:
            repository.verify(entry)
        except (Damaged, Missing) as exc:
            with lock:
                verdict.damage[entry["key"]] = str(exc)
        done(1, entry["bytes"])
        return entry

    for entry in in_bulk(entries, check):
        verdict.objects += 1
        verdict.bytes += entry["bytes"]
    _conclude(repository, verdict)
    return verdict


def _read_again(repository: Repository, id_: str, verdict: Verdict) -> None:
    """A manifest from the storage itself: this machine's copy of it would hide what other machines find there."""
    try:
        repository.generation(id_)
    except (Forged, Hostile, Missing, TooLarge) as exc:
        verdict.unusable[id_] = str(exc)
        repository.forget(f"manifest-{id_}.json")


def _named(repository: Repository, verdict: Verdict) -> dict[str, Entry | Page]:
    """Every object that any generation names, by its key; pages are objects, too."""
    survey = repository.survey()
    verdict.unusable, verdict.backups = dict(survey.unusable), len(survey.generations)
    named: dict[str, Entry | Page] = {}
    read: dict[str, list[Entry]] = {}
    for generation in survey.generations:
        for page in generation.pages:
            named[page["key"]] = page
            if page["sha256"] not in read:
                try:
                    read[page["sha256"]] = repository.page(page)
                except (Damaged, Hostile) as exc:
                    verdict.damage[page["key"]] = str(exc)
                    read[page["sha256"]] = []
        named |= {entry["key"]: entry for entry in generation.objects}
    named |= {entry["key"]: entry for page in read.values() for entry in page}
    return named


def _conclude(repository: Repository, verdict: Verdict) -> None:
    """Tell which generations are hurt, and leave a note for the runs to come."""
    if not verdict.damage:
        return
    for generation in repository.survey().generations:
        hurt = {page["key"] for page in generation.pages}.intersection(verdict.damage)
        try:
            hurt |= {entry["key"] for entry in repository.entries(generation)}.intersection(verdict.damage)
        except BackupError:
            hurt |= {page["key"] for page in generation.pages}.intersection(verdict.damage)
        if hurt:
            verdict.generations[generation.id] = sorted(hurt)
    note = repository.signing_keys.sign({"keys": sorted(verdict.damage)})
    digest = hashlib.sha256(note).hexdigest()[:16]  # the same damage is noted once
    repository.object_store.put(repository.path(f"{DAMAGE}/{digest}.json"), note, replace=True)

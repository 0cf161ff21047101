"""Whether backups are whole: quickly, by listing; and deeply, by reading a thirtieth of all objects a day.

Manifests and pages are read from the storage by both, whatever this machine has copies of, and the keys that a backup
needs are compared with those at hand.

What is missing or damaged is noted in the storage, signed, so that the next run of that tier stores it anew if its
source still has it.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backups.errors import BackupError, Damaged, Hostile, Missing
from backups.progress import Progress, Started, silent
from backups.repository.manifests import Entry, Generation, Page, Survey
from backups.repository.repository import Repository
from backups.repository.run import DAMAGE
from backups.storage.bulk import in_bulk
from backups.storage.port import Listed

SLOTS = 30  # days, after which every object was read
STRAYS_NAMED = 10
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
    unusable: dict[str, str] = field(default_factory=dict)  # manifests that are missing or not believed: id → why
    locked: dict[str, str] = field(default_factory=dict)  # id → which encryption key is not at hand
    strays: list[str] = field(default_factory=list)  # names of files among the manifests that are none
    reread: list[str] = field(default_factory=list)  # keys that a quick one has read all the same
    orphans: int = 0  # objects that nothing names
    orphan_bytes: int = 0

    @property
    def whole(self) -> bool:
        """Whether all of it could be restored from here; objects that nothing names do no harm."""
        return not (self.damage or self.unusable or self.locked)

    @property
    def sentences(self) -> list[str]:
        """What is wrong, one by one."""
        return [*self.unusable.values(), *self.locked.values(), *self.damage.values()]

    def has_read(self, key: str) -> bool:
        """Whether an object of this key was read to its end, if it is there and a backup names it."""
        return key in self.reread or (self.kind == "deep" and self.slot in (None, slot_of(key)))

    def __str__(self) -> str:
        if not self.backups and self.whole:
            return f"{self.tier}: there is no backup."
        looked = {"quick": "listed", "deep": "read and hashed"}[self.kind]
        bad = len(self.damage) + len(self.unusable)
        text = f"{self.tier}: {self.objects:,} objects with {self.bytes:,} bytes were {looked}; "
        text += f"{bad:,} are missing or damaged." if bad else "" if self.locked else "all are whole."
        if self.locked:
            text += f" {len(self.locked):,} backups cannot be opened with the keys at hand."
        if self.strays:
            text += f" No manifests, and left alone: {', '.join(self.strays[:STRAYS_NAMED])}."
        if self.orphans:
            text += f" {self.orphans:,} with {self.orphan_bytes:,} bytes belong to no backup."
        return text


def slot_of(key: str) -> int:
    """The day in thirty, from 0, on which an object is read."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % SLOTS


def today(now: datetime) -> int:
    """Whose turn it is."""
    return now.toordinal() % SLOTS


def quick(repository: Repository, *, known: Collection[str] = (), doubted: Collection[str] = ()) -> Verdict:
    """Every object that a generation names is there, with its size and, where the storage tells it, its MD5.

    `known` are ids of generations that there must be; `doubted`, keys that were found damaged by reading, which only
    reading acquits.
    """
    repository = repository.asking_storage()
    verdict = Verdict(repository.tier.name, "quick", None, reread=sorted(doubted))
    survey, named = _named(repository, verdict)
    for id_ in sorted(set(known) - {each.id for each in survey.generations} - verdict.unusable.keys()):
        verdict.unusable[id_] = f"The manifest {id_}.json is missing from the backup storage."
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
        elif key in doubted or (distrust < TRUST and _is_another(entry, listed)):
            try:
                repository.verify(entry)
                distrust += key not in doubted
            except (Damaged, Missing) as exc:
                verdict.damage[key] = str(exc)
        verdict.objects += 1
        verdict.bytes += entry["bytes"]
    orphans = [listed for key, listed in there.items() if key not in named]
    verdict.orphans, verdict.orphan_bytes = len(orphans), sum(each.bytes for each in orphans)
    _conclude(repository, survey, verdict)
    return verdict


def _is_another(entry: Entry | Page, listed: Listed) -> bool:
    """Whether the storage tells an MD5, and that is not the one that was stored."""
    return bool(listed.etag) and "sealed" not in entry and entry.get("md5", listed.etag) != listed.etag


def deep(repository: Repository, slot: int | None, *, started: Started = silent) -> Verdict:
    """Read and hash the objects of one thirtieth, or all of them. Needs no encryption key."""
    repository = repository.asking_storage()
    verdict = Verdict(repository.tier.name, "deep", slot)
    survey, named = _named(repository, verdict)
    entries = [each for key, each in named.items() if slot is None or slot_of(key) == slot]
    done = started(len(entries), sum(entry["bytes"] for entry in entries))

    _read(repository, entries, verdict, done)
    _conclude(repository, survey, verdict)
    return verdict


def read_again(repository: Repository, generations: list[Generation]) -> dict[str, dict[str, str]]:
    """Read all that some generations name, when a restore of them failed: a sentence by key, by id. Noted like any."""
    repository, found = repository.asking_storage(), {}
    for each in generations:
        verdict = Verdict(repository.tier.name, "deep", None)
        entries = list(each.objects)
        for page in each.pages:
            entries += _read_page(repository, page, verdict)
        _read(repository, list({entry["key"]: entry for entry in entries}.values()), verdict, silent(0, 0))
        _conclude(repository, Survey([each]), verdict)
        if verdict.damage:
            found[each.id] = verdict.damage
    return found


def _read(repository: Repository, entries: Sequence[Entry | Page], verdict: Verdict, done: Progress) -> None:
    lock = threading.Lock()

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


def _named(repository: Repository, verdict: Verdict) -> tuple[Survey, dict[str, Entry | Page]]:
    """The generations, and every object that any of them names, by its key; pages are objects, too."""
    survey = repository.survey()
    verdict.unusable, verdict.strays, verdict.backups = survey.doubtful, survey.strays, len(survey.generations)
    named: dict[str, Entry | Page] = {}
    read: dict[str, list[Entry]] = {}
    for generation in survey.generations:
        entries = list(generation.objects)
        for page in generation.pages:
            if page["sha256"] not in read:
                read[page["sha256"]] = _read_page(repository, page, verdict)
            named[page["key"]] = page
            entries += read[page["sha256"]]
        named |= {entry["key"]: entry for entry in entries}
        _compare_keys(repository, generation, entries, verdict)
    return survey, named


def _read_page(repository: Repository, page: Page, verdict: Verdict) -> list[Entry]:
    try:
        return repository.page(page)
    except (Damaged, Hostile) as exc:
        verdict.damage[page["key"]] = str(exc)
        return []


def _compare_keys(repository: Repository, generation: Generation, entries: list[Entry], verdict: Verdict) -> None:
    lost = {entry["sealed"] for entry in entries if entry.get("sealed")} - set(repository.encryption_keys.names)
    if lost:
        verdict.locked[generation.id] = (
            f"The backup {generation.id} is encrypted with the key {', '.join(sorted(lost))}, which is not among "
            "GALLEY_BACKUP_ENCRYPTION_KEYS."
        )


def _conclude(repository: Repository, survey: Survey, verdict: Verdict) -> None:
    """Tell which generations are hurt, and leave a note for the runs to come."""
    if not verdict.damage:
        return
    for generation in survey.generations:
        hurt = {page["key"] for page in generation.pages}.intersection(verdict.damage)
        with contextlib.suppress(BackupError):  # then one of its pages is hurt, at least
            hurt |= {entry["key"] for entry in repository.entries(generation)}.intersection(verdict.damage)
        if hurt:
            verdict.generations[generation.id] = sorted(hurt)
    note_damage(repository, verdict.damage)


def note_damage(repository: Repository, keys: Iterable[str]) -> None:
    """For the runs to come, which store these anew. The same damage is noted once."""
    note = repository.signing_keys.sign({"keys": sorted(keys)})
    digest = hashlib.sha256(note).hexdigest()[:16]
    repository.object_store.put(repository.path(f"{DAMAGE}/{digest}.json"), note, replace=True)

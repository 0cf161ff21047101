"""A run that makes a generation: objects, checkpoints, pages, and the manifest as the very last.

| killed                                 | what is there                       | the next run                         |
|----------------------------------------|-------------------------------------|--------------------------------------|
| before or while an object is written   | the earlier generations             | writes it                            |
| after an object, before its checkpoint | and an object that nothing names    | finds it by its name, or leaves it   |
| after a checkpoint                     | and what the checkpoint notes       | takes it as done                     |
| while the manifest is written          | the earlier generations             | takes all as done, writes a manifest |
| after the manifest, before the end     | the new generation, and checkpoints | finds all done, and removes them     |
| two runs at once                       | the generations of both, each whole | follows the one that was made later  |
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from backups.errors import Changed, Failed, Forged, Hostile, Missing, StorageError, StorageUnreachable
from backups.repository.encryption import encrypted_size
from backups.repository.manifests import FORMAT, MANIFEST_BYTES, About, Entry, Generation, Page, check_entry, write_page
from backups.repository.repository import Repository
from backups.repository.signing import canonical

DAMAGE = "notes/damage"
PRUNING, PRUNING_TIME = "notes/pruning", timedelta(hours=1)
CHECKPOINT_SECONDS = 5
CHECKPOINT_ENTRIES = 1000


def begin(repository: Repository, plan: Mapping[str, object]) -> Run:
    """A run. What earlier ones of the same plan had noted, and never committed, is in its `found`.

    `plan` tells runs apart that take up nothing of each other. Raises StorageError.
    """
    name = hashlib.sha256(canonical(plan)).hexdigest()[:16]
    run = Run(repository, plan, repository.path(f"notes/{name}"), datetime.now(UTC))
    run.recall()
    return run


@dataclass
class Run:
    """Threads may share it."""

    repository: Repository
    plan: Mapping[str, object]
    folder: str  # of its checkpoints
    began: datetime
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    found: list[Entry] = field(default_factory=list)  # of interrupted runs of the same plan
    damaged: set[str] = field(default_factory=set)  # keys of objects that a verification found damaged or missing
    _checkpoints: list[str] = field(default_factory=list)  # removed once the manifest is there
    _damage: list[str] = field(default_factory=list)
    _noted: list[Entry] = field(default_factory=list)
    _announced: bool = False
    _last: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def id(self) -> str:
        """Of the generation that it makes, which no other run makes: when it began, and its token."""
        return f"{self.began:%Y%m%dT%H%M%S}-{self.token}"

    def put(self, name: str, content: bytes, sha256: str = "", md5: str = "") -> Entry:
        """Store a content that fits in memory under `name`, and return the entry that names it.

        The name must follow from the content, or hold the run's `token`. `sha256` and `md5` are the content's, if they
        are known.
        """
        self.announce()
        entry = self.entry(name, len(content), sha256 or hashlib.sha256(content).hexdigest())
        if self.repository.encryption_keys.name:
            content = b"".join(self.repository.encryption_keys.encrypt(entry["content_sha256"], (content,)))
            entry["sha256"], md5 = hashlib.sha256(content).hexdigest(), ""
        self.repository.put(entry["key"], content, md5=md5)
        return entry

    def put_stream(self, name: str, size: int, sha256: str, chunks: Iterable[bytes]) -> Entry:
        """Store a content of any size with flat memory. Raises Changed when `chunks` are not of this size and hash.

        Nothing is stored when `chunks` raises; let it raise a BackupError and no OSError, which would be the storage's.
        """
        self.announce()
        repository, entry = self.repository, self.entry(name, size, sha256)
        content, encryption_keys = hashlib.sha256(), repository.encryption_keys
        stored = hashlib.sha256() if encryption_keys.name else content

        def checked() -> Iterator[bytes]:
            seen = 0
            for chunk in chunks:
                content.update(chunk)
                seen += len(chunk)
                yield chunk
            if (seen, content.hexdigest()) != (size, sha256):
                raise Changed(f"{name} is not any more what it was.")

        def encrypted() -> Iterator[bytes]:
            for chunk in encryption_keys.encrypt(sha256, checked()):
                stored.update(chunk)
                yield chunk

        path = repository.path(entry["key"])
        repository.object_store.put_stream(path, encrypted() if encryption_keys.name else checked(), entry["bytes"])
        entry["sha256"] = stored.hexdigest()
        if repository.object_store.head(path).bytes != entry["bytes"]:
            raise Failed(f"The backup storage kept only a part of {name}.")
        return entry

    def entry(self, name: str, size: int, sha256: str) -> Entry:
        """The entry that `put` makes for such a content; with encryption it lacks the hash of what is stored."""
        key, encryption_key = f"{self.repository.tier.objects}/{name}", self.repository.encryption_keys.name
        if not encryption_key:
            return {"key": key, "bytes": size, "sha256": sha256}
        return {
            "key": f"{key}.{encryption_key}",
            "bytes": encrypted_size(size),
            "sha256": "",
            "sealed": encryption_key,
            "content_bytes": size,
            "content_sha256": sha256,
        }

    def announce(self) -> None:
        """Say that this run is under way, once, before it stores anything.

        Raises StorageUnreachable while old backups go.

        A run and a removal each leave their note first, and then look for the other's: at least one of them sees it.
        """
        with self._lock:
            if self._announced:
                return
            repository, key = self.repository, f"{self.folder}/{self.token}-begun.json"
            repository.object_store.put(key, repository.signing_keys.sign(self._document([])), replace=True)
            self._checkpoints.append(key)
            notes = {listed.key: listed.modified for listed in repository.object_store.list(repository.path("notes"))}
            now = notes.get(key, self.began)  # by the storage's clock
            for other, modified in notes.items():
                if other.startswith(repository.path(PRUNING)) and now - modified < PRUNING_TIME:
                    raise StorageUnreachable(
                        "Old backups are being removed from this storage. Try again in some minutes."
                    )
            self._announced = True

    def note(self, *entries: Entry) -> None:
        """Remember entries in case this run is interrupted. Every few seconds they become a checkpoint."""
        with self._lock:
            self._noted += entries
            due = len(self._noted) >= CHECKPOINT_ENTRIES or time.monotonic() - self._last >= CHECKPOINT_SECONDS
        if due:
            self.save()

    def save(self) -> None:
        """Make a checkpoint of what was noted and is in none yet."""
        with self._lock:
            noted, self._noted, self._last = self._noted, [], time.monotonic()
            key = f"{self.folder}/{self.token}-{len(self._checkpoints):06}.json"
            if noted:
                self._checkpoints.append(key)
        if noted:
            self.repository.object_store.put(
                key, self.repository.signing_keys.sign(self._document(noted)), replace=True
            )

    def recall(self) -> None:
        """Find what interrupted runs of the same plan had noted, and what is damaged. What is not ours stays alone."""
        repository = self.repository
        damage = repository.path(DAMAGE)
        for listed in repository.object_store.list(repository.path("notes")):
            if not listed.key.startswith((f"{self.folder}/", f"{damage}/")):
                continue
            try:
                body = repository.signing_keys.read(listed.key, repository.object_store.get(listed.key, MANIFEST_BYTES))
                if listed.key.startswith(self.folder):
                    self.found += self._recalled(body)
                    self._checkpoints.append(listed.key)
                else:
                    self.damaged |= set(body["keys"])
                    self._damage.append(listed.key)
            except (Forged, Hostile, Missing):
                continue

    def commit(
        self,
        *,
        parent: Generation | None,
        counts: dict[str, int],
        about: About,
        objects: list[Entry] | None = None,
        pages: list[Page] | None = None,
        mended: bool = False,
        after: Generation | None = None,
    ) -> Generation:
        """Write the manifest: from then on the backup exists. `pages` come from `page`.

        `parent` is the last one of its source, which it follows by number and names by hash; `after` is the last one
        where that is not the parent. `mended`: nothing that is `damaged` is named any more, or it was stored anew.
        """
        repository = self.repository
        generation = Generation(
            self.id,
            repository.tier.name,
            self.began,
            datetime.now(UTC),
            parent.id if parent else None,
            counts,
            about | _place(parent, after),
            objects or [],
            pages or [],
        )
        body = generation.body()
        Generation.read(body, repository.tier)  # nothing is written that would not be read
        name, content = f"{generation.id}.json", repository.signing_keys.sign(body)
        repository.put(f"manifests/{name}", content)
        repository.keep(f"manifest-{name}", content)
        repository.witness.note(generation, in_storage=self._announced)  # one without news would not be missed there
        self.end(mended=mended)
        return generation

    def end(self, *, mended: bool) -> None:
        """Remove what was noted: all that it named is in a generation by now. `mended` as in `commit`."""
        with contextlib.suppress(StorageError):  # they do no harm
            for key in self._checkpoints + (self._damage if mended else []):
                self.repository.object_store.delete(key)

    def page(self, entries: list[Entry], known: Mapping[str, Page] = {}) -> Page:
        """Store a page, and return the entry that names it. `known` are pages that are there, by their SHA-256."""
        content = write_page(entries)
        sha256 = hashlib.sha256(content).hexdigest()
        if (page := known.get(sha256)) and page["key"] not in self.damaged:
            return page
        self.announce()
        key = f"pages/{sha256[:2]}/{sha256}.json"
        self.repository.put(key, content)
        self.repository.keep(sha256, content)
        return {"key": key, "bytes": len(content), "sha256": sha256, "entries": len(entries)}

    def _document(self, entries: list[Entry]) -> dict[str, object]:
        return {"format": FORMAT, "tier": self.repository.tier.name, "plan": self.plan, "entries": entries}

    def _recalled(self, body: Mapping[str, object]) -> list[Entry]:
        match body:
            case {"format": 1, "tier": self.repository.tier.name, "plan": self.plan, "entries": list(entries)}:
                for entry in entries:
                    check_entry(entry, self.repository.tier.objects)
                return entries
        raise Hostile("It is a checkpoint of another kind.")


def _place(parent: Generation | None, after: Generation | None) -> About:
    """Where one stands among those of its source. No number is given twice, so that one that is gone is missed."""
    found: About = {"number": 1, "follows": parent.digest() if parent else ""}
    for before in filter(None, (parent, after)):
        found["number"] = max(found["number"], before.number + 1)
    if after and parent and after.id != parent.id:
        found["after"] = after.id
    return found

"""A backup repository: the generations of one tier in one object store. Data first, manifest last.

    source_files/                               database_backups/
        objects/…                                   chunks/…            content, written once
        pages/6f/6f0c….json                         pages/…             long manifests continued, named by their hash
        notes/3fe1…/4f1c09aa-000001.json            notes/…             checkpoints: what a run in between has stored
        manifests/20250527T000750-4f1c09aa.json     manifests/…         signed; without one it is not a backup

A run, resumed by itself when an earlier one of the same plan was interrupted:

    repository = configured.repository(DATABASE)
    run = begin(repository, {"models": ["articles.Article"], "full": True})
    have = {entry["range"]: entry for entry in run.found}           # stored before the interruption
    for entry in in_bulk(chunks_not_in(have), store):                # store: run.put(name, content) | {"range": …}
        run.note(entry)                                             # a checkpoint now and then
    generation = run.commit(parent=None, counts={"rows": 134_000}, about={…}, objects=entries)

And back again:

    for generation in repository.survey().generations:              # newest first
        for entry in repository.entries(generation):
            content = repository.read(entry)                        # raises Damaged, Missing
            for chunk in repository.stream(entry): …                # with flat memory; Damaged at the end

Nothing here locks: names are random or follow from the content, so two runs write different things or the same thing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from backups.errors import Damaged, Exists, Failed, Forged, Hostile, Missing, TooLarge
from backups.repository.encryption import EncryptionKeys, Undecryptable
from backups.repository.manifests import (
    MANIFEST_BYTES,
    PAGE_BYTES,
    Entry,
    Generation,
    Page,
    Survey,
    Tier,
    possible_key,
    read_page,
)
from backups.repository.order import newest_first
from backups.repository.signing import SigningKeys
from backups.repository.witness import Witness
from backups.storage.bulk import in_bulk
from backups.storage.port import FIRST, INCOMPLETE, Listed, ObjectStore

OUR_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}\.json", re.ASCII)  # of manifests, as every run makes it


class Stray(str):
    """The name of a file among the manifests that nobody of ours can have put there."""


@dataclass(frozen=True)
class Repository:
    """One tier in one object store. `cache` is a folder for copies of what was read, which are checked when used.

    `asks_storage`: no copy stands in for the storage, for whoever looks whether a backup could be had without them.
    `storage` says which of the two it is in, and `elsewhere` is the other, where it keeps its notes, too.
    """

    object_store: ObjectStore
    tier: Tier
    signing_keys: SigningKeys
    encryption_keys: EncryptionKeys = field(default_factory=EncryptionKeys)
    cache: Path | None = None
    asks_storage: bool = False
    storage: str = FIRST
    elsewhere: ObjectStore | None = None

    def asking_storage(self) -> Repository:
        """The same, believing the storage alone, as a new machine has to."""
        return replace(self, asks_storage=True)

    def path(self, key: str) -> str:
        """The object store's key of what has this key in the tier's folder."""
        return f"{self.tier.folder}/{key}"

    # What is there

    def survey(self) -> Survey:
        """All generations. One listing, and a read for each manifest that is not in the cache. Raises StorageError."""
        listing, strays = self._listed_manifests()
        found = [each for name, listed in listing.items() if (each := self._from_cache(name, listed))]
        unread = listing.keys() - {f"{each.id}.json" for each in found}
        unusable: dict[str, str] = {}
        read = in_bulk(sorted(unread), lambda name: (name, self._from_storage(name, listing[name])))
        for name, generation in read if unread else ():  # threads are begun for work alone
            if isinstance(generation, Generation):
                found.append(generation)
            elif isinstance(generation, Stray):
                strays.append(name)
            elif generation:
                unusable[name.removesuffix(".json")] = generation
        stored = {id_: listing[f"{id_}.json"].modified for id_ in unusable}
        generations = list(newest_first(found))
        lacking = self.witness.lacking(generations, unusable)
        return Survey(generations, dict(sorted(unusable.items())), lacking, stored, sorted(strays))

    @property
    def witness(self) -> Witness:
        """Of the newest generations, here and in the storage."""
        return Witness(
            self.object_store,
            self.path("newest"),
            self.tier.name,
            self.signing_keys,
            self.cache,
            self.asks_storage,
            self.elsewhere,
        )

    def trusted(self) -> list[Generation]:
        """All generations, newest first, for whoever builds on them. Raises what `believed` raises."""
        return self.believed().generations

    def believed(self) -> Survey:
        """A survey with something to build on, or of a storage that is new.

        Raises Forged when there are manifests and none of them can be believed, and Failed when there are none and the
        cache knows better: an empty listing must not look like a new beginning.
        """
        survey = self.survey()
        known = len([*self.cache.glob("manifest-*.json")]) if self.cache and not survey.generations else 0
        if known and not survey.unusable:
            raise Failed(
                f"{self.object_store} lists no backup, and {known:,} were seen there from this machine. "
                f"Is it the right storage? If all are meant to be gone, remove {self.cache}"
            )
        if survey.unusable and not survey.generations:
            why = next(iter(survey.unusable.values()))
            unusable = len(survey.unusable)
            raise Forged(f"None of the {unusable:,} manifests in {self.object_store} can be believed. {why}")
        return survey

    def generation(self, id_: str) -> Generation:
        """One generation. Raises Missing, Forged, Hostile."""
        key = f"manifests/{id_}.json"
        if "/" in id_ or not possible_key(key):
            raise Missing(f"There is no backup {id_!r}.")
        return self._read_manifest(f"{id_}.json", self.object_store.get(self.path(key), MANIFEST_BYTES))

    def manifest(self, id_: str) -> bytes:
        """A manifest as it is stored, and believed. Raises as `generation`, unless this machine has a copy of it."""
        name = f"{id_}.json"
        try:
            content = self.object_store.get(self.path(f"manifests/{name}"), MANIFEST_BYTES)
            self._read_manifest(name, content)
        except (Missing, Forged, Hostile, TooLarge):
            copy = (self.cache / f"manifest-{name}") if self.cache else None
            if copy is None or not copy.is_file():
                raise
            content = copy.read_bytes()
            self._read_manifest(name, content)
        return content

    def entries(self, generation: Generation) -> Iterator[Entry]:
        """Every entry of a generation, page by page. Raises Hostile, Damaged, Missing."""
        yield from generation.objects
        for page in generation.pages:
            yield from self.page(page)

    def page(self, page: Page) -> list[Entry]:
        """The entries of a page. Raises Damaged, also for one that is missing, and Hostile."""
        try:
            content = self._cached(page["sha256"], page["bytes"])
            if content is None:
                content = self._checked(page, PAGE_BYTES)
                self.keep(page["sha256"], content)
            return read_page(content, page, self.tier.objects)
        except Missing as exc:
            raise Damaged(f"{page['key']} is missing from the backup storage.") from exc

    def read(self, entry: Entry) -> bytes:
        """The content that an entry names, checked, and decrypted if it was encrypted. For what fits in memory."""
        content = self._checked(entry, entry["bytes"])
        return b"".join(self._opened(entry, (content,))) if entry.get("sealed") else content

    def stream(self, entry: Entry) -> Iterator[bytes]:
        """The content in chunks. Raises Damaged at the latest after the last: until then, believe nothing of it."""
        stored = self.stored(entry)
        return self._opened(entry, stored) if entry.get("sealed") else stored

    def verify(self, entry: Entry | Page) -> None:
        """Read an object to its end, and hash it; needs no encryption key. Raises Damaged, Missing."""
        for _ in self.stored(entry):
            pass

    def stored(self, entry: Entry | Page) -> Iterator[bytes]:
        """An object as it lies there, in chunks, encrypted or not. Raises Damaged at the latest after the last."""
        digest, size = hashlib.sha256(), 0
        for chunk in self.object_store.stream(self.path(entry["key"])):
            digest.update(chunk)
            size += len(chunk)
            if size > entry["bytes"]:
                break
            yield chunk
        if size != entry["bytes"] or digest.hexdigest() != entry["sha256"]:
            raise Damaged(f"{entry['key']} in the backup storage is not the object that was stored.")

    # What is written

    def put(self, key: str, content: bytes, *, md5: str = "", replace: bool = False) -> None:
        """Write an object once. One of the same name is accepted when it is the same, and replaced when it is not.

        Names of objects follow from their content, or are random: what lies under one is this very object or was
        damaged. `md5` is the content's, if it is known.
        """
        path = self.path(key)
        try:
            etag = self.object_store.put(path, content, replace=replace)
        except Exists:
            if self._holds(path, content):
                return
            etag = self.object_store.put(path, content, replace=True)
        if etag and etag != (md5 or _md5(content)) and not self._holds(path, content):
            raise Failed(f"The backup storage kept something else than it was sent for {key}.")

    # Inner things

    def _holds(self, path: str, content: bytes) -> bool:
        """Whether the storage has this very content there; told by its etag where that is an MD5."""
        try:
            listed = self.object_store.head(path)
            if listed.bytes != len(content):
                return False
            if listed.etag and listed.etag == _md5(content):
                return True
            return self.object_store.get(path, len(content)) == content
        except (Missing, TooLarge):
            return False

    def _listed_manifests(self) -> tuple[dict[str, Listed], list[str]]:
        """Manifests by name, and names of what is none."""
        manifests, strays = {}, []
        for listed in self.object_store.list(self.path("manifests")):
            name = listed.key.removeprefix(self.path("manifests/"))
            if name.endswith(".json"):
                manifests[name] = listed
            elif not name.startswith(INCOMPLETE):
                strays.append(name)
        return manifests, sorted(strays)

    def _from_cache(self, name: str, listed: Listed) -> Generation | None:
        """Of this machine's copy, where the storage says nothing else of the original."""
        content = self._cached(f"manifest-{name}", listed.bytes)
        if content is None or (listed.etag and listed.etag != _md5(content)):
            return None
        try:
            return replace(self._read_manifest(name, content), stored_at=listed.modified)
        except (Forged, Hostile):
            return None  # of the cache, not of the storage

    def _from_storage(self, name: str, listed: Listed) -> Generation | Stray | str | None:
        """The generation, or why it cannot be believed; None when it was removed meanwhile."""
        try:
            content = self.object_store.get(listed.key, MANIFEST_BYTES)
            generation = self._read_manifest(name, content)
        except Missing:
            return None
        except (Forged, Hostile, TooLarge) as exc:
            self.forget(f"manifest-{name}")
            if isinstance(exc, Forged) and not OUR_NAME.fullmatch(name):
                return Stray(name)
            return str(exc)
        self.keep(f"manifest-{name}", content)
        return replace(generation, stored_at=listed.modified)

    def _read_manifest(self, name: str, content: bytes) -> Generation:
        generation = Generation.read(self.signing_keys.read(f"The manifest {name}", content), self.tier)
        if f"{generation.id}.json" != name:
            raise Hostile(f"The manifest {name} is a copy of another one.")
        return generation

    def _checked(self, entry: Entry | Page, limit: int) -> bytes:
        try:
            content = self.object_store.get(self.path(entry["key"]), limit)
        except TooLarge as exc:
            raise Damaged(f"{entry['key']} in the backup storage is not the object that was stored.") from exc
        if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise Damaged(f"{entry['key']} in the backup storage is not the object that was stored.")
        return content

    def _opened(self, entry: Entry, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from self.encryption_keys.decrypt(chunks)
        except Undecryptable as exc:
            raise Damaged(f"{entry['key']} cannot be decrypted: {exc}") from exc

    def _cached(self, name: str, size: int) -> bytes | None:
        """A copy from the cache, if it is one. Manifests carry their signature; all else is named by its hash."""
        if self.cache is None or self.asks_storage:
            return None
        try:
            content = (self.cache / name).read_bytes()
        except OSError:
            return None
        whole = len(content) == size and (name.startswith("manifest-") or hashlib.sha256(content).hexdigest() == name)
        return content if whole else None

    def keep(self, name: str, content: bytes) -> None:
        """Put a copy into the cache, if there is one."""
        if self.cache is None:
            return
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            part = self.cache / f"{name}.{secrets.token_hex(4)}"
            part.write_bytes(content)
            part.rename(self.cache / name)
        except OSError:
            pass  # a cache that cannot be written only costs time

    def forget(self, name: str) -> None:
        """Remove a copy from the cache, if there is one."""
        if self.cache is not None:
            (self.cache / name).unlink(missing_ok=True)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

"""What the newest generation of each source is, noted beside the manifests and on this machine.

A storage does not tell that a manifest was deleted, or that all of it was put back to an earlier day. Its own notes of
the newest ones, those in the second storage, this machine's copies of them, and the rows of the desk each know better.
A note follows its manifest, and removal of old backups leaves the last two of every source: so one that was noted is
there, or a later one is.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backups.errors import Forged, Missing, StorageError
from backups.repository.manifests import MANIFEST_BYTES, Generation
from backups.repository.signing import SigningKeys
from backups.storage.port import ObjectStore

OF_FIRST = "-first"  # ends the name of its folder in the second storage


@dataclass(frozen=True)
class Witness:
    """Of one tier. `asks_storage`: reads its list, too, and not only the copy of this machine; and that in the second
    storage, `elsewhere`, where one answers.
    """

    object_store: ObjectStore
    folder: str
    tier: str
    signing_keys: SigningKeys
    cache: Path | None
    asks_storage: bool
    elsewhere: ObjectStore | None = None

    def note(self, generation: Generation, *, in_storage: bool) -> None:
        """That this is the newest of its source. One that cannot be written costs what it would have told."""
        name, content = self._note(generation)
        if in_storage:
            with contextlib.suppress(StorageError):
                self.object_store.put(f"{self.folder}/{name}", content, replace=True)
        if self.cache:
            with contextlib.suppress(OSError):
                self.cache.mkdir(parents=True, exist_ok=True)
                part = self.cache / f"{secrets.token_hex(4)}.part"
                part.write_bytes(content)
                part.rename(self.cache / f"newest-{name}")

    def note_elsewhere(self, generation: Generation) -> None:
        """The same in the second storage, which then knows of it before it has it. Raises StorageError."""
        if self.elsewhere:
            name, content = self._note(generation)
            self.elsewhere.put(f"{self.folder}{OF_FIRST}/{name}", content, replace=True)

    def lacking(self, generations: Iterable[Generation], unusable: Container[str]) -> dict[str, str]:
        """A sentence for each that was the newest of its source, where neither it nor a later one is there, by id."""
        return {
            id_: f"The manifest {id_}.json, the newest of {source}, is missing from the storage."
            for source, id_ in self._newer(self._noted(), generations)
            if id_ not in unusable
        }

    def of_first(self, generations: Iterable[Generation]) -> dict[str, str]:
        """Of the second storage: the newest that the first had of each source, where it is not here, by source."""
        return dict(self._newer(_read(self.object_store, f"{self.folder}{OF_FIRST}"), generations))

    def _newer(
        self, noted: Iterable[tuple[str, bytes]], generations: Iterable[Generation]
    ) -> Iterator[tuple[str, str]]:
        """Source and id of each that was noted, where neither it nor a later one is among these."""
        newest: dict[str, int] = {}
        for each in generations:
            newest[each.source] = max(each.number, newest.get(each.source, 0))
        for name, content in noted:
            try:
                body = self.signing_keys.read(f"The note {name}", content)
            except Forged:
                continue  # with the key of another time, or nobody's
            match body:
                case {"tier": self.tier, "source": str(source), "id": str(id_), "number": int(number)}:
                    if newest.get(source, 0) < number:
                        yield source, id_

    def forget(self) -> None:
        """Accept what is there as all there is."""
        for listed in list(self.object_store.list(self.folder)):
            self.object_store.delete(listed.key)
        if self.elsewhere:
            with contextlib.suppress(StorageError):
                for listed in list(self.elsewhere.list(f"{self.folder}{OF_FIRST}")):
                    self.elsewhere.delete(listed.key)
        for path in self.cache.glob("newest-*") if self.cache else ():
            path.unlink(missing_ok=True)

    def _note(self, generation: Generation) -> tuple[str, bytes]:
        source = generation.source
        body = {"tier": self.tier, "source": source, "id": generation.id, "number": generation.number}
        return f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.json", self.signing_keys.sign(body)

    def _noted(self) -> Iterator[tuple[str, bytes]]:
        for path in self.cache.glob("newest-*") if self.cache else ():
            with contextlib.suppress(OSError):
                yield path.name, path.read_bytes()
        if self.asks_storage:
            yield from _read(self.object_store, self.folder)
        if self.asks_storage and self.elsewhere:
            with contextlib.suppress(StorageError):  # either may be down
                yield from list(_read(self.elsewhere, f"{self.folder}{OF_FIRST}"))


def _read(object_store: ObjectStore, folder: str) -> Iterator[tuple[str, bytes]]:
    for listed in object_store.list(folder):
        with contextlib.suppress(Missing):
            yield listed.key, object_store.get(listed.key, MANIFEST_BYTES)

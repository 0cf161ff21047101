"""What the newest generation of each source is, noted beside the manifests and on this machine.

A storage does not tell that a manifest was deleted, or that all of it was put back to an earlier day. Its own notes of
the newest ones, this machine's copies of them, and the rows of the desk each know better. A note follows its manifest,
and removal of old backups leaves the last two of every source: so one that was noted is there, or a later one is.
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


@dataclass(frozen=True)
class Witness:
    """Of one tier. `asks_storage`: reads its list, too, and not only the copy of this machine."""

    object_store: ObjectStore
    folder: str
    tier: str
    signing_keys: SigningKeys
    cache: Path | None
    asks_storage: bool

    def note(self, generation: Generation, *, in_storage: bool) -> None:
        """That this is the newest of its source. One that cannot be written costs what it would have told."""
        source = generation.source
        name = f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.json"
        content = self.signing_keys.sign(
            {"tier": self.tier, "source": source, "id": generation.id, "number": generation.number}
        )
        if in_storage:
            with contextlib.suppress(StorageError):
                self.object_store.put(f"{self.folder}/{name}", content, replace=True)
        if self.cache:
            with contextlib.suppress(OSError):
                self.cache.mkdir(parents=True, exist_ok=True)
                part = self.cache / f"{secrets.token_hex(4)}.part"
                part.write_bytes(content)
                part.rename(self.cache / f"newest-{name}")

    def lacking(self, generations: Iterable[Generation], unusable: Container[str]) -> dict[str, str]:
        """A sentence for each that was the newest of its source, where neither it nor a later one is there, by id."""
        newest: dict[str, int] = {}
        for each in generations:
            newest[each.source] = max(each.number, newest.get(each.source, 0))
        found = {}
        for name, content in self._noted():
            try:
                body = self.signing_keys.read(f"The note {name}", content)
            except Forged:
                continue  # with the key of another time, or nobody's
            match body:
                case {"tier": self.tier, "source": str(source), "id": str(id_), "number": int(number)}:
                    if newest.get(source, 0) < number and id_ not in unusable:
                        found[id_] = f"The manifest {id_}.json, the newest of {source}, is missing from the storage."
        return found

    def forget(self) -> None:
        """Accept what is there as all there is."""
        for listed in list(self.object_store.list(self.folder)):
            self.object_store.delete(listed.key)
        for path in self.cache.glob("newest-*") if self.cache else ():
            path.unlink(missing_ok=True)

    def _noted(self) -> Iterator[tuple[str, bytes]]:
        for path in self.cache.glob("newest-*") if self.cache else ():
            with contextlib.suppress(OSError):
                yield path.name, path.read_bytes()
        for listed in self.object_store.list(self.folder) if self.asks_storage else ():
            with contextlib.suppress(Missing):
                yield listed.key, self.object_store.get(listed.key, MANIFEST_BYTES)

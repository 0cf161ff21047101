"""Generations of one storage in the other, as they are: pieces first, then pages, each manifest as the very last.

So the other storage is whole at any moment, and damage does not spread: what is not what its manifest names is never
sent, and nothing is removed there because it is missing here. What is damaged there is sent anew.

| killed                               | what is there                              | the next copy                  |
|--------------------------------------|--------------------------------------------|--------------------------------|
| before or while a piece is written   | whole generations                          | sends it                       |
| after a piece, before its checkpoint | and a piece that nothing names             | sends it once more             |
| after a checkpoint                   | and what the checkpoint notes              | takes it as done               |
| after a manifest                     | one more generation                        | goes on with the one after it  |
| two copies at once                   | the same pieces, the same manifests, once  | finds all done                 |

Without news it asks for two listings of manifests and one of notes, however much there is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field

from backups.errors import BackupError, Damaged, Forged, Hostile, Missing, StorageError
from backups.progress import Started, silent
from backups.repository.manifests import Entry, Generation, Page, Survey
from backups.repository.repository import Repository
from backups.repository.run import Run, begin
from backups.repository.verify import note_damage
from backups.storage.bulk import in_bulk, read_ahead
from backups.storage.port import STREAM_BYTES

Select = Callable[[Survey, Survey], list[Generation]]  # of the source's and the target's: what is to be copied


@dataclass
class Copied:
    """What a copy did. `left` has a sentence for each generation that could not be copied, by id."""

    tier: str
    source: str  # storages
    target: str
    generations: list[Generation] = field(default_factory=list)
    objects: int = 0  # with pages
    bytes: int = 0
    mended: int = 0  # of these, that were missing or damaged
    left: dict[str, str] = field(default_factory=dict)
    damage: dict[str, dict[str, str]] = field(default_factory=dict)  # of the source, found now: by id and key
    known: list[str] = field(default_factory=list)  # ids of all that the target has now

    def __str__(self) -> str:
        if not (self.objects or self.generations or self.left):
            return f"{self.tier}: the {self.target} storage has all of it."
        text = f"{self.tier}: {len(self.generations):,} backups, {self.objects:,} objects with {self.bytes:,} bytes "
        text += f"were copied to the {self.target} storage"
        text += f", {self.mended:,} of them anew." if self.mended else "."
        return text + (f" {len(self.left):,} backups could not be." if self.left else "")


def copy(
    source: Repository,
    target: Repository,
    select: Select,
    *,
    skip: Container[str] = (),
    started: Started = silent,
) -> Copied:
    """Copy what `select` names, the oldest first, and send anew what is damaged there.

    `skip` are ids of generations that are known to be damaged in the source. Raises StorageError, which names the
    storage; what was copied until then stays.
    """
    copied = Copied(source.tier.name, source.storage, target.storage)
    with named(source):
        here = source.believed()
    with named(target):
        there = target.believed()
        run = begin(target, {"copy": target.tier.name})
    wanted = select(here, there)
    if run.damaged or any(each.id not in skip for each in wanted):
        with named(target):
            run.announce()
            there = target.survey()  # what has been removed until then is not taken for granted
        wanted = select(here, there)
        _Copy(source, target, run, copied, started).all_of([each for each in wanted if each.id not in skip], there)
    copied.left |= {each.id: f"The backup {each.id} is damaged." for each in wanted if each.id in skip}
    copied.known = [each.id for each in (*there.generations, *copied.generations)]
    return copied


@dataclass
class _Copy:
    source: Repository
    target: Repository
    run: Run
    copied: Copied
    started: Started
    there: dict[str, str] = field(default_factory=dict)  # key → SHA-256 of what the target has

    def all_of(self, wanted: list[Generation], survey: Survey) -> None:
        for generation in {each.source: each for each in wanted}.values():  # the newest of each source
            with named(self.target):
                self.source.witness.note_elsewhere(generation)
        mended = self._mend(survey)
        self.there |= {entry["key"]: entry["sha256"] for entry in self.run.found if self._is_whole(entry)}
        usable = {each.id for each in survey.generations}
        newest = {each.source: each.number for each in sorted(survey.generations, key=lambda each: each.number)}
        for generation in wanted:
            if generation.about.get("needs_parent") and generation.parent not in usable:
                said = f"The backup {generation.id} builds on {generation.parent}, which could not be copied."
                self.copied.left[generation.id] = said
            elif self._copies(generation):
                usable.add(generation.id)
                if generation.number >= newest.get(generation.source, 0):
                    newest[generation.source] = generation.number
                    self.target.witness.note(generation, in_storage=True)
        self.run.end(mended=mended)

    def _copies(self, generation: Generation) -> bool:
        """Whether it is there now. One that retention removes meanwhile is no damage."""
        try:
            self._copy(generation)
        except (Damaged, Hostile, Forged, Missing) as exc:
            if not self._is_gone(generation):
                self.copied.left[generation.id] = str(exc)
            return False
        self.copied.generations.append(generation)
        return True

    def _copy(self, generation: Generation) -> None:
        lacking: dict[str, Entry] = {}
        pages = [page for page in generation.pages if self.there.get(page["key"]) != page["sha256"]]
        for entries in (generation.objects, *(self._page_of_source(page, generation.id) for page in pages)):
            lacking |= {each["key"]: each for each in entries if self.there.get(each["key"]) != each["sha256"]}
        done = self.started(len(lacking), sum(entry["bytes"] for entry in lacking.values()))

        def send(entry: Entry) -> Entry:
            self._send(entry, generation.id)
            done(1, entry["bytes"])
            return entry

        for entry in in_bulk(lacking.values(), send):
            self._count(entry)
            with named(self.target):
                self.run.note({"key": entry["key"], "bytes": entry["bytes"], "sha256": entry["sha256"]})
        for page in pages:
            self._send(page, generation.id)
            self._count(page)
        with named(self.source):
            content = self.source.manifest(generation.id)
        with named(self.target):
            self.target.put(f"manifests/{generation.id}.json", content)
        self.target.keep(f"manifest-{generation.id}.json", content)

    def _mend(self, survey: Survey) -> bool:
        """Send anew what is damaged there. Whether nothing that is named there is damaged any more."""
        named: dict[str, Entry | Page] = {}
        mended = True
        for generation in survey.generations:
            named |= {page["key"]: page for page in generation.pages} | {e["key"]: e for e in generation.objects}
            for page in generation.pages:
                try:
                    named |= {each["key"]: each for each in self._page_of_target(page)}
                except (Damaged, Hostile):
                    mended = False  # here as well
        self.there = {key: entry["sha256"] for key, entry in named.items() if key not in self.run.damaged}
        for key in sorted(self.run.damaged & named.keys()):
            try:
                self._send(named[key], replace=True)
            except (Damaged, Missing):
                mended = False  # here as well
                continue
            self._count(named[key])
            self.copied.mended += 1
        return mended

    def _page_of_target(self, page: Page) -> list[Entry]:
        try:
            if page["key"] not in self.run.damaged:
                with named(self.target):
                    return self.target.page(page)
        except (Damaged, Hostile):
            self.run.damaged.add(page["key"])
        return self._page_of_source(page)

    def _page_of_source(self, page: Page, id_: str = "") -> list[Entry]:
        with self._noticing(page, id_), named(self.source):
            return self.source.page(page)

    def _send(self, entry: Entry | Page, id_: str = "", *, replace: bool = False) -> None:
        """Read it here, and write it there: nothing appears of what is not what its manifest names."""
        with self._noticing(entry, id_):
            send(self.source, self.target, entry, replace=replace)

    @contextlib.contextmanager
    def _noticing(self, entry: Entry | Page, id_: str) -> Iterator[None]:
        """What is damaged here of the generation that is copied."""
        try:
            yield
        except (Damaged, Missing) as exc:
            if id_:
                self.copied.damage.setdefault(id_, {})[entry["key"]] = str(exc)
            raise

    def _count(self, entry: Entry | Page) -> None:
        self.there[entry["key"]] = entry["sha256"]
        self.copied.objects += 1
        self.copied.bytes += entry["bytes"]

    def _is_gone(self, generation: Generation) -> bool:
        """Whether the source has it no more; else what is damaged of it is noted for its next backup."""
        found = self.copied.damage
        with named(self.source):
            try:
                self.source.object_store.head(self.source.path(f"manifests/{generation.id}.json"))
            except Missing:
                found.pop(generation.id, None)
                return True
            if generation.id in found:
                note_damage(self.source, found[generation.id])
        return False

    def _is_whole(self, entry: Entry) -> bool:
        return entry["key"] not in self.run.damaged


def send(source: Repository, target: Repository, entry: Entry | Page, *, replace: bool = False) -> None:
    """One object, with flat memory. Raises Damaged and Missing of the source; StorageError names the storage."""
    if entry["bytes"] <= STREAM_BYTES:
        with named(source):
            content = b"".join(source.stored(entry))
        with named(target):
            target.put(entry["key"], content, replace=replace)
        return
    failed: list[BackupError] = []

    def chunks() -> Iterator[bytes]:
        try:
            with named(source):
                yield from source.stored(entry)
        except BackupError as exc:
            failed.append(exc)
            raise

    try:
        with read_ahead(chunks()) as pieces:
            target.object_store.put_stream(target.path(entry["key"]), pieces, entry["bytes"])
    except BackupError as exc:
        if failed:
            raise failed[0] from exc
        with named(target):
            raise


@contextlib.contextmanager
def named(repository: Repository) -> Iterator[None]:
    """What a storage says is said with its name. What is missing or damaged stays what it is."""
    try:
        yield
    except Missing:
        raise
    except StorageError as exc:
        raise type(exc)(f"The {repository.storage} storage: {exc}") from exc


def kept(here: Survey, there: Survey, verdicts: Callable[[list[Generation]], dict[str, str]]) -> list[Generation]:
    """What the other storage lacks and would keep, the oldest first: nothing is sent that it would remove at once."""
    usable = {each.id for each in there.generations}
    lacking = [each for each in here.generations if each.id not in usable]
    judged = verdicts([*there.generations, *lacking]) if lacking else {}
    return [each for each in reversed(lacking) if judged[each.id]]

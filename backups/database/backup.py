"""The database tier: the rows of the kept models, a full backup now and then, and between them what has changed.

What has changed is told by comparing maps {key: token}, never by a time: a row that was committed late with an earlier
time, changed by a bulk update or by SQL, deleted, or deleted and made again, has another token than in the last backup.
A run reads one snapshot (`snapshot`), so what a backup holds belongs together. Chunks that an interrupted run
has stored are used again when the rows still have the same content; they are read again in any case.

A full backup is made when there is none, when the last is older than a week, when the tables or the database are not
any more those of the last backup, and when one of its objects is damaged. It reads everything and so finds drift: rows
that have changed without the map showing it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from backups.database import chains, maps, tables
from backups.database.baseline import Baseline, baseline, map_file
from backups.database.chains import CHANGES, CHUNK_ROLE, FULL, MAP_ROLE, About
from backups.database.snapshot import PAGE_ROWS, Difference, RowPage, Snapshot
from backups.database.tables import Table
from backups.database.vendors import snapshot
from backups.errors import Failed, StorageError, TooLarge
from backups.progress import Progress, Started, silent
from backups.repository import packing
from backups.repository.manifests import Entry, Generation, content_sha256, object_of
from backups.repository.repository import Repository
from backups.repository.run import Run, begin
from backups.storage.bulk import in_bulk

SOURCE = "desk"
STORING_THREADS = 4
DIVIDED_BYTES = 64 * 2**20  # rows that take more are divided among several chunks
INLINE_ENTRIES = 1000  # in the manifest itself; more go into pages
MOST_NAMED = 20  # keys of drifted rows, of each model


@dataclass
class Outcome:
    """A backup that was made, and the drift that it found: keys of rows, by model."""

    generation: Generation
    drift: dict[str, list[int]] = field(default_factory=dict)

    @property
    def drifted(self) -> int:
        """How many rows had drifted."""
        return sum(map(len, self.drift.values()))

    def summary(self) -> dict[str, str | int | None]:
        """For JSON."""
        made = self.generation
        return {
            "generation": made.id,
            "made": made.made.isoformat(),
            "parent": made.parent,
            "kind": made.about["kind"],
            "why": made.about["why"],
            **made.counts,
        }

    def __str__(self) -> str:
        made, counts = self.generation, self.generation.counts
        if made.about["kind"] == FULL:
            lines = [f"{counts['rows']:,} rows are backed up in full as {made.id}. {made.about['why']}".rstrip()]
        else:
            lines = [
                f"{counts['rows']:,} rows are backed up as {made.id}: {counts['stored_rows']:,} are new or have "
                f"changed, {counts['gone_rows']:,} are gone since {made.parent}."
            ]
        if self.drift:
            named = "; ".join(f"{label} {', '.join(map(str, pks[:MOST_NAMED]))}" for label, pks in self.drift.items())
            rows = "1 row" if self.drifted == 1 else f"{self.drifted:,} rows"
            lines.append(f"{rows} had changed without the last backup noticing: {named}.")
        return "\n".join(lines)


def backup(
    repository: Repository,
    alias: str = "default",
    *,
    source: str = SOURCE,
    full: bool = False,
    accept_change: bool = False,
    started: Started = silent,
) -> Outcome:
    """Back up the database of an alias; `source` tells the chains of several databases apart.

    Raises Suspicious before anything is committed, and StorageError; then the next run goes on from here.
    """
    with snapshot(alias) as seen:
        began, kept = datetime.now(UTC), tables.kept()
        about: About = {"source": source, "identity": seen.identity(kept), "migrations": migrations(alias)}
        last = baseline(repository, seen, source, about["identity"], began)
        if full and not last.why_full:
            last.why_full = "It was asked for."
        counts = {each.label: seen.count(each) for each in kept}
        if not accept_change:
            last.believe_counts(counts)
        run = begin(repository, {"source": source, "kind": FULL if last.why_full else CHANGES})
        if not last.why_full and last.names(repository, run.damaged):
            last.why_full = "What the last one builds on is damaged."
            run = begin(repository, {"source": source, "kind": FULL})
        rows = sum(counts.values())
        work = _Work(repository, run, seen, kept, last, started(rows, rows))
        try:
            return work.everything(about) if last.why_full else work.changes(about, accept=accept_change)
        except BaseException:
            with contextlib.suppress(StorageError):
                run.save()
            raise


def pending(repository: Repository, alias: str = "default", *, source: str = SOURCE) -> dict[str, int] | None:
    """How many rows of each model a backup would add now; None when it would be a full one. Raises StorageError."""
    with snapshot(alias) as seen:
        kept = tables.kept()
        last = baseline(repository, seen, source, seen.identity(kept), datetime.now(UTC))
        if last.generation is None or not last.comparable:
            return None
        found = {each.label: seen.compare(each, last.blocks(each.label)) for each in kept}
        return {label: len(each.changed) + len(each.gone) for label, each in found.items() if each.changed or each.gone}


def migrations(alias: str) -> dict[str, str]:
    """The last migration of each app, by which a restore sees what it comes from."""
    found: dict[str, str] = {}
    for app, name in sorted(MigrationRecorder(connections[alias]).applied_migrations()):
        found[app] = name
    return found


@dataclass(frozen=True)
class _ChunkJob:
    """A chunk that is to be made: of all rows behind `after` up to `last`, or of some `changed` ones and some gone."""

    number: int
    table: Table
    after: int | None = None
    last: int | None = None
    changed: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    def read(self, seen: Snapshot) -> RowPage:
        if self.last is not None:
            return seen.between(self.table, self.after, self.last)
        return seen.rows(self.table, self.changed)

    def halves(self, seen: Snapshot, number: int) -> tuple[_ChunkJob, _ChunkJob]:
        """Two jobs for the rows of this one; `number` is the second one's. Raises Failed for a single row."""
        pks = self.changed if self.last is None else seen.pks(self.table, self.after, self.last)
        if len(pks) < 2:
            raise Failed(f"The database cannot tell {self.table.label} {pks}: it is too large.")
        middle = len(pks) // 2
        if self.last is None:
            return replace(self, changed=pks[:middle]), replace(self, number=number, changed=pks[middle:], gone=[])
        return replace(self, last=pks[middle - 1]), replace(self, number=number, after=pks[middle - 1])


class _StoredChunk(NamedTuple):
    job: _ChunkJob
    entry: Entry
    rows: maps.Block


@dataclass
class _Work:
    """One backup. Threads share it while chunks are stored."""

    repository: Repository
    run: Run
    seen: Snapshot
    kept: list[Table]
    last: Baseline
    progress: Progress

    def __post_init__(self) -> None:
        usable = [entry for entry in self.run.found if entry["key"] not in self.run.damaged]
        self.there = {entry.get("plain_sha256", content_sha256(entry)): entry for entry in usable}
        self.numbers = itertools.count(1)

    def everything(self, about: About) -> Outcome:
        """A full backup: every row is read, and compared with the last backup by its content."""
        digests = self.seen.digests(self.kept)  # a second process makes them meanwhile, if there is one
        pieces: dict[str, dict[int, maps.Block]] = {each.label: {} for each in self.kept}
        entries = []
        for job, entry, rows in self._stored(self._all()):
            entries.append(entry)
            pieces[job.table.label][job.last or 0] = rows
        found: maps.Map = {}
        for each in self.kept:
            some = pieces.pop(each.label)
            found[each.label] = maps.gathered(some[last] for last in sorted(some))
        for label, by_block in digests().items():
            for number, of_spans in by_block.items():
                found[label][number].digests = of_spans
        drift = self._drift(found)
        entries += self._store_map(found)
        return self._commit(about | {"kind": FULL, "why": self.last.why_full}, entries, found, drift)

    def changes(self, about: About, *, accept: bool) -> Outcome:
        """What has changed since the last backup, and what is gone. Raises Suspicious, unless all is accepted."""
        differences = {each.label: self.seen.compare(each, self.last.blocks(each.label)) for each in self.kept}
        if not accept:
            for label, difference in differences.items():
                self.last.believe_changes(label, difference)
        news: maps.Map = {}
        entries = []
        for job, entry, rows in self._stored(self._changed(differences)):
            entries.append(entry)
            news[job.table.label] = maps.changed(news.get(job.table.label, {}), rows.rows(), ())
        entries += self._store_map(news)
        found: maps.Map = {}
        for label, difference in differences.items():
            new = (row for block in news.get(label, {}).values() for row in block.rows())
            found[label] = maps.changed(self.last.blocks(label), new, difference.gone)
            for number, digests in difference.digests.items():
                found[label][number].digests = digests
        return self._commit(about | {"kind": CHANGES, "why": "", "needs_parent": True}, entries, found, {})

    def _all(self) -> Iterator[_ChunkJob]:
        """All rows, cut where an interrupted run has cut them, so that its chunks can be the same."""
        cuts: dict[tuple[str, int | None], int] = {}
        for entry in self.there.values():
            begin, end = entry.get("after"), entry.get("last")
            if chains.is_key(end) and (begin is None or (chains.is_key(begin) and begin < end)):
                cuts[str(entry.get("model")), begin] = end
        for each in self.kept:
            after: int | None = None
            while True:
                last, rows = self.seen.end(each, after, cuts.get((each.label, after)))
                if rows:
                    yield _ChunkJob(next(self.numbers), each, after, last)
                if last is None:
                    break
                after = last

    def _changed(self, differences: dict[str, Difference]) -> Iterator[_ChunkJob]:
        for each in self.kept:
            changed, gone = differences[each.label].changed, differences[each.label].gone
            for at in range(0, max(len(changed), len(gone)), PAGE_ROWS):
                upto = at + PAGE_ROWS
                yield _ChunkJob(next(self.numbers), each, changed=changed[at:upto], gone=gone[at:upto])

    def _stored(self, jobs: Iterator[_ChunkJob]) -> Iterator[_StoredChunk]:
        return itertools.chain.from_iterable(in_bulk(jobs, self._store, threads=STORING_THREADS))

    def _store(self, job: _ChunkJob) -> list[_StoredChunk]:
        """Store the rows of a job, in several chunks when they are large."""
        try:
            page: RowPage | None = job.read(self.seen)
        except TooLarge:
            page = None
        if page is None or (len(page.body) > DIVIDED_BYTES and len(page.pks) > 1):
            del page
            first, second = job.halves(self.seen, next(self.numbers))
            return [*self._store(first), *self._store(second)]
        return [self._store_page(job, page)]

    def _store_page(self, job: _ChunkJob, page: RowPage) -> _StoredChunk:
        label, run = job.table.label, self.run
        content = chains.chunk_text(label, page.body, job.gone, page.keys)
        name = f"{run.id}/chunk_{job.number:06}_{run.began:%Y%m%d_%H%M%S}.json"
        entry: Entry = {
            **self._put_packed(name, content),
            "role": CHUNK_ROLE,
            "model": label,
            "number": job.number,
            "rows": len(page.pks),
            "gone": len(job.gone),
            "after": job.after,
            "last": job.last,
        }
        run.note(entry)
        self.progress(len(page.pks), len(page.pks))
        rows = maps.Block(maps.words(page.pks), b"".join(page.tokens), b"".join(page.hashes))
        return _StoredChunk(job, entry, rows)

    def _store_map(self, found: maps.Map) -> list[Entry]:
        entries: list[Entry] = []
        for label, blocks in found.items():
            for part in maps.parts(blocks):
                number = len(entries) + 1
                name = f"{self.run.id}/map_{number:06}_{self.run.began:%Y%m%d_%H%M%S}.bin"
                stored = self._put(name, part.content)
                entries.append({**stored, "role": MAP_ROLE, "model": label, "number": number, "rows": part.rows})
        return entries

    def _put_packed(self, name: str, content: bytes) -> Entry:
        """The same, compressed."""
        if there := self.there.get(hashlib.sha256(content).hexdigest()):
            return object_of(there)
        return packing.packed_entry(self._put(f"{name}.zst", packing.pack(content)), content)

    def _put(self, name: str, content: bytes) -> Entry:
        """Stored already, by a run that was interrupted, or stored now."""
        sha256 = hashlib.sha256(content).hexdigest()
        if there := self.there.get(sha256):
            return object_of(there)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        stored = self.run.put(name, content, sha256, md5)
        return stored if "sealed" in stored else {**stored, "md5": md5}  # by which a listing tells another content

    def _drift(self, found: maps.Map) -> dict[str, list[int]]:
        """Rows whose content is another than in the last backup although the map says that they are the same."""
        drift: dict[str, list[int]] = {}
        for label, blocks in found.items() if self.last.comparable else ():
            for number, block in blocks.items():
                before = self.last.blocks(label).get(number)
                if before is not None and (pks := self._drifted(before, block)):
                    drift.setdefault(label, []).extend(pks)
        return drift

    def _drifted(self, before: maps.Block, now: maps.Block) -> list[int]:
        if before.hashes == now.hashes:
            return []
        old = {pk: content for pk, _, content in before.rows()}
        had, marks = self.seen.marks(before), self.seen.marks(now)
        changed = [pk for pk, _, content in now.rows() if pk in old and old[pk] != content]
        return [pk for pk in changed if pk in had and had[pk] == marks.get(pk)]

    def _commit(self, about: About, entries: list[Entry], found: maps.Map, drift: dict[str, list[int]]) -> Outcome:
        """Write the manifest, and keep the map on this machine."""
        entries.sort(key=lambda entry: (entry["role"], entry["number"]))
        chunks = [entry for entry in entries if entry["role"] == CHUNK_ROLE]
        rows = {label: maps.size(blocks) for label, blocks in found.items()}
        about |= {"rows": rows, "drift": {label: pks[:MOST_NAMED] for label, pks in drift.items()}}
        last = self.last.generation
        if about["kind"] == CHANGES and last and not entries:
            about["same_as"] = last.id
        pages = []
        if len(entries) > INLINE_ENTRIES:
            starts = range(0, len(entries), INLINE_ENTRIES)
            pages = [self.run.page(entries[start : start + INLINE_ENTRIES]) for start in starts]
        made = self.run.commit(
            parent=last,
            counts={
                "rows": sum(rows.values()),
                "stored_rows": sum(entry["rows"] for entry in chunks),
                "gone_rows": sum(entry["gone"] for entry in chunks),
                "stored_bytes": sum(entry["bytes"] for entry in entries),
                "chunks": len(chunks),
                "drifted_rows": sum(map(len, drift.values())),
            },
            about={**about},
            objects=[] if pages else entries,
            pages=pages,
            mended=about["kind"] == FULL,
            after=self.last.last,
        )
        if file := map_file(self.repository, about["source"]):
            maps.save(file, made.same_as or made.id, found)
        return Outcome(made, drift)

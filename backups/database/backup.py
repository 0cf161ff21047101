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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from backups.database import chains, maps, tables
from backups.database.chains import CHANGES, CHUNK, FULL, MAP
from backups.database.snapshot import PAGE_ROWS, Difference, Identity, RowPage, Snapshot
from backups.database.tables import Table
from backups.database.vendors import snapshot
from backups.errors import BackupError, Damaged, Failed, Hostile, Missing, PlaceError, TooLarge
from backups.progress import Progress, Started, silent
from backups.repository.manifests import Entry, Generation, content_sha256
from backups.repository.repository import Repository
from backups.repository.run import Run
from backups.storage.bulk import in_bulk

SOURCE = "desk"
FULL_EVERY = timedelta(days=7)
ALIKE = 0.5  # when more than this share of a table's rows is gone or changed, a person is asked
FEW = 20  # rows, of which any share may go
THREADS = 4
CHUNK_BYTES = 64 * 2**20  # rows that take more are divided among several chunks
INLINE = 1000  # entries in the manifest itself; more go into pages
SAID = 20  # keys of drifted rows that are named


class Suspicious(BackupError):
    """So many rows are gone or changed that a person has to look; the message says how many."""


@dataclass
class Outcome:
    generation: Generation
    drift: dict[str, list[int]] = field(default_factory=dict)  # keys of rows, by model

    @property
    def drifted(self) -> int:
        return sum(map(len, self.drift.values()))

    def summary(self) -> dict[str, Any]:
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
            named = "; ".join(f"{label} {', '.join(map(str, pks[:SAID]))}" for label, pks in self.drift.items())
            rows = "1 row" if self.drifted == 1 else f"{self.drifted:,} rows"
            lines.append(f"{rows} had changed without the last backup noticing: {named}.")
        return "\n".join(lines)


@dataclass
class _Last:
    """The last backup of the same source, and what is known of it."""

    generation: Generation | None = None
    known: maps.Map = field(default_factory=dict)
    links: list[Generation] = field(default_factory=list)  # it and what it builds on
    comparable: bool = False  # its tokens with those of this snapshot
    full: str = ""  # a sentence when a full backup has to follow


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

    Raises Suspicious before anything is committed, and PlaceError; then the next run goes on from here.
    """
    with snapshot(alias) as seen:
        began = datetime.now(UTC)
        kept = tables.kept()
        about: dict[str, Any] = {
            "source": source,
            "identity": seen.identity(kept),
            "migrations": migrations(alias),
        }
        last = _last(repository, seen, source, about["identity"], began)
        if full and not last.full:
            last.full = "It was asked for."
        counts = {each.label: seen.count(each) for each in kept}
        if not accept_change:
            _believe(last, counts)
        run = repository.begin({"source": source, "kind": FULL if last.full else CHANGES})
        if not last.full and _names(repository, last.links, run.damaged):
            last.full = "What the last one builds on is damaged."
            run = repository.begin({"source": source, "kind": FULL})
        work = _Work(repository, run, seen, kept, last, started(sum(counts.values()), sum(counts.values())))
        try:
            return work.everything(about) if last.full else work.changes(about, accept=accept_change)
        except BaseException:
            with contextlib.suppress(PlaceError):
                run.save()
            raise


def pending(repository: Repository, alias: str = "default", *, source: str = SOURCE) -> dict[str, int] | None:
    """How many rows of each model a backup would add now; None when it would be a full one."""
    with snapshot(alias) as seen:
        kept = tables.kept()
        last = _last(repository, seen, source, seen.identity(kept), datetime.now(UTC))
        if last.generation is None or not last.comparable:
            return None
        found = {each.label: seen.compare(each, last.known.get(each.label, {})) for each in kept}
        return {label: len(each.changed) + len(each.gone) for label, each in found.items() if each.changed or each.gone}


def migrations(alias: str) -> dict[str, str]:
    """The last migration of each app, by which a restore sees what it comes from."""
    found: dict[str, str] = {}
    for app, name in sorted(MigrationRecorder(connections[alias]).applied_migrations()):
        found[app] = name
    return found


def map_file(repository: Repository, source: str) -> Path | None:
    """Where this machine keeps the map of its last backup."""
    name = hashlib.sha256(f"{repository.place} {source}".encode()).hexdigest()[:16]
    return repository.cache / f"map-{name}" if repository.cache else None


def _last(repository: Repository, seen: Snapshot, source: str, identity: Identity, now: datetime) -> _Last:
    generations = chains.of_source(repository.trusted(), source)
    if not generations:
        return _Last(full="It is the first one.")
    newest = generations[0]
    file = map_file(repository, source)
    try:
        links = chains.chain(generations, newest)
        known = chains.read_map(repository, links, maps.saved(file) if file else ("", {}))
    except (Damaged, Missing, Hostile) as exc:
        return _Last(newest, full=f"The last one cannot be built on: {exc}")
    last = _Last(newest, known, links, seen.comparable(newest.about.get("identity", {}), identity))
    if not last.comparable:
        last.full = "The database or its tables are not those of the last backup."
    elif now - links[0].made >= FULL_EVERY:
        last.full = "The last full one is a week old."
    return last


def _names(repository: Repository, links: list[Generation], damaged: set[str]) -> bool:
    """Whether one of these generations names an object that was found damaged."""
    return any(entry["key"] in damaged for link in links if damaged for entry in repository.entries(link))


def _believe(last: _Last, counts: dict[str, int]) -> None:
    for label, rows in counts.items():
        had = maps.size(last.known.get(label, {}))
        if had > FEW and rows < had * ALIKE:
            raise Suspicious(f"Of {had:,} rows of {label} {rows:,} are left. Is it the right database?")


@dataclass(frozen=True)
class _Job:
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

    def halves(self, seen: Snapshot, number: int) -> tuple[_Job, _Job]:
        """Two jobs for the rows of this one; `number` is the second one's. Raises Failed for a single row."""
        pks = self.changed if self.last is None else seen.pks(self.table, self.after, self.last)
        if len(pks) < 2:
            raise Failed(f"The database cannot tell {self.table.label} {pks}: it is too large.")
        middle = len(pks) // 2
        if self.last is None:
            return replace(self, changed=pks[:middle]), replace(self, number=number, changed=pks[middle:], gone=[])
        return replace(self, last=pks[middle - 1]), replace(self, number=number, after=pks[middle - 1])


Stored = tuple[_Job, Entry, maps.Block]


@dataclass
class _Work:
    repository: Repository
    run: Run
    seen: Snapshot
    kept: list[Table]
    last: _Last
    progress: Progress

    def __post_init__(self) -> None:
        usable = [entry for entry in self.run.found if entry["key"] not in self.run.damaged]
        self.there = {content_sha256(entry): entry for entry in usable}
        self.numbers = itertools.count(1)

    def everything(self, about: dict[str, Any]) -> Outcome:
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
            for number, of_steps in by_block.items():
                found[label][number].digests = of_steps
        drift = self._drift(found)
        entries += self._store_map(found)
        about |= {"kind": FULL, "why": self.last.full}
        return Outcome(self._commit(about, entries, found, drift), drift)

    def changes(self, about: dict[str, Any], *, accept: bool) -> Outcome:
        """What has changed since the last backup, and what is gone."""
        differences = {each.label: self.seen.compare(each, self.last.known.get(each.label, {})) for each in self.kept}
        for label, difference in differences.items():
            had = self.last.known.get(label, {})
            if not accept and len(difference.changed) > maps.size(had) * ALIKE > FEW * ALIKE:
                other = sum(pk in had_pks for had_pks in [maps.pks(had)] for pk in difference.changed)
                if other > maps.size(had) * ALIKE:
                    raise Suspicious(
                        f"Of {maps.size(had):,} rows of {label} {other:,} have changed since the last backup."
                    )
        news: maps.Map = {}
        entries = []
        for job, entry, rows in self._stored(self._changed(differences)):
            entries.append(entry)
            news[job.table.label] = maps.changed(news.get(job.table.label, {}), rows.rows(), ())
        entries += self._store_map(news)
        found: maps.Map = {}
        for label, difference in differences.items():
            new = (row for block in news.get(label, {}).values() for row in block.rows())
            found[label] = maps.changed(self.last.known.get(label, {}), new, difference.gone)
            for number, digests in difference.digests.items():
                found[label][number].digests = digests
        about |= {"kind": CHANGES, "why": "", "needs_parent": True}
        return Outcome(self._commit(about, entries, found, {}))

    def _all(self) -> Iterator[_Job]:
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
                    yield _Job(next(self.numbers), each, after, last)
                if last is None:
                    break
                after = last

    def _changed(self, differences: dict[str, Difference]) -> Iterator[_Job]:
        for each in self.kept:
            changed, gone = differences[each.label].changed, differences[each.label].gone
            for at in range(0, max(len(changed), len(gone)), PAGE_ROWS):
                upto = at + PAGE_ROWS
                yield _Job(next(self.numbers), each, changed=changed[at:upto], gone=gone[at:upto])

    def _stored(self, jobs: Iterator[_Job]) -> Iterator[Stored]:
        return itertools.chain.from_iterable(in_bulk(jobs, self._store, threads=THREADS))

    def _store(self, job: _Job) -> list[Stored]:
        """Store the rows of a job, in several chunks when they are large."""
        try:
            page: RowPage | None = job.read(self.seen)
        except TooLarge:
            page = None
        if page is None or (len(page.body) > CHUNK_BYTES and len(page.pks) > 1):
            del page
            first, second = job.halves(self.seen, next(self.numbers))
            return [*self._store(first), *self._store(second)]
        return [self._store_page(job, page)]

    def _store_page(self, job: _Job, page: RowPage) -> Stored:
        label, run = job.table.label, self.run
        content = chains.chunk_text(label, page.body, job.gone, page.keys)
        name = f"{run.id}/chunk_{job.number:06}_{run.began:%Y%m%d_%H%M%S}.json"
        entry = self._put(name, content) | {
            "role": CHUNK,
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
        return job, entry, rows

    def _store_map(self, found: maps.Map) -> list[Entry]:
        entries: list[Entry] = []
        for label, blocks in found.items():
            for content, rows in maps.parts(blocks):
                number = len(entries) + 1
                name = f"{self.run.id}/map_{number:06}_{self.run.began:%Y%m%d_%H%M%S}.bin"
                about = {"role": MAP, "model": label, "number": number, "rows": rows}
                entries.append(self._put(name, content) | about)
        return entries

    def _put(self, name: str, content: bytes) -> Entry:
        """Stored already, by a run that was interrupted, or stored now."""
        sha256 = hashlib.sha256(content).hexdigest()
        there = self.there.get(sha256)
        return {name: there[name] for name in OBJECT if name in there} if there else self.run.put(name, content, sha256)

    def _drift(self, found: maps.Map) -> dict[str, list[int]]:
        """Rows whose content is another than in the last backup although the map says that they are the same."""
        drift: dict[str, list[int]] = {}
        for label, blocks in found.items() if self.last.comparable else ():
            for number, block in blocks.items():
                before = self.last.known.get(label, {}).get(number)
                if before is None or before.hashes == block.hashes:
                    continue
                was, now = self.seen.marks(before), self.seen.marks(block)
                old = {pk: content for pk, _, content in before.rows()}
                pks = [
                    pk
                    for pk, _, content in block.rows()
                    if pk in old and old[pk] != content and pk in was and was[pk] == now.get(pk)
                ]
                if pks:
                    drift.setdefault(label, []).extend(pks)
        return drift

    def _commit(
        self, about: dict[str, Any], entries: list[Entry], found: maps.Map, drift: dict[str, list[int]]
    ) -> Generation:
        entries.sort(key=lambda entry: (entry["role"], entry["number"]))
        chunks = [entry for entry in entries if entry["role"] == CHUNK]
        about["rows"] = {label: maps.size(blocks) for label, blocks in found.items()}
        about["drift"] = {label: pks[:SAID] for label, pks in drift.items()}
        pages = []
        if len(entries) > INLINE:
            pages = [self.run.page(entries[n : n + INLINE]) for n in range(0, len(entries), INLINE)]
        last = self.last.generation
        made = self.run.commit(
            parent=last.id if last else None,
            counts={
                "rows": sum(about["rows"].values()),
                "stored_rows": sum(entry["rows"] for entry in chunks),
                "gone_rows": sum(entry["gone"] for entry in chunks),
                "stored_bytes": sum(entry["bytes"] for entry in entries),
                "chunks": len(chunks),
                "drifted_rows": sum(map(len, drift.values())),
            },
            about=about,
            objects=[] if pages else entries,
            pages=pages,
            mended=about["kind"] == FULL,
        )
        if file := map_file(self.repository, about["source"]):
            maps.save(file, made.id, found)
        return made


OBJECT = ("key", "bytes", "sha256", "sealed", "content_bytes", "content_sha256")

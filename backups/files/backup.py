"""The file tier: a folder of files, one object for each content, at the cost of what has changed.

A file is read when its size, times or inode are not those of the last backup, when it was written to shortly before the
last look, or when its turn has come: every file is read again once in thirty days, whatever its times say. What was
read is stored unless the same content lies there already, under the readable name of the file that had it first and
with a piece of its hash: `1922/atlanta_54.txt` becomes `1922/atlanta_54~0f3c….txt`, so a changed content comes to lie
beside the earlier one. The entries of the files lie in pages by the hash of their paths: a change rewrites its page.

An entry: path (and `raw`, hex, where the name is no readable UTF-8), mtime, ctime, inode, mode, md5, beside what names
its object. `unsettled`: to be read again by the next run. `earlier`: today's content could not be read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from backups.errors import BackupError, Damaged, StorageError
from backups.files.copy import Copy
from backups.files.excluded import Excluded
from backups.files.source import Finding, Scan, Seen, Source, readable
from backups.progress import Started, silent
from backups.repository.manifests import (
    About,
    Entry,
    Generation,
    Page,
    content_bytes,
    content_sha256,
)
from backups.repository.repository import Repository
from backups.repository.run import Run, begin
from backups.storage.bulk import in_bulk
from backups.storage.port import Listed

SHRUNK = 0.9  # with a smaller share of the last backup's files or bytes, the source is not believed
FEW_VANISHED = 20  # files, of which any share may vanish meanwhile
PAGE_FILES = 500
TURNS = 30  # days in which every file is read again
LIST_FROM = 100  # files to store, from which on a listing of what is there already is worth its time
FRESH = timedelta(hours=12)  # an object that nothing names is counted on for so long; retention leaves it for longer
FINDINGS_KEPT = 1000  # findings that are kept word for word
DAY = 86_400
NAMES = {
    "changing": "that changed while they were read",
    "vanished": "that vanished",
    "unreadable": "unreadable",
    "excluded": "excluded by patterns",
}


class Shrunk(BackupError):
    """The source has lost so much, or loses it, that it may be the wrong one; the message says how much."""


@dataclass
class Outcome:
    """What a run did."""

    generation: Generation
    findings: list[Finding]

    @property
    def incomplete(self) -> bool:
        """Whether there are files whose content of today is not in this backup."""
        earlier = self.generation.counts["earlier"] > 0
        return earlier or any(finding.kind in ("changing", "unreadable") for finding in self.findings)

    def summary(self) -> dict[str, object]:
        """For programs: JSON with the first FINDINGS_KEPT findings."""
        generation = self.generation
        findings = [{"kind": each.kind, "path": readable(each.path), "says": each.sentence} for each in self.findings]
        return {
            "generation": generation.id,
            "made": generation.made.isoformat(),
            "parent": generation.parent,
            **generation.counts,
            "findings": findings[:FINDINGS_KEPT],
        }

    def __str__(self) -> str:
        counts = self.generation.counts
        kinds = Counter(finding.kind for finding in self.findings)
        left = [f"{number:,} {NAMES.get(kind, kind + 's')}" for kind, number in sorted(kinds.items())]
        return "\n".join(
            [
                f"{counts['files']:,} files with {counts['bytes']:,} bytes are backed up as {self.generation.id}.",
                f"{counts['read']:,} were read, {counts['stored']:,} contents of {counts['stored_bytes']:,} bytes were "
                f"new, {counts['removed']:,} files are gone since the last backup.",
                *([f"Left out, or kept as they were: {', '.join(left)}."] if left else []),
            ]
        )


def backup(
    repository: Repository,
    folder: Path,
    *,
    name: str = "",
    exclude: Sequence[str] = (),
    accept_shrink: bool = False,
    started: Started = silent,
) -> Outcome:
    """Back up a folder, but for what is excluded; what an interrupted run had stored is used. `name` tells it apart.

    `started` is given how many files and bytes will be read, and returns what is called for each. Raises Shrunk before
    anything is written, Unreadable for a source that is none, and StorageError; then the next run goes on from here.
    """
    source, label = Source(folder, Excluded(exclude)), name or str(folder)
    scan = source.scan()
    parent = next(iter(of_source(repository.trusted(), label)), None)
    before, pages = _last(repository, parent, scan)
    left_out = {path: before.pop(path) for path in list(before) if source.excluded(path)}
    if not accept_shrink:
        _believe(label, scan, parent, left_out)
    run = begin(repository, {"source": label})
    known = before | {path_of(entry): entry for entry in run.found}
    today = _today()
    todo = _to_read(scan, known, _turns(parent, today), run)
    copy = Copy(
        source,
        run,
        started(len(todo), sum(seen.size for seen in todo)),
        scan.at,
        contents=_stored_already(known.values(), run),
        there=_left(repository, run) if len(todo) >= LIST_FROM else {},
        findings=scan.findings,
    )
    entries = {seen.path: known[seen.path] for seen in scan.files if seen.path in known}
    _copy_all(copy, todo, entries, before)
    if not accept_shrink:
        _believe_end(label, scan, copy)
    entries |= _behind_closed_doors(before, scan)
    return _commit(run, parent, label, entries, copy, pages, len(before.keys() - entries.keys()), today)


def _copy_all(copy: Copy, todo: list[Seen], entries: dict[str, Entry], before: dict[str, Entry]) -> None:
    """Put the entries of what is copied among the others. A file that cannot be read keeps that of the last backup."""
    try:
        for seen, entry in in_bulk(todo, copy.one):
            if entry is not None:
                entries[seen.path] = entry
            elif seen.path in before:
                entries[seen.path] = before[seen.path] | {"earlier": True}
            else:
                entries.pop(seen.path, None)
    except BaseException:
        with contextlib.suppress(StorageError):
            copy.run.save()
        raise


def _commit(
    run: Run,
    parent: Generation | None,
    label: str,
    entries: dict[str, Entry],
    copy: Copy,
    old: dict[str, Page],
    removed: int,
    today: int,
) -> Outcome:
    pages = [run.page(part, known=old) for part in _pages(entries.values(), len(old))]
    kinds = Counter(finding.kind for finding in copy.findings)
    counts = {
        "files": len(entries),
        "bytes": sum(content_bytes(entry) for entry in entries.values()),
        "objects": len({entry["key"] for entry in entries.values()}),
        "odd_names": sum("raw" in entry for entry in entries.values()),
        "earlier": sum("earlier" in entry for entry in entries.values()),
        "removed": removed,
        **{name: copy.counts[name] for name in ("read", "stored", "stored_bytes")},
        **{f"left_{kind}": number for kind, number in kinds.items()},
    }
    # What was asked to be left out comes last, so that it crowds nothing out.
    findings = sorted(copy.findings, key=lambda finding: finding.kind == "excluded")
    about: About = {"source": label, "turn": today, "findings": list(map(str, findings[:FINDINGS_KEPT]))}
    if copy.source.excluded:
        about["exclude"] = copy.source.excluded.patterns
    if parent and pages == parent.pages:
        about["same_as"] = parent.same_as or parent.id
    mended = run.damaged.isdisjoint(entry["key"] for entry in entries.values() if "earlier" in entry)
    generation = run.commit(parent=parent, counts=counts, about=about, pages=pages, mended=mended)
    return Outcome(generation, copy.findings)


def of_source(generations: Iterable[Generation], label: str) -> list[Generation]:
    """Those that were made of one source, in the order in which they are given."""
    return [generation for generation in generations if generation.about.get("source") == label]


def path_of(entry: Entry) -> str:
    """The file's name as this machine has it."""
    raw = entry.get("raw")
    return os.fsdecode(bytes.fromhex(raw)) if raw else str(entry["path"])


def _believe(label: str, scan: Scan, parent: Generation | None, left_out: dict[str, Entry]) -> None:
    """`left_out` are files of the last backup that are not asked for any more."""
    files, size = len(scan.files), sum(seen.size for seen in scan.files)
    if parent is None:
        if not files:
            raise Shrunk(f"{label} holds no files. Is it mounted?")
        return
    had_files = parent.counts.get("files", 0) - len(left_out)
    had_size = parent.counts.get("bytes", 0) - sum(map(content_bytes, left_out.values()))
    if files < had_files * SHRUNK or size < had_size * SHRUNK:
        raise Shrunk(
            f"{label} holds {files:,} files with {size:,} bytes, and held {had_files:,} with {had_size:,} in the last "
            f"backup, of {parent.made:%Y-%m-%d %H:%M} UTC. Is it mounted, and whole?"
        )


def _believe_end(label: str, scan: Scan, copy: Copy) -> None:
    """What was a good source when it was looked through may have been unmounted while it was read."""
    gone = {finding.path for finding in copy.findings if finding.kind == "vanished"}
    lost = sum(seen.size for seen in scan.files if seen.path in gone)
    files, size = len(scan.files), sum(seen.size for seen in scan.files)
    if len(gone) > FEW_VANISHED and (len(gone) > files * (1 - SHRUNK) or lost > size * (1 - SHRUNK)):
        copy.run.save()  # what was stored is used by the next run
        raise Shrunk(
            f"Of {files:,} files of {label} {len(gone):,} vanished while they were read. Is it mounted, and whole?"
        )


def _last(repository: Repository, parent: Generation | None, scan: Scan) -> tuple[dict[str, Entry], dict[str, Page]]:
    """The files of the last backup by path, and its pages by hash. What is damaged of it is said, and made anew."""
    files: dict[str, Entry] = {}
    pages: dict[str, Page] = {}
    for page in parent.pages if parent else []:
        try:
            files |= {path_of(entry): entry for entry in repository.page(page)}
            pages[page["sha256"]] = page
        except Damaged as exc:
            scan.note("damaged", page["key"], f"a part of the last backup is made anew. {exc}")
    return files, pages


def _today() -> int:
    return int(time.time()) // DAY


def _turns(parent: Generation | None, today: int) -> set[int]:
    """Whose turn it is to be read again: today's thirtieth, and those of the days without a backup."""
    last = parent.about.get("turn") if parent else today
    first = (
        last + 1 if isinstance(last, int) and last <= today else 0
    )  # what a clock that was ahead has read is not known
    return {day % TURNS for day in range(max(first, today - TURNS + 1), today + 1)}


def _locked(entries: Iterable[Entry], repository: Repository) -> set[str]:
    """Keys of what nobody here can open any more."""
    at_hand = repository.encryption_keys.names
    return {entry["key"] for entry in entries if entry.get("sealed") and entry["sealed"] not in at_hand}


def _to_read(scan: Scan, known: dict[str, Entry], due: set[int], run: Run) -> list[Seen]:
    useless = run.damaged | _locked(known.values(), run.repository)
    return [seen for seen in scan.files if not _reusable(known.get(seen.path), seen, due, useless)]


def _reusable(entry: Entry | None, seen: Seen, due: set[int], useless: set[str]) -> bool:
    if entry is None:
        return False
    return (
        (entry["mtime"], entry["ctime"], entry["inode"]) == (seen.mtime, seen.ctime, seen.inode)
        and content_bytes(entry) == seen.size
        and "unsettled" not in entry
        and "earlier" not in entry
        and entry["key"] not in useless
        and (not due or _spread(seen.path) % TURNS not in due)
    )


def _stored_already(entries: Iterable[Entry], run: Run) -> dict[str, Entry]:
    """By the content's SHA-256: what need not be stored again, as it is whole and encrypted with the key of today."""
    key = run.repository.encryption_keys.name
    return {
        content_sha256(entry): entry
        for entry in entries
        if entry["key"] not in run.damaged and entry.get("sealed", "") == key
    }


def _left(repository: Repository, run: Run) -> dict[str, Listed]:
    """Objects that are there, young enough to be counted on whether or not anything names them."""
    listing = repository.object_store.list(repository.path(repository.tier.objects))
    return {listed.key: listed for listed in listing if listed.etag and run.began - listed.modified < FRESH}


def _behind_closed_doors(before: dict[str, Entry], scan: Scan) -> dict[str, Entry]:
    """Files of the last backup in folders that could not be looked into: not gone for all we know."""
    if not scan.closed:
        return {}
    closed = tuple(scan.closed)
    names = {path for path in scan.closed if not path.endswith("/")}
    return {
        path: entry | {"earlier": True}
        for path, entry in before.items()
        if path in names or path.startswith(tuple(c for c in closed if c.endswith("/")))
    }


def _pages(entries: Iterable[Entry], before: int) -> list[list[Entry]]:
    """The entries in pages by the hash of their paths, of which there are as many as before unless far too few."""
    entries = list(entries)
    number = before or 1
    while len(entries) > number * PAGE_FILES * 2 or (number > 1 and len(entries) * 4 < number * PAGE_FILES):
        number = number * 2 if len(entries) > number * PAGE_FILES * 2 else number // 2
    pages: list[list[Entry]] = [[] for _ in range(number)]
    for entry in sorted(entries, key=lambda entry: (entry["path"], entry.get("raw", ""))):
        pages[_spread(entry["path"]) % number].append(entry)
    return pages


def _spread(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=4).digest(), "big")

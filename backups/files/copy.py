"""Files copied into the repository by many threads: each content is stored once, by whichever thread meets it first."""

from __future__ import annotations

import hashlib
import os
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from backups.errors import Changed
from backups.files.source import UNSETTLED, WHOLE, Finding, Seen, Source, Unreadable, Vanished, readable
from backups.progress import Progress
from backups.repository.manifests import Entry, object_of, possible_key
from backups.repository.run import Run
from backups.storage.port import Listed

TRIES = 3  # of a file that changes while it is read


@dataclass
class Copy:
    """A run under way, shared by its threads."""

    source: Source
    run: Run
    progress: Progress
    at: int  # ns, of the scan
    contents: dict[str, Entry]  # by the content's SHA-256: what is stored already
    there: dict[str, Listed]  # objects that a run which noted nothing may have left
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    claimed: dict[str, Future[Entry]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, seen: Seen) -> tuple[Seen, Entry | None]:
        """Read a file and store its content if need be. None, and a finding, when it cannot be read."""
        try:
            for tries_left in reversed(range(TRIES)):
                try:
                    entry = self._large(seen) if seen.size > WHOLE else self._small(seen)
                    break
                except Changed:
                    if not tries_left:
                        raise
            self.run.note(entry)
            with self.lock:
                self.counts["read"] += 1
        except (Changed, Vanished, Unreadable) as exc:
            kind = {Changed: "changing", Vanished: "vanished"}.get(type(exc), "unreadable")
            with self.lock:
                self.findings.append(Finding(kind, seen.path, str(exc)))
            return seen, None
        finally:
            self.progress(1, seen.size)
        return seen, entry

    def _small(self, seen: Seen) -> Entry:
        now, content = self.source.read(seen.path)
        if now.size > WHOLE:
            return self._large(now)
        sha256 = hashlib.sha256(content).hexdigest()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return self._entry(
            now, md5, self._stored(now, sha256, md5, lambda name: self.run.put(name, content, sha256, md5))
        )

    def _large(self, seen: Seen) -> Entry:
        """Read twice, as the name follows from the content and memory must stay flat."""
        now, sha256, md5 = self.source.digest(seen.path)
        chunks = self.source.chunks
        return self._entry(
            now,
            md5,
            self._stored(now, sha256, md5, lambda name: self.run.put_stream(name, now.size, sha256, chunks(now.path))),
        )

    def _stored(self, seen: Seen, sha256: str, md5: str, put: Callable[[str], Entry]) -> Entry:
        """The entry of this content, stored by whichever thread meets it first."""
        with self.lock:
            if known := self.contents.get(sha256):
                return known
            if mine := sha256 not in self.claimed:
                self.claimed[sha256] = Future()
            stored = self.claimed[sha256]
        if mine:
            try:
                stored.set_result(self._put(seen, sha256, md5, put))
            except BaseException as exc:
                with self.lock:
                    del self.claimed[sha256]  # the next one tries anew
                stored.set_exception(exc)
        try:
            return stored.result()
        except (Changed, Vanished, Unreadable) as exc:
            # Of the other thread's file, which had this content, too: ours is looked at once more.
            raise exc if mine else Changed("it could not be stored.") from exc

    def _put(self, seen: Seen, sha256: str, md5: str, put: Callable[[str], Entry]) -> Entry:
        name = object_name(seen.path, sha256)
        entry = self.run.entry(name, seen.size, sha256)
        listed = self.there.get(self.run.repository.path(entry["key"]))
        if listed is None or (listed.bytes, listed.etag) != (seen.size, md5):
            entry = put(name)
        with self.lock:
            self.counts["stored"] += 1
            self.counts["stored_bytes"] += entry["bytes"]
        return entry

    def _entry(self, seen: Seen, md5: str, stored: Entry) -> Entry:
        entry: Entry = object_of(stored) | {
            "path": readable(seen.path),
            "mtime": seen.mtime,
            "ctime": seen.ctime,
            "inode": seen.inode,
            "mode": seen.mode,
            "md5": md5,
        }
        if entry["path"] != seen.path:
            entry["raw"] = os.fsencode(seen.path).hex()
        if max(seen.mtime, seen.ctime) > self.at - UNSETTLED:
            entry["unsettled"] = True
        return entry


def object_name(path: str, sha256: str) -> str:
    """Where a content goes: its file's readable name, with a piece of the hash before the ending."""
    folder, _, name = unicodedata.normalize("NFC", path).rpartition("/")
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 12:
        stem, dot, ending = name, "", ""
    made = f"{folder}/{stem}" if folder else stem
    made = f"{made}~{sha256[:32]}{dot}{ending}"
    if possible_key(f"objects/{made}") and len(made.rpartition("/")[2].encode()) <= 230:
        return made
    return f"odd/{sha256}"  # a name that not every storage takes

"""Chunk files of a folder as documents of the worklist. Nothing is begun and nothing is paid; what lies there waits for
a person, as any document does.

A record is one document, by what its export calls it: imported twice it is the same, and one that comes again with
another text, as in a later export, is a document whose source has changed (`intake`). Killed, it is started again; what
came is there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from articles import bounds
from articles.content import own_pictures
from articles.content.manuscripts import Unreadable
from articles.providers.errors import Unreachable
from backups.errors import BackupError
from backups.files import source as files
from backups.progress import Started, silent
from worklist import intake, texts
from worklist.chunks import files as chunk_files
from worklist.chunks.records import NoArticle, OldArticle, article, shown
from worklist.intake import Arrival
from worklist.models import Document, Source

_Known = tuple[str, str]  # the hash of a text, and its title; "" for one that a person has set here
MOST_NAMES = 100  # of what stays behind, that are told apart
AT_ONCE = 500  # records that are looked up with one query
NO_FOLDER = "holds no file that is called as a chunk is (chunk_000001_….json)."


class NotAFolder(Exception):
    """There is nothing to import there, or it may not be read; the message says which."""


@dataclass
class FileReport:
    """What came of a file, or would: counts of records, and sentences on what cannot be read.

    `none` counts records that are no article, by why, with the number of the first.
    """

    name: str
    records: int = 0
    new: int = 0
    changed: int = 0
    known: int = 0
    none: dict[str, tuple[int, int]] = field(default_factory=dict)
    flaws: list[str] = field(default_factory=list)

    def is_none(self, why: str, number: int) -> None:
        count, first = self.none.get(why, (0, number))
        self.none[why] = (count + 1, first)


@dataclass
class Report:
    """Of a folder: its chunk files in their order, numbers that no file has, and what of records stays behind."""

    files: list[FileReport] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    others: int = 0  # files of other names

    @property
    def is_whole(self) -> bool:
        """Whether every number had a file, and every file could be read."""
        return not self.gaps and not any(each.flaws for each in self.files)


@dataclass
class Import:
    """Of one folder, by a person; `desk` tells exports of several old desks apart, whose numbers may be the same."""

    folder: Path
    owner: User
    desk: str = ""
    apply: bool = False
    started: Started = silent

    def __post_init__(self) -> None:
        self.report = Report()
        self._seen: dict[str, _Known] = {}  # by source id: what this import came upon

    def run(self) -> Report:
        """Raises NotAFolder."""
        source = files.Source(self.folder.resolve())
        try:
            scan = source.scan()
        except files.Unreadable as exc:
            raise NotAFolder(str(exc)) from exc
        sizes = {seen.path: seen.size for seen in scan.files if _number(seen.path) is not None}
        self.report.others = len(scan.files) - len(sizes)
        for finding in scan.findings:
            if _number(finding.path) is not None:
                said = finding.sentence if finding.kind in ("unreadable", "vanished") else "it is no file of its own."
                self.report.files.append(FileReport(files.readable(finding.path), flaws=[said]))
        if not sizes and not self.report.files:
            raise NotAFolder(f"{self.folder} {NO_FOLDER}")
        self.report.gaps = chunk_files.gaps(number for path in sizes if (number := _number(path)) is not None)
        progress = self.started(len(sizes), sum(sizes.values()))
        for path in chunk_files.in_order(sizes):
            self.report.files.append(self._file(source, path, sizes[path]))
            progress(1, sizes[path])
        return self.report

    def _file(self, source: files.Source, path: str, size: int) -> FileReport:
        said = FileReport(files.readable(path))
        try:
            if size > chunk_files.MOST_BYTES:
                raise chunk_files.Unreadable(f"it is larger than {chunk_files.MOST_BYTES // 2**20} MB.")
            read = chunk_files.read(path, source.read(path)[1])
        except (chunk_files.Unreadable, BackupError) as exc:
            said.flaws.append(str(exc))
            return said
        said.records, said.flaws = len(read.records), read.flaws
        for begin in range(0, len(read.records), AT_ONCE):
            self._take(read.records[begin : begin + AT_ONCE], said)
        return said

    def _take(self, some: list[tuple[int, Any]], said: FileReport) -> None:
        found: list[tuple[int, OldArticle]] = []
        for number, record in some:
            try:
                found.append((number, article(record)))
            except NoArticle as exc:
                said.is_none(str(exc), number)
        ids = [self._source_id(each) for _, each in found]
        there = Document.objects.filter(source=Source.API, source_id__in=ids).only(
            "source_id", "source_hash", "title", "has_own_title"
        )
        known = {each.source_id: (each.source_hash, "" if each.has_own_title else each.title) for each in there}
        for number, each in found:
            try:
                self._bring(each, known, said)
            except Unreadable as exc:
                said.is_none(str(exc), number)
            except Unreachable:
                said.is_none(texts.NOT_KEPT, number)

    def _bring(self, old: OldArticle, known: dict[str, _Known], said: FileReport) -> None:
        """One that is there with the same text is not read again."""
        text = texts.with_names(old.text, None if self.apply else _named)
        if len(text.encode()) > settings.MANUSCRIPT_BYTES:
            raise Unreadable("it has more than 5 MB of text", "split it into several articles")
        id_, sha256 = self._source_id(old), texts.sha256(text)
        before, title = self._seen.get(id_) or known.get(id_) or ("", "")
        called = old.title[: bounds.LONGEST_TITLE] or title
        is_same = before == sha256 and (not title or title == called)
        if not is_same:
            arrival = Arrival(text, f"{old.key[:12]}{old.kind}" if old.kind else "", old.title, old.writer, self._place)
            if self.apply:
                intake.arrive(Source.API, id_, arrival, self.owner)
            else:
                texts.read(text, arrival.name)
        said.new += not before
        said.changed += bool(before) and not is_same
        said.known += is_same
        self._seen[id_] = (sha256, title and called)
        for name in old.left:
            kept = shown(name)
            self.report.left[kept if kept in self.report.left or len(self.report.left) < MOST_NAMES else "…"] += 1

    @property
    def _place(self) -> str:
        return self.desk or self.folder.resolve().name

    def _source_id(self, old: OldArticle) -> str:
        """Nobody's program has names that begin so (`worklist.api`)."""
        return f"chunks:{hashlib.sha256(f'{self.desk}:{old.key}'.encode()).hexdigest()}"


def _number(path: str) -> int | None:
    return chunk_files.number(path.rpartition("/")[2])


def _named(content: bytes) -> str:
    """What a picture would be called if it is kept; whether it can be used is seen when it is."""
    return own_pictures.reference(hashlib.sha256(content).hexdigest())

"""Documents from a folder of this machine: each of its files that can be read is one, by its place.

What is missing is gone from its source, and its text stays. A folder that cannot be read, or is empty, says nothing
about what it held; where much is missing at once, a person says that it is so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from django.utils.text import capfirst

from articles.content.manuscripts import Unreadable
from articles.providers.errors import Unreachable
from backups.errors import BackupError
from backups.files import source as files
from worklist import intake, texts
from worklist.intake import Arrival
from worklist.models import Document, Source

LONGEST_PLACE = 500  # characters: of `Document.source_id`


class NotAFolder(Exception):
    """There is no such folder, or it may not be read; nothing was done."""


@dataclass
class Report:
    """What a look at a folder has found: counts, and what was left out with its reason."""

    new: int = 0
    known: int = 0
    gone: int = 0
    held: int = 0  # missing, and not taken for gone, as they are too many
    skipped: dict[str, str] = field(default_factory=dict)


def look(folder: Path, *, believe_missing: bool = False) -> Report:
    """Bring the worklist to what the folder has. Raises NotAFolder."""
    source = files.Source(folder.resolve())
    try:
        scan = source.scan()
    except files.Unreadable as exc:
        raise NotAFolder(str(exc)) from exc
    report = Report()
    there = sorted((seen for seen in scan.files if not _is_hidden(seen.path)), key=lambda seen: seen.path)
    for seen in there:
        _take(source, seen, report)
    for finding in scan.findings:
        if not _is_hidden(finding.path):
            said = finding.sentence if finding.kind in ("unreadable", "vanished") else "it is no file of its own."
            report.skipped[files.readable(finding.path)] = capfirst(said)
    if there:
        _miss(source.root, scan, report, believe_missing=believe_missing)
    return report


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "~$")) for part in path.split("/"))


def _take(source: files.Source, seen: files.Seen, report: Report) -> None:
    try:
        place, path = _place(source.root, seen.path), Path(seen.path)
        if seen.size > texts.most_bytes(path.name):
            raise texts.too_large(path.name)
        _, content = source.read(seen.path)
        text = texts.of_file(path.name, content)
        arrival = Arrival(text=text, name=path.name, folder=str(source.root.name / path.parent))
        _, is_new = intake.arrive(Source.FOLDER, place, arrival)
    except (Unreadable, BackupError) as exc:
        report.skipped[files.readable(seen.path)] = capfirst(str(exc))
    except Unreachable:
        report.skipped[files.readable(seen.path)] = texts.NOT_KEPT
    else:
        report.new += is_new
        report.known += not is_new


def _place(root: Path, path: str) -> str:
    """By which the document is known. Raises manuscripts.Unreadable for a name that cannot be kept."""
    place = f"{root}/{path}"
    try:
        place.encode()
    except UnicodeEncodeError as exc:
        raise Unreadable("its name is in an encoding that nobody knows", "rename it") from exc
    if len(place) > LONGEST_PLACE:
        raise Unreadable("its name, with those of its folders, is too long", "put it higher up")
    return place


def _miss(root: Path, scan: files.Scan, report: Report, *, believe_missing: bool) -> None:
    """What lies where nobody could look is not missing."""
    there = {f"{root}/{seen.path}" for seen in scan.files}
    closed = tuple(f"{root}/{path}" for path in scan.closed)
    known = Document.objects.filter(source=Source.FOLDER, source_id__startswith=f"{root}/", gone_at=None)
    all_known = dict(known.values_list("source_id", "pk"))
    missing = [pk for place, pk in all_known.items() if place not in there and not place.startswith(closed)]
    if intake.is_much(len(missing), len(all_known)) and not believe_missing:
        report.held = len(missing)
        return
    for pk in missing:
        intake.gone(pk)
    report.gone = len(missing)

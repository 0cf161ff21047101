"""Documents from a folder of this machine: each of its files that can be read is one, by its place.

What is missing is gone from its source, and its text stays. A folder that cannot be read, or is empty, says nothing
about what it held; where much is missing at once, a person says that it is so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from articles.content.manuscripts import Unreadable
from articles.content.reading import decoding, file_kinds, word_files
from worklist import intake
from worklist.intake import Arrival
from worklist.models import Document, Source

KINDS = (".docx", ".txt", ".md", ".markdown", ".html", ".htm")
MANY, SHARE = 10, 5  # more than ten documents, and more than a fifth of them: not without being told


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
    try:
        root = folder.resolve(strict=True)
        files = sorted(path for path in root.rglob("*") if path.is_file() and not _is_hidden(path, root))
    except OSError as exc:
        raise NotAFolder(f"{folder} cannot be read: {exc.strerror}.") from exc
    if not root.is_dir():
        raise NotAFolder(f"{folder} is no folder.")
    report = Report()
    for path in files:
        _take(path, root, report)
    if files:
        _miss(root, {str(path) for path in files}, report, believe_missing=believe_missing)
    return report


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "~$")) for part in path.relative_to(root).parts)


def _take(path: Path, root: Path, report: Report) -> None:
    try:
        text = text_of(path.name, path.read_bytes())
        arrival = Arrival(text=text, name=path.name, folder=str(path.parent.relative_to(root.parent)))
        _, is_new = intake.arrive(Source.FOLDER, str(path), arrival)
    except Unreadable as exc:
        report.skipped[str(path.relative_to(root))] = str(exc)
    except OSError as exc:
        report.skipped[str(path.relative_to(root))] = f"It cannot be read: {exc.strerror}."
    else:
        report.new += is_new
        report.known += not is_new


def text_of(name: str, content: bytes) -> str:
    """The text of a file, as the forms of the desk read it. Raises manuscripts.Unreadable."""
    if not name.lower().endswith(KINDS):
        raise Unreadable("this is no text that can be an article", f"save it as one of {', '.join(KINDS)}")
    if len(content) > settings.MANUSCRIPT_BYTES:
        raise Unreadable("this file is larger than 5 MB", "split it into several articles")
    return word_files.read(content) if file_kinds.is_word(content) else decoding.read(content, "").text


def _miss(root: Path, there: set[str], report: Report, *, believe_missing: bool) -> None:
    known = Document.objects.filter(source=Source.FOLDER, source_id__startswith=f"{root}/", gone_at=None)
    all_known = dict(known.values_list("source_id", "pk"))
    missing = [pk for source_id, pk in all_known.items() if source_id not in there]
    if len(missing) > MANY and len(missing) * SHARE > len(all_known) and not believe_missing:
        report.held = len(missing)
        return
    for pk in missing:
        intake.gone(pk)
    report.gone = len(missing)

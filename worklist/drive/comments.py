"""What people say to a document in Google Drive, as notes beside it: never a part of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from articles.content import markup
from worklist.drive.client import DOCUMENT, Drive, File
from worklist.drive.errors import FileClosed, NotThere
from worklist.models import Document, Note, Reply

MOST = 500  # of one document
LONGEST_ID = 100  # characters


@dataclass(frozen=True)
class Said:
    id: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Comment:
    said: Said
    quotation: str
    is_resolved: bool
    replies: list[Said]


def read(drive: Drive, file: File) -> list[Comment] | None:
    """None where they are not for us to see: then nothing is known of them."""
    if file.kind != DOCUMENT:
        return None
    found: list[Comment] = []
    try:
        for each in drive.comments(file.id):
            if (said := _said(each)) is not None:
                quoted = str((each.get("quotedFileContent") or {}).get("value", ""))
                replies = [reply for one in each.get("replies") or [] if (reply := _said(one)) is not None]
                found.append(Comment(said, _plain(quoted), bool(each.get("resolved")), replies))
            if len(found) == MOST:
                break
    except (FileClosed, NotThere):
        return None
    return found


def _said(each: Mapping[str, Any]) -> Said | None:
    """Of what was deleted, or says nothing (a mark that something was resolved), None."""
    given, text = str(each.get("id", "")), markup.usable(str(each.get("content", ""))).strip()
    if each.get("deleted") or not text or not 0 < len(given) <= LONGEST_ID:
        return None
    by = markup.usable(str((each.get("author") or {}).get("displayName", "")))[:200]
    try:
        at = parse_datetime(str(each.get("createdTime", "")))
    except ValueError:
        at = None
    return Said(given, text[: Note.LONGEST], by, at if at and at.tzinfo else timezone.now())


def _plain(quoted: str) -> str:
    """Google quotes in HTML, on one line here."""
    words = " ".join(markup.text_of(markup.clean_text(quoted)).split())
    return words[: Note.LONGEST_QUOTATION]


def write(document: Document, said: list[Comment]) -> None:
    """As they are in the Drive now. What was deleted there is resolved here; what people write here is left alone."""
    notes = {note.source_id: note for note in document.notes.exclude(source_id="")}
    for comment in said:
        note = notes.pop(comment.said.id, None)
        if note is None:
            facts = {"said": comment.said.text, "writer": comment.said.by, "at": comment.said.at}
            note = Note(document=document, source_id=comment.said.id, quotation=comment.quotation, **facts)
        note.said = comment.said.text
        _resolve(note, comment.is_resolved)
        note.save()
        _write_replies(note, comment.replies)
    for note in notes.values():
        _resolve(note, True)
        note.save()


def _resolve(note: Note, is_resolved: bool) -> None:
    """Whoever resolved it here is not overruled."""
    if is_resolved and note.resolved_at is None:
        note.resolved_at = timezone.now()
    elif not is_resolved and note.resolved_by_id is None:
        note.resolved_at = None


def _write_replies(note: Note, said: list[Said]) -> None:
    for each in said:
        facts = {"said": each.text, "writer": each.by, "at": each.at}
        Reply.objects.update_or_create(note=note, source_id=each.id, defaults=facts)

"""What the page of a document shows, in words: what to do next, what has changed, notes, history."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from articles.content import markup
from articles.failures import Failure
from worklist import publication, texts
from worklist.models import Document, Entry, Note, Source, State, Version
from worklist.states import EDIT, FOLLOWS_ITS_SOURCE, Move, moves_from
from worklist.texts import Piece

Kind = Entry.Kind
SAID = {
    Kind.ARRIVED: "it arrived",
    Kind.CHANGED: "the text was replaced by a later one",
    Kind.OFFERED: "it has changed at its source; the text here stayed",
    Kind.LEFT: "the change was left out",
    Kind.GONE: "its source has it no more; the text stayed here",
    Kind.BACK: "its source has it again",
    Kind.LET_GO: "it was let go",
    Kind.KEPT: "it was kept",
    Kind.SENT: "it was sent out",
    Kind.WENT_OUT: "it is published",
}
NEXT = {
    State.TO_EVALUATE: "Is it worth an article? Whoever thinks so suggests it.",
    State.TO_CONFIRM: "A chief editor confirms that it shall become one.",
    State.TO_REVIEW: "Read it, and note what is wrong. Send it back with a reason, or approve it.",
    State.TO_REVISE: "Its writer revises it. Hand the revised text in below, or wait for it to come from its source.",
    State.TO_REREVIEW: "Look at what has changed. Send it back with a reason, or approve it.",
    State.READY: "It is approved as it is here. Publish it.",
    State.PUBLISHED: "Nothing: it is published as it is here.",
}


@dataclass(frozen=True)
class Changes:
    """From one version to another: paragraphs of pieces, and how many words came and went."""

    since: Version
    lines: list[list[Piece]]

    @property
    def counted(self) -> str:
        added, removed = texts.counted(self.lines)
        return f"+{added:,} −{removed:,} words"


@dataclass(frozen=True)
class ShownNote:
    note: Note
    is_there: bool  # its quotation stands in the text


@dataclass(frozen=True)
class Line:
    """A line of the history."""

    entry: Entry
    said: str


@dataclass(frozen=True)
class DocumentPage:
    document: Document
    next: str
    moves: list[Move]
    offered: Changes | None
    since_approval: Changes | None
    unusable: tuple[str, ...]  # a sentence for each picture of the text that it goes without
    open_notes: list[ShownNote]
    resolved_notes: list[ShownNote]
    history: list[Line]
    stopped: str
    may_edit: bool
    may_publish: bool
    takes_text: bool
    link: str  # to where it is written


def document_page(document: Document, user: User) -> DocumentPage:
    """Of one that was fetched with its article, task and assignee."""
    now = document.text
    manuscript = texts.read(now.manuscript, now.name)
    read = " ".join(markup.text_of(manuscript.html).split())
    prefetched = document.notes.select_related("by", "resolved_by").prefetch_related("replies__by")
    notes = [ShownNote(note, not note.quotation or note.quotation in read) for note in prefetched]
    entries = list(document.entries.select_related("by"))
    ready, may_edit = document.state == State.READY, user.has_perm(EDIT)
    return DocumentPage(
        document=document,
        next=_next(document),
        moves=[] if document.is_on_its_way else moves_from(document.state, user),
        offered=_changes(document, document.text_hash, document.offered_hash),
        since_approval=_changes(document, document.approved_hash, document.text_hash),
        unusable=manuscript.unusable,
        open_notes=[shown for shown in notes if not shown.note.resolved_at],
        resolved_notes=[shown for shown in notes if shown.note.resolved_at],
        history=[Line(entry, said(entry)) for entry in reversed(entries)],
        stopped=_stopped(document, entries),
        may_edit=may_edit,
        may_publish=ready and not document.is_on_its_way and publication.may_publish(user),
        takes_text=may_edit and document.state in FOLLOWS_ITS_SOURCE,
        link=_link(document),
    )


def _link(document: Document) -> str:
    if document.source != Source.DRIVE:
        return ""
    return document.drive_files.exclude(link="").values_list("link", flat=True).first() or ""


def _next(document: Document) -> str:
    if document.is_on_its_way:
        return "Nothing: it is on its way to its site by itself."
    if document.offered_hash:
        return "It has changed at its source. See the change, and take it or leave it out."
    return NEXT[State(document.state)]


def _changes(document: Document, before: str, after: str) -> Changes | None:
    if not before or not after or before == after:
        return None
    old, new = document.version(before), document.version(after)
    return Changes(old, texts.difference(old, new))


def _stopped(document: Document, entries: list[Entry]) -> str:
    """Why it did not go out, in a sentence; empty where nothing has stopped."""
    last = next((entry for entry in reversed(entries) if entry.kind == Kind.STOPPED), None)
    return said(last) if last and document.has_stopped else ""


def said(entry: Entry) -> str:
    """A line of the history in words."""
    match entry.kind:
        case Kind.MOVED:
            why = f": {entry.why}" if entry.why else ""
            return f"{State(entry.before).label} → {State(entry.after).label}{why}"
        case Kind.UNAPPROVED:
            return "the approval ended with the text that was approved"
        case Kind.RENAMED:
            return f"it is called “{entry.why}” now"
        case Kind.ASSIGNED:
            return f"it is for {entry.why}"
        case Kind.STOPPED:
            failure = Failure.read(entry.failure) if entry.failure else None
            return f"publishing has stopped: {failure.why}" if failure else "publishing was cancelled"
    why = f": {entry.why}" if entry.why else ""
    return SAID[Kind(entry.kind)] + why

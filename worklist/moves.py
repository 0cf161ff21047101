"""What people do with a document: move it on, hand it to somebody, name it, let it go."""

from __future__ import annotations

from datetime import date

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from articles.errors import NotPossible
from articles.models.access import may_look
from worklist import telling
from worklist.changing import Kind, Quicker, changing, end_approval, note, put
from worklist.models import Document, State
from worklist.states import EDIT, move


class NeedsWhy(NotPossible):
    """This move needs a reason."""


def move_on(pk: int, after: str, by: User, *, seen: str, seen_text: str = "", why: str = "") -> Document:
    """Change the state of a document that was `seen` in another one; an approval is for the text that was seen.

    Raises Quicker where it is not in that state any more, NotPossible, PermissionDenied.
    """
    with changing(pk, why) as document:
        if document.state != seen:
            raise Quicker(document)
        wanted = move(seen, after)
        if wanted is None:
            raise NotPossible(f"What is “{State(seen).label}” does not become “{_label(after)}”.")
        if not by.has_perm(wanted.right):
            raise PermissionDenied
        if document.is_on_its_way:
            raise NotPossible("It is on its way to a site. Wait until it is there, or cancel the publication.")
        if wanted.needs_why and not why.strip():
            raise NeedsWhy("Say why, for whoever goes on with it.")
        if wanted.approves:
            _approve(document, by, seen_text)
        whom = telling.concerned(document)
        entry = put(document, after, by, why=why.strip()[:1000])
        if after in telling.COMES_BACK:
            telling.tell(entry, whom)
        if after == State.TO_REVISE:
            end_approval(document)
        document.save()
    return document


def _label(state: str) -> str:
    return State(state).label if state in State.values else state


def _approve(document: Document, by: User, seen_text: str) -> None:
    if seen_text != document.text_hash:
        raise Quicker(document)
    if document.offered_hash:
        raise NotPossible("It has changed at its source. Take the change or leave it out, then approve what is here.")
    document.approved_hash, document.approved_at, document.approved_by = document.text_hash, timezone.now(), by


def assign(pk: int, by: User, assignee: User | None, due: date | None) -> Document:
    """Whom it waits for, and until when. Raises NotPossible, PermissionDenied."""
    _must_edit(by)
    if assignee is not None and not may_look(assignee, Document):
        raise NotPossible(f"{assignee} does not work with the worklist.")
    with changing(pk) as document:
        if (assignee and assignee.pk, due) != (document.assignee_id, document.due):
            document.assignee, document.due = assignee, due
            until = f" until {due:%-d %B %Y}" if due else ""
            telling.tell(note(document, Kind.ASSIGNED, by, why=f"{assignee or 'nobody'}{until}"), assignee)
            document.save()
    return document


def rename(pk: int, by: User, title: str) -> Document:
    """From now on the title is the desk's, whatever its source calls it. Raises PermissionDenied."""
    _must_edit(by)
    with changing(pk) as document:
        if title != document.title:
            note(document, Kind.RENAMED, by, why=title)
            document.title, document.has_own_title = title, True
            document.save()
    return document


def let_go(pk: int, by: User, *, why: str = "") -> Document:
    """Off the board; the text stays, and `keep` brings it back. Raises NotPossible, PermissionDenied."""
    _must_edit(by)
    with changing(pk, why) as document:
        if document.is_on_its_way:
            raise NotPossible("It is on its way to a site. Wait until it is there, or cancel the publication.")
        if document.let_go_at is None:
            document.let_go_at = timezone.now()
            note(document, Kind.LET_GO, by, why=why[:1000])
            document.save()
    return document


def keep(pk: int, by: User) -> Document:
    """On the board, also where its source has it no more. Raises PermissionDenied."""
    _must_edit(by)
    with changing(pk) as document:
        document.let_go_at = document.gone_at = None
        note(document, Kind.KEPT, by)
        document.save()
    return document


def _must_edit(by: User) -> None:
    if not by.has_perm(EDIT):
        raise PermissionDenied

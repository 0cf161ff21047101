"""Whom a change of a document concerns, and what they are told of it: a line of the history, named by its uid.

Whoever sends mail hears of it (`concerns`), and asks later what is true still and may be read by that person (`lines`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import User
from django.dispatch import Signal

from articles.failures import Failure
from worklist.changing import Kind
from worklist.models import Document, Entry, State

concerns = Signal()  # a user, and the key of what concerns them; within the transaction that makes it so
OF_THE_DOCUMENT = ("document__task", "document__article")
COMES_BACK = (State.TO_EVALUATE, State.TO_REVISE)


def tell(entry: Entry, user: User | None) -> None:
    """This person is to hear of it, unless they did it."""
    if user is not None and user.pk != entry.by_id:
        concerns.send(sender=Entry, user=user, key=entry.uid)


def concerned(document: Document) -> User | None:
    """Whoever it is for; where that is nobody, whoever moved it on last."""
    if document.assignee is not None:
        return document.assignee
    moved = document.entries.filter(kind=Kind.MOVED, by__isnull=False).select_related("by").order_by("-pk").first()
    return moved.by if moved else None


def lines(*, recipient: User, keys: Collection[str], **_: Any) -> list[tuple[str, str, str]]:
    """Of each document: its title, what has happened, the path of its page. Nothing that is over, or not theirs to see.

    Three queries, however many there are.
    """
    visible = Document.objects.visible_to(recipient).on_the_board()
    entries = Entry.objects.filter(uid__in=keys, document__in=visible).order_by("pk")
    last = {(entry.document_id, entry.kind): entry for entry in entries.select_related("by", *OF_THE_DOCUMENT)}
    said: dict[Document, list[str]] = {}
    for entry in last.values():
        if words := _said(entry, recipient):
            said.setdefault(entry.document, []).append(words)
    return [(document.title, "; ".join(words), document.get_absolute_url()) for document, words in said.items()]


def _said(entry: Entry, recipient: User) -> str:
    """In words, without a full stop; empty where it is over."""
    document, by = entry.document, f" by {entry.by}" if entry.by else ""
    match entry.kind:
        case Kind.ASSIGNED if document.assignee_id == recipient.pk:
            until = f", until {document.due:%-d %B}" if document.due else ""
            return f"handed to you{by}{until}: {State(document.state).label.lower()}"
        case Kind.MOVED if document.state == entry.after:
            return f"came back{by}, {State(entry.after).label.lower()}: {entry.why.rstrip('.')}"
        case Kind.UNAPPROVED if document.state == entry.after:
            return "has changed at its source, and is to be approved again"
        case Kind.STOPPED if document.has_stopped:
            why = Failure.read(entry.failure).why if entry.failure else "publishing was cancelled"
            return f"did not go out: {why}"
    return ""

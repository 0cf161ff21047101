"""A document is changed by one at a time, from what they have seen of it; each change is a line of its history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from articles.errors import NotPossible
from audit.acting import because
from worklist.models import Document, Entry, State

Kind = Entry.Kind


class Quicker(NotPossible):
    """The document is not as it was when somebody decided by it."""

    def __init__(self, document: Document) -> None:
        state = State(document.state).label
        super().__init__(f"“{document}” has changed since you looked at it ({state}). Nothing was done; look again.")


@contextmanager
def changing(pk: int, why: str = "") -> Iterator[Document]:
    """The document as it is now, for whoever changes it: others wait, and an error undoes all of it."""
    with because(why), transaction.atomic():
        yield Document.objects.select_for_update().get(pk=pk)


def note(document: Document, kind: Kind, by: User | None = None, **facts: Any) -> Entry:
    return Entry.objects.create(document=document, kind=kind, by=by, text_hash=document.text_hash, **facts)


def put(document: Document, after: str, by: User | None, kind: Kind = Kind.MOVED, **facts: Any) -> Entry:
    """Into another state. The caller saves it."""
    entry = note(document, kind, by, before=document.state, after=after, **facts)
    document.state, document.since = after, timezone.now()
    return entry


def end_approval(document: Document) -> None:
    """What was approved is not what is there any more; which text it was stays known. The caller saves it."""
    document.approved_at = document.approved_by = None

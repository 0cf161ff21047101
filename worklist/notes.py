"""Notes are written, answered and resolved by people. They stand beside the text, never in it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from worklist.models import Document, Note, Reply
from worklist.states import EDIT


def add(document: Document, by: User, said: str, quotation: str = "") -> Note:
    """Raises PermissionDenied, as all of these."""
    _must_edit(by)
    return Note.objects.create(document=document, by=by, said=said, quotation=" ".join(quotation.split()))


def reply(note: Note, by: User, said: str) -> Reply:
    _must_edit(by)
    return Reply.objects.create(note=note, by=by, said=said)


def resolve(note: Note, by: User) -> None:
    """Done with: it is shown below the open ones. Twice is once, by who was first."""
    _must_edit(by)
    Note.objects.filter(pk=note.pk, resolved_at=None).update(resolved_at=timezone.now(), resolved_by=by)


def reopen(note: Note, by: User) -> None:
    _must_edit(by)
    Note.objects.filter(pk=note.pk).update(resolved_at=None, resolved_by=None)


def _must_edit(by: User) -> None:
    if not by.has_perm(EDIT):
        raise PermissionDenied

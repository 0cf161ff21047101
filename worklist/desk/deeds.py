"""What the buttons of a document's page do: each a function of the document, who presses it, and what was sent.

Each returns what is said then; raises Refused for a form that is not right, NotPossible, PermissionDenied, Http404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.forms import Form
from django.http import Http404, HttpRequest

from articles.content.manuscripts import Unreadable
from articles.errors import NotPossible
from worklist import intake, moves, notes
from worklist.desk.forms import AssignForm, NoteForm, ReplyForm, TextForm, TitleForm
from worklist.models import Document, Note, State

Deed = Callable[[Document, User, HttpRequest], str]


class Refused(Exception):
    """A form that is not right, under the name of its deed."""

    def __init__(self, name: str, form: Form) -> None:
        super().__init__(name)
        self.name, self.form = name, form


def _valid(name: str, form: Form) -> dict[str, Any]:
    if not form.is_valid():
        raise Refused(name, form)
    return form.cleaned_data


def _move(document: Document, by: User, request: HttpRequest) -> str:
    sent = request.POST
    moved = moves.move_on(
        document.pk,
        sent.get("after", ""),
        by,
        seen=sent.get("seen", ""),
        seen_text=sent.get("seen_text", ""),
        why=sent.get("why", ""),
    )
    return f"“{moved}” is now: {State(moved.state).label}."


def _assign(document: Document, by: User, request: HttpRequest) -> str:
    wanted = _valid("assign", AssignForm(request.POST))
    changed = moves.assign(document.pk, by, wanted["assignee"], wanted["due"])
    return f"“{changed}” waits for {changed.assignee or 'nobody'}."


def _rename(document: Document, by: User, request: HttpRequest) -> str:
    title = _valid("rename", TitleForm(request.POST))["title"]
    return f"It is called “{moves.rename(document.pk, by, title)}”."


def _take(document: Document, by: User, request: HttpRequest) -> str:
    changed = intake.take(document.pk, by, seen=request.POST.get("seen_text", ""))
    return f"The change is taken. “{changed}” is now: {State(changed.state).label}."


def _leave(document: Document, by: User, request: HttpRequest) -> str:
    intake.leave(document.pk, by, seen=request.POST.get("seen_text", ""))
    return "The change is left out, until its source has another one."


def _revise(document: Document, by: User, request: HttpRequest) -> str:
    form = TextForm(request.POST, request.FILES)
    _valid("revise", form)
    try:
        intake.revise(document.pk, by, form.arrival, seen=form.cleaned_data["seen"])
    except Unreadable as exc:
        raise NotPossible(str(exc)) from exc
    return "The text is replaced; the earlier one is kept."


def _let_go(document: Document, by: User, request: HttpRequest) -> str:
    moves.let_go(document.pk, by, why=request.POST.get("why", ""))
    return f"“{document}” is let go: its text stays here, off the board."


def _keep(document: Document, by: User, _request: HttpRequest) -> str:
    moves.keep(document.pk, by)
    return f"“{document}” is kept on the board."


def _note(document: Document, by: User, request: HttpRequest) -> str:
    wanted = _valid("note", NoteForm(request.POST))
    notes.add(document, by, wanted["said"], wanted["quotation"])
    return "The note is there."


def _reply(document: Document, by: User, request: HttpRequest) -> str:
    notes.reply(_asked(document, request), by, _valid("reply", ReplyForm(request.POST))["said"])
    return "The reply is there."


def _resolve(document: Document, by: User, request: HttpRequest) -> str:
    notes.resolve(_asked(document, request), by)
    return "The note is resolved."


def _reopen(document: Document, by: User, request: HttpRequest) -> str:
    notes.reopen(_asked(document, request), by)
    return "The note is open again."


def _asked(document: Document, request: HttpRequest) -> Note:
    found = document.notes.filter(uid=request.POST.get("note", "")).first()
    if found is None:
        raise Http404("There is no such note.")
    return found


DEEDS: dict[str, Deed] = {
    "move": _move,
    "assign": _assign,
    "rename": _rename,
    "take": _take,
    "leave": _leave,
    "revise": _revise,
    "let-go": _let_go,
    "keep": _keep,
    "note": _note,
    "reply": _reply,
    "resolve": _resolve,
    "reopen": _reopen,
}

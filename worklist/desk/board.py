"""The board: what waits for whom, and what has changed under them, by state; or one state alone, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Count
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from articles.desk.pager import Pager
from worklist.models import Document, DocumentQuerySet, State

SHOWN = 8  # lines of a state, where all states are shown
MOST_FOLDERS = 100  # in the filter
ANYBODY, ME, NOBODY = "", "me", "nobody"
LET_GO = "let_go"
AGES = {"3": "for three days or more", "7": "for a week or more", "30": "for a month or more"}


class Filters(forms.Form):
    """What is looked for; what makes no sense is left out."""

    q = forms.CharField(label="Words of the title", required=False, max_length=200)
    person = forms.ChoiceField(label="For", required=False)
    folder = forms.ChoiceField(label="Folder", required=False)
    age = forms.ChoiceField(label="Waits", choices=[("", "however long"), *AGES.items()], required=False)

    shelf = forms.ChoiceField(label="Where", choices=[("", "on the board"), (LET_GO, "let go")], required=False)

    def __init__(self, data: QueryDict, people: list[User], folders: list[str]) -> None:
        super().__init__(data)
        several = [(str(person.pk), str(person)) for person in people]
        self.fields["person"].choices = [  # type: ignore[attr-defined]
            *((ANYBODY, "anybody"), (ME, "me"), (NOBODY, "nobody yet")),
            *several,
        ]
        self.fields["folder"].choices = [("", "any"), *((name, name) for name in folders)]  # type: ignore[attr-defined]

    def applied(self, documents: DocumentQuerySet, user: AbstractBaseUser | AnonymousUser) -> DocumentQuerySet:
        self.is_valid()
        asked = self.cleaned_data
        documents = documents.exclude(let_go_at=None) if asked.get("shelf") else documents.on_the_board()
        if words := asked.get("q"):
            documents = documents.filter(title__icontains=words)
        if folder := asked.get("folder"):
            documents = documents.filter(folder=folder)
        if age := asked.get("age"):
            documents = documents.filter(since__lte=timezone.now() - timedelta(days=int(age)))
        match asked.get("person"):
            case "" | None:
                return documents
            case "me":
                return documents.filter(assignee=user.pk)
            case "nobody":
                return documents.filter(assignee=None)
            case person:
                return documents.filter(assignee=int(person))

    @property
    def is_set(self) -> bool:
        return any(self.cleaned_data.values())


@dataclass(frozen=True)
class Column:
    """A state, how many documents wait in it, and the first of them."""

    state: State
    count: int
    lines: list[Document]

    @property
    def more(self) -> int:
        return self.count - len(self.lines)


@dataclass(frozen=True)
class Board:
    columns: list[Column]
    chosen: State | None
    pager: Pager | None
    filters: Filters

    @property
    def shown(self) -> list[Column]:
        """All that wait; what is published is shown when it is asked for."""
        if self.chosen:
            return [column for column in self.columns if column.state == self.chosen]
        return [column for column in self.columns if column.state != State.PUBLISHED]

    @property
    def is_empty(self) -> bool:
        return not any(column.count for column in self.columns)


def board(request: HttpRequest) -> Board:
    """What this person sees (ten queries at most, however many documents there are)."""
    said = request.GET
    visible = Document.objects.visible_to(request.user)
    filters = Filters(said, _people(), _folders(visible.on_the_board()))
    found = filters.applied(visible, request.user)
    counts = dict(found.order_by().values_list("state").annotate(Count("pk")))
    chosen = State(said["state"]) if said.get("state") in State.values else None
    pager = Pager.read(said.get("p"), "p", counts.get(chosen, 0)) if chosen else None
    columns = []
    for state in State:
        number = counts.get(state, 0)
        part = pager.slice if pager and state == chosen else slice(SHOWN)
        is_shown = number and (state == chosen if chosen else state != State.PUBLISHED)
        columns.append(Column(state, number, _lines(found, state, part) if is_shown else []))
    return Board(columns, chosen, pager, filters)


def _lines(found: DocumentQuerySet, state: State, part: slice) -> list[Document]:
    lines = found.filter(state=state).select_related("assignee", "article", "task")
    # What was published last stands first; what waits longest everywhere else.
    order = ("-since", "-pk") if state == State.PUBLISHED else ("since", "pk")
    heavy = ("article__manuscript", "article__html", "article__earlier_manuscripts", "article__idea")
    return list(lines.defer(*heavy).order_by(*order)[part])


def _people() -> list[User]:
    return list(User.objects.filter(assigned_documents__let_go_at=None, assigned_documents__isnull=False).distinct())


def _folders(documents: DocumentQuerySet) -> list[str]:
    names: Any = documents.exclude(folder="").order_by("folder").values_list("folder", flat=True).distinct()
    return list(names[:MOST_FOLDERS])

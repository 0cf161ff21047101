"""The board: what waits for whom, and what has changed under them, by state; or one state alone, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from articles import formats
from articles.api.cursor import Cursor
from worklist import pages
from worklist.models import Document, DocumentQuerySet, State
from worklist.pages import Page

SHOWN = 8  # lines of a state, where all states are shown
COUNTED = 1000  # documents of a state at most; beyond it there are "more"
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
        documents = documents.let_go() if asked.get("shelf") else documents.on_the_board()
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
    """A state, how many documents wait in it as far as they are counted, and the first of them."""

    state: State
    counted: int
    lines: list[Document]

    @property
    def count(self) -> str:
        return f"{COUNTED:,}+" if self.counted > COUNTED else f"{self.counted:,}"

    @property
    def more(self) -> str:
        """How many there are behind the lines, in words; empty where there are none."""
        left = self.counted - len(self.lines)
        if self.counted > COUNTED:
            return f"more than {COUNTED - len(self.lines):,} more documents"
        return formats.count(left, "more document") if left else ""


@dataclass(frozen=True)
class Board:
    columns: list[Column]
    chosen: State | None
    page: Page | None
    filters: Filters

    @property
    def shown(self) -> list[Column]:
        """All that wait; what is published is shown when it is asked for."""
        if self.chosen:
            return [column for column in self.columns if column.state == self.chosen]
        return [column for column in self.columns if column.state != State.PUBLISHED]

    @property
    def is_empty(self) -> bool:
        return not any(column.counted for column in self.columns)


def board(request: HttpRequest) -> Board:
    """What this person sees (eleven queries at most, however many documents there are)."""
    said = request.GET
    visible = Document.objects.visible_to(request.user)
    filters = Filters(said, _people(), pages.folders(MOST_FOLDERS))
    found = filters.applied(visible, request.user)
    chosen = State(said["state"]) if said.get("state") in State.values else None
    pks = {state: pages.first(found, state, COUNTED + 1) for state in State}
    if chosen:
        page = _page(found, chosen, said)
        return Board([Column(state, len(pks[state]), page.lines) for state in State], chosen, page, filters)
    first: dict[State, list[int]] = {state: pks[state][:SHOWN] for state in State if state != State.PUBLISHED}
    rows = pages.rows(pk for part in first.values() for pk in part)
    columns = [
        Column(state, len(pks[state]), [rows[pk] for pk in first.get(state, []) if pk in rows]) for state in State
    ]
    return Board(columns, None, None, filters)


def _page(found: DocumentQuerySet, state: State, said: QueryDict) -> Page:
    """The first one, where an address asks for none that there is."""
    after, before = _place(said.get("after")), _place(said.get("before"))
    page = pages.page(found, state, after=after, before=before)
    return page if page.lines or not (after or before) else pages.page(found, state)


def _place(said: str | None) -> Cursor | None:
    try:
        place = Cursor.read(said) if said else None
        return Cursor(place.at.astimezone(UTC), place.pk) if place else None
    except (ValueError, OverflowError):
        return None


def _people() -> list[User]:
    """Who has something on the board."""
    theirs = Document.objects.on_the_board().filter(assignee=OuterRef("pk"))
    return list(User.objects.filter(Exists(theirs)).order_by("username"))

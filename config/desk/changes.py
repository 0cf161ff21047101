"""The page *Changes*: who has changed what, when, from what to what, and why; and the same as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from articles.desk.pager import Pager
from articles.models.access import may_look
from audit import wording
from audit.acting import Door
from audit.models import Change
from audit.watched import WATCHED
from backups.clocks import READER
from backups.moments import DayField
from insights.desk.tables import Table, as_csv

MOST_LINES = 50_000  # of a CSV
HEADS = ("When", "How", "Who", "By", "What", "Row", "Name", "Deed", "Field", "From", "To", "Why")


class ChangeFilter(forms.Form):
    """What is looked for, in the address."""

    who = forms.ChoiceField(label="Who", required=False)
    door = forms.ChoiceField(label="How", required=False, choices=[("", "in any way"), *Door.choices])
    what = forms.ChoiceField(label="What", required=False)
    deed = forms.ChoiceField(label="Deed", required=False, choices=[("", "any"), *Change.Deed.choices])
    since = DayField(label="Since", required=False)
    until = DayField(label="Until", required=False)
    q = forms.CharField(label="Name", required=False, max_length=200, widget=forms.TextInput(attrs={"size": 14}))

    def __init__(self, said: Any) -> None:
        super().__init__(said, label_suffix="")
        people = Change.objects.exclude(who="").order_by("who").values_list("who", flat=True).distinct()
        self.fields["who"].choices = [("", "everybody"), *((name, name) for name in people)]  # type: ignore[attr-defined]
        told = sorted((wording.model_words(label).capitalize(), label) for label in WATCHED)
        self.fields["what"].choices = [("", "anything"), *((label, words) for words, label in told)]  # type: ignore[attr-defined]

    def found(self) -> QuerySet[Change]:
        """None for what is not understood, which the form says."""
        changes = Change.objects.all()
        if not self.is_valid():
            return changes.none()
        said = self.cleaned_data
        exact = {"who": said["who"], "door": said["door"], "model": said["what"], "deed": said["deed"]}
        changes = changes.filter(**{name: value for name, value in exact.items() if value})
        if said["since"]:
            changes = changes.filter(at__gte=READER.at(said["since"]))
        if said["until"]:
            changes = changes.filter(at__lt=READER.at(said["until"] + timedelta(days=1)))
        return changes.filter(name__icontains=said["q"]) if said["q"] else changes

    @property
    def is_set(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


@dataclass(frozen=True)
class Line:
    """A change in words."""

    at: datetime
    who: str
    what: str
    before: str
    after: str
    why: str
    is_secret: bool
    has_values: bool

    @classmethod
    def of(cls, change: Change) -> Line:
        is_secret = wording.is_secret(change)
        return cls(
            at=change.at,
            who=wording.who(change),
            what=wording.what(change),
            before=wording.value_words(change, change.before),
            after=wording.value_words(change, change.after),
            why=change.why,
            is_secret=is_secret,
            has_values=change.deed == Change.Deed.CHANGED and not is_secret,
        )


@dataclass(frozen=True)
class Changes:
    filters: ChangeFilter
    pager: Pager
    lines: list[Line]


def changes(request: HttpRequest) -> Changes:
    """Three queries, however many there are. Raises PermissionDenied."""
    filters = _filters(request)
    found = filters.found()
    pager = Pager.read(request.GET.get("p"), "p", found.count())
    return Changes(filters, pager, [Line.of(change) for change in found[pager.slice]])


def changes_csv(request: HttpRequest) -> HttpResponse:
    """The same, with values as the database writes them. Raises PermissionDenied."""
    rows = [_cells(change) for change in _filters(request).found()[:MOST_LINES]]
    written = as_csv(Table("changes", "Changes", HEADS, [], rows))
    headers = {"Content-Disposition": 'attachment; filename="galley_changes.csv"'}
    return HttpResponse(written, content_type="text/csv; charset=utf-8", headers=headers)


def _filters(request: HttpRequest) -> ChangeFilter:
    if not may_look(request.user, Change):
        raise PermissionDenied
    return ChangeFilter(request.GET)


def _cells(each: Change) -> list[str]:
    return [
        *(each.at.isoformat(), each.door, each.who, each.through, each.model, each.row, each.name, each.deed),
        *(each.field, each.before, each.after, each.why),
    ]


def _midnight(day: Any) -> datetime:
    return READER.at(day)

"""What people hand in and say at the worklist."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User

from articles import bounds
from articles.handing_in.manuscript_form import ManuscriptForm
from articles.models.access import may_look
from backups.moments import DayField
from worklist.intake import Arrival
from worklist.models import Document, Note


class TextForm(ManuscriptForm):
    """A text, pasted or as a file."""

    manuscript = forms.CharField(
        label="Text",
        required=False,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="Paste it here, or choose a file below.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ("manuscript", "file", "encoding")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        given = [name for name in ("manuscript", "file") if cleaned.get(name)]
        if len(given) != 1 and not self.errors:
            raise forms.ValidationError("Give one of them: a pasted text, or a file.")
        self.take_text(cleaned)
        return cleaned

    @property
    def arrival(self) -> Arrival:
        """Of a valid form."""
        return Arrival(self.cleaned_data["manuscript"], self.file_name)


class AssignForm(forms.Form):
    assignee = forms.ModelChoiceField(User.objects.none(), label="For", required=False, empty_label="nobody yet")
    due = DayField(label="Until", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        active = User.objects.filter(is_active=True, is_staff=True)
        here = [person.pk for person in active if may_look(person, Document)]
        self.fields["assignee"].queryset = User.objects.filter(pk__in=here).order_by("username")  # type: ignore[attr-defined]


class TitleForm(forms.Form):
    title = forms.CharField(max_length=bounds.LONGEST_TITLE)


class NoteForm(forms.Form):
    quotation = forms.CharField(
        label="Place",
        required=False,
        max_length=Note.LONGEST_QUOTATION,
        help_text="Words of the text that it is about, copied from there. Empty: about all of it.",
    )
    said = forms.CharField(label="Note", max_length=Note.LONGEST, widget=forms.Textarea(attrs={"rows": 3}))


class ReplyForm(forms.Form):
    said = forms.CharField(label="Reply", max_length=Note.LONGEST)

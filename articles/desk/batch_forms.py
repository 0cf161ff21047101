"""What an editor gives for a batch: its two lists pasted or as files, and what is made of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.html import format_html

from articles.batches.plan import key_of
from articles.content.reading import decoding, encodings
from articles.handing_in.submit_form import NO_SITE
from articles.models import Batch, Preferences

LISTS = ("styles", "sections")
EXAMPLES = {
    "brief": "The {section} in the style {style}, as in {country}: its light, its materials, three things to avoid.",
    "styles": "style,country\nArt Deco,France\nBauhaus,Germany",
    "sections": "Entrance hall\nKitchen\nLibrary",
}
KINDS = ".csv,.tsv,.txt"
NOT_A_LIST = "This file is not a list as text. Save the table as CSV, in whatever program it is, and choose that file."


def file_of(name: str) -> str:
    return f"{name}_file"


def _list_file(label: str) -> forms.FileField:
    return forms.FileField(
        label=label,
        required=False,
        help_text="A .csv or .txt file in the usual encodings. Its lines take the place of what stands above.",
        widget=forms.ClearableFileInput(attrs={"accept": KINDS}),
        allow_empty_file=True,
    )


class BatchForm(forms.ModelForm[Batch]):
    """A new batch, or what may be changed of one. Lines that cannot be used are no error here: the plan tells them."""

    styles_file = _list_file("Styles as a file")
    sections_file = _list_file("Sections as a file")

    class Meta:
        model = Batch
        fields = [
            "name",
            "brief",
            "styles",
            "sections",
            "images_per_style",
            "images_per_section",
            "style",
            "formatter",
            "design",
            "site",
            "budget",
        ]
        widgets = {
            "brief": forms.Textarea(attrs={"rows": 4, "placeholder": "For example: " + EXAMPLES["brief"]}),
            "styles": forms.Textarea(attrs={"rows": 8, "placeholder": "For example:\n" + EXAMPLES["styles"]}),
            "sections": forms.Textarea(attrs={"rows": 8, "placeholder": "For example:\n" + EXAMPLES["sections"]}),
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        self.owner = user if is_new else self.instance.owner
        self._texts: dict[str, str] = {}  # of files, to give them back
        for name in LISTS:
            self.fields[name].required = False  # a file will do
        self.fields["site"].empty_label = NO_SITE  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["budget"].widget.attrs |= {"step": "0.01", "min": "0.01", "inputmode": "decimal"}
        if is_new:
            preferences = Preferences.objects.filter(user=user).first()
            self.fields["style"].initial = preferences.style if preferences else ""
        elif self.instance.started_at:
            self.fields["name"].disabled = True  # the name is what makes it the same batch

    def full_clean(self) -> None:
        """A browser forgets the chosen files when a form comes back with errors: their text comes back instead."""
        super().full_clean()
        if self.is_bound and self.errors and self._texts and isinstance(self.data, QueryDict):
            self.data = {**self.data.dict(), **self._texts}

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        key = key_of(name)
        namesake = Batch.objects.filter(owner=self.owner, key=key).exclude(pk=self.instance.pk).first()
        if namesake:
            said = "There is a batch “{}” already. {} to make its lists longer, or give another name."
            link = format_html('<a href="{}">Open it</a>', namesake.get_absolute_url())
            raise forms.ValidationError(format_html(said, namesake, link))
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in LISTS:
            if file := cleaned.get(file_of(name)):
                self._take(name, file, cleaned)
            elif cleaned.get(name):
                cleaned[name] = cleaned[name].replace("\r\n", "\n")
            elif not {name, file_of(name)} & self.errors.keys():
                self.add_error(name, f"Paste the {name}, a line each, or choose a file.")
        return cleaned

    def _take(self, name: str, file: UploadedFile[bytes], cleaned: dict[str, Any]) -> None:
        """The lines of a file become those of the field."""
        if (file.size or 0) > settings.MANUSCRIPT_BYTES:
            self.add_error(file_of(name), "This file is larger than 5 MB. Split it into several batches.")
            return
        try:
            cleaned[name] = self._texts[name] = decoding.decode(file.read())
        except decoding.Unclear as exc:
            likely = exc.readings[0]
            self._texts[name] = likely.text
            said = f"{file.name} does not say in which encoding it is"
            read_as = f"below it is read as {encodings.words(likely.encoding)}"
            self.add_error(
                name, f"{said}; {read_as}. If its letters are right, save again; else save the file as UTF-8 first."
            )
        except decoding.Unreadable:
            empty = not file.size
            self.add_error(file_of(name), "This file is empty. Choose one with a line each." if empty else NOT_A_LIST)

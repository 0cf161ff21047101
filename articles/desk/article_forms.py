"""What an editor hands in, for the desk and the shell alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils import timezone

from articles.content import manuscripts
from articles.content.reading import decoding, encodings, file_kinds, word_files
from articles.desk import kept_file
from articles.models import Article, Preferences, Stage, StageRecord
from articles.pipeline import transitions

NO_SITE = "No site: a preview page here"
FAR_YEAR = 3000  # the calendar ends here; the last day of all years has no time in every zone
CHANGEABLE = ["title", "site", "formatter", "brand_primary", "brand_accent"]
READ_AT_ONCE = 200_000  # characters: half a second; no longer manuscript was ever without a word
KINDS = (".docx", ".txt", ".md", ".markdown", ".mdx", ".html", ".htm", ".xhtml")


def moment_input() -> forms.DateTimeInput:
    """The browser's own field for a day and a time, in the desk's time zone."""
    return forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


def in_the_future(moment: datetime | None) -> datetime | None:
    if moment and moment < timezone.now() - timedelta(minutes=5):
        raise ValidationError("This time is over. Choose a later one, or leave it empty to begin at once.")
    if moment and moment.year >= FAR_YEAR:
        raise ValidationError(f"Choose a time before the year {FAR_YEAR}.")
    return moment


class SubmitForm(forms.ModelForm[Article]):
    """An idea, a pasted manuscript or a file: exactly one of them."""

    file = forms.FileField(
        label="Manuscript file",
        required=False,
        help_text="A .docx, .txt, .md or .html file of up to 5 MB, in the usual encodings.",
        widget=forms.ClearableFileInput(attrs={"accept": ",".join(KINDS)}),
    )
    # Asked where a file does not say it, about the file that is kept meanwhile.
    encoding = forms.ChoiceField(
        label="How it reads",
        required=False,
        choices=encodings.LIKELY | encodings.OTHERS,
        help_text="The file is kept. If neither is right, save it as UTF-8 and choose it anew.",
        widget=forms.HiddenInput,
    )
    kept_file = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Article
        fields = [
            *("idea", "is_long", "manuscript", "style", "formatter", "site"),
            *("brand_primary", "brand_accent", "scheduled_at"),
        ]
        widgets = {
            "scheduled_at": moment_input(),
            "idea": forms.Textarea(attrs={"rows": 4}),
            "manuscript": forms.Textarea(attrs={"rows": 10}),
            "brand_primary": forms.ColorInput(),
            "brand_accent": forms.ColorInput(),
        }

    def __init__(self, *args: Any, user: User, site_by_name: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        preferences = Preferences.objects.filter(user=user).first() or Preferences(user=user)
        for name in ("style", "brand_primary", "brand_accent"):
            self.fields[name].initial = getattr(preferences, name)
            self.fields[name].required = False
        self._preferred = preferences
        self._read_as = ""  # the encoding that nobody has told but a likelihood, or a person
        self._chosen = ""  # in the shell
        self.unclear: decoding.Unclear | None = None
        self.fields["site"].empty_label = NO_SITE  # type: ignore[attr-defined]
        if site_by_name:
            self.fields["site"].to_field_name = "name"  # type: ignore[attr-defined]

    def full_clean(self) -> None:
        """A browser forgets the chosen file when a form comes back with errors: its text comes back in its place."""
        super().full_clean()
        if not self.is_bound or not self.errors or not isinstance(self.data, QueryDict):
            return
        file, text = self.cleaned_data.get("file"), self.cleaned_data.get("manuscript")
        if file and self.unclear:
            self.data = {**self.data.dict(), "kept_file": kept_file.packed(file)}
        elif file and text:
            self.data = {**self.data.dict(), "manuscript": text, "kept_file": ""}

    def _get_validation_exclusions(self) -> set[str]:
        """What the table asks of both, `clean` says better, and once."""
        return {*super()._get_validation_exclusions(), "idea", "manuscript"}  # type: ignore[misc]  # the stubs lack it

    def take_manuscript(self, name: str, content: bytes, encoding: str = "") -> None:
        """A file from the shell, as if it had been uploaded, in the encoding that is said there."""
        self._chosen = encoding
        self.files = {"file": SimpleUploadedFile(name, content)}  # type: ignore[assignment]

    def clean_file(self) -> UploadedFile[bytes] | None:
        file: UploadedFile[bytes] | None = self.cleaned_data.get("file")
        if file is None and not (self.data.get("idea") or self.data.get("manuscript")):
            file = kept_file.unpacked(self.data.get("kept_file", ""))
        if file is None:
            return None
        name = file.name or ""
        if not name.lower().endswith(KINDS):
            raise ValidationError(
                "Choose a .docx, .txt, .md or .html file. Save other documents as one of these first."
            )
        if (file.size or 0) > settings.MANUSCRIPT_BYTES:
            raise ValidationError("This file is larger than 5 MB. Split it into several articles.")
        return file

    def clean_scheduled_at(self) -> datetime | None:
        return in_the_future(self.cleaned_data["scheduled_at"])

    def clean_brand_primary(self) -> str:
        return self.cleaned_data["brand_primary"] or self._preferred.brand_primary

    def clean_brand_accent(self) -> str:
        return self.cleaned_data["brand_accent"] or self._preferred.brand_accent

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if len(cleaned.get("manuscript", "").encode()) > settings.MANUSCRIPT_BYTES:
            self.add_error("manuscript", "This text is larger than 5 MB. Split it into several articles.")
        if cleaned.get("is_long") and not cleaned.get("idea") and "idea" not in self.errors:
            self.add_error("is_long", "Only an idea is written section by section. Your own text stays as it is.")
        given = [name for name in ("idea", "manuscript", "file") if cleaned.get(name)]
        if len(given) > 1:
            self.add_error(None, "Give one of them: an idea, a pasted manuscript, or a file.")
            return {**cleaned, "idea": ""}  # else the model says it once more; what was typed stays in the form
        if not given and not self.errors:
            raise ValidationError("Give an idea or a manuscript.")
        if cleaned.get("idea") and not settings.OPENAI_API_KEY:
            self.add_error(
                "idea", "No text service is set up here, so an idea cannot be written. Hand in a manuscript."
            )
        self._take_text(cleaned)
        return cleaned

    def _take_text(self, cleaned: dict[str, Any]) -> None:
        """Files become text here, so that what cannot be read, or has no word, is said at once."""
        file, pasted = cleaned.get("file"), cleaned.get("manuscript", "")
        try:
            if file:
                self.instance.manuscript_name = (file.name or "")[:255]
                cleaned["manuscript"] = self._text_of(file, cleaned.get("encoding", ""))
            elif pasted:
                cleaned["manuscript"] = decoding.decode(pasted.encode())
            text = cleaned.get("manuscript", "")
            if text and len(text) <= READ_AT_ONCE:
                manuscripts.read(text, (file.name or "") if file else "")
        except decoding.Unclear as exc:
            self._ask((file and file.name) or "The text", exc)
        except decoding.Unreadable as exc:
            self.add_error("file" if file else "manuscript", str(exc))

    def _text_of(self, file: UploadedFile[bytes], encoding: str) -> str:
        """The text of a file. `encoding` was chosen for the one that was kept, and for no other."""
        content = file.read()
        if file_kinds.is_word(content):
            text = word_files.read(content)
            if len(text.encode()) > settings.MANUSCRIPT_BYTES:
                raise decoding.Unreadable("this document has more than 5 MB of text", "split it into several articles")
            return text
        reading = decoding.read(content, self._chosen or ("" if self.files.get("file") else encoding))
        self._read_as = "" if reading.told else encodings.words(reading.encoding)
        return reading.text

    def _ask(self, name: str, unclear: decoding.Unclear) -> None:
        """Show the likeliest two readings, to choose one of them. The file stays in the form."""
        self.unclear = unclear
        shown = [
            (reading.encoding, f"{encodings.words(reading.encoding)}: {' / '.join(reading.first_lines)}")
            for reading in unclear.readings
        ]
        self.fields["encoding"].widget = forms.RadioSelect(choices=shown)
        self.add_error("encoding", f"{name} does not say in which encoding it is. Choose the lines that read right.")

    def submit(self) -> Article:
        """Save the article and queue it. Two in one second may want one backup folder: then again."""
        article = self.save(commit=False)
        article.owner = self.user
        for last in (False, False, True):
            try:
                with transaction.atomic():
                    transitions.submit(article)
                    if self._read_as:
                        article.events.create(kind="read", message=f"The file was read as {self._read_as}")
                return article
            except IntegrityError:
                if last:
                    raise
        return article


class ChangeForm(forms.ModelForm[Article]):
    """What may still be changed of an article that rests."""

    class Meta:
        model = Article
        fields = [*CHANGEABLE, "scheduled_at"]
        widgets = {
            "brand_primary": forms.ColorInput(),
            "brand_accent": forms.ColorInput(),
            "scheduled_at": moment_input(),
        }

    def clean_scheduled_at(self) -> datetime | None:
        return in_the_future(self.cleaned_data["scheduled_at"])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "site" in self.fields:
            self.fields["site"].empty_label = NO_SITE  # type: ignore[attr-defined]


def frozen_fields(article: Article) -> list[str]:
    """The fields that have had their effect, or that somebody may be using just now."""
    if not article.rests:
        return CHANGEABLE
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    frozen = [] if Stage.ARTICLE in done else ["title"]
    return [*frozen, "formatter", "brand_primary", "brand_accent"] if Stage.FORMAT in done else frozen

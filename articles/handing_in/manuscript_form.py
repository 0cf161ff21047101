"""A text that somebody hands in, pasted or as a file, and the question how a file reads that does not say it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import zlib
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.http import QueryDict

from articles import bounds
from articles.content import manuscripts, own_pictures
from articles.content.reading import decoding, encodings, file_kinds, word_files
from articles.providers.errors import Unreachable
from articles.tree.kept_pictures import Keeper

NOT_KEPT = "The storage of the backups does not take its pictures just now. Try again in a minute, or ask the operator."
READ_AT_ONCE = 200_000  # characters: half a second; no longer manuscript was ever without a word
LONGEST_KEPT = 5 * 1024 * 1024  # characters of a file in a hidden field; a request has room for little more
KINDS = (".docx", ".txt", ".md", ".markdown", ".mdx", ".html", ".htm", ".xhtml")


class ManuscriptForm(forms.Form):
    """A file, or a text in a field `manuscript` of the form that is made of this one, which calls `take_text`."""

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.file_name = ""  # of the text, where it came as a file
        self.read_as = ""  # the encoding that nobody has told but a likelihood, or a person
        self.reading: manuscripts.Manuscript | None = None  # what was found in a text that was read at once
        self._chosen = ""  # in the shell
        self.unclear: decoding.Unclear | None = None

    @property
    def unusable(self) -> tuple[str, ...]:
        """Sentences about pictures of the text that the article goes without; of a very long text, later."""
        return self.reading.unusable[: own_pictures.MOST_TOLD] if self.reading else ()

    def full_clean(self) -> None:
        """A browser forgets the chosen file when a form comes back with errors: its text comes back in its place."""
        super().full_clean()
        if not self.is_bound or not self.errors or not isinstance(self.data, QueryDict):
            return
        file, text = self.cleaned_data.get("file"), self.cleaned_data.get("manuscript")
        if file and self.unclear:
            self.data = {**self.data.dict(), "kept_file": packed(file)}
        elif file and text:
            self.data = {**self.data.dict(), "manuscript": text, "kept_file": ""}

    @property
    def kept_name(self) -> str:
        """The name of the file that lies in the form; empty where there is none."""
        file = _unpacked(self["kept_file"].value() or "")
        return (file.name or "") if file else ""

    def take_manuscript(self, name: str, content: bytes, encoding: str = "") -> None:
        """A file from the shell, as if it had been uploaded, in the encoding that is said there."""
        self._chosen = encoding
        self.files = {"file": SimpleUploadedFile(name, content)}  # type: ignore[assignment]  # as of a request

    def clean_file(self) -> UploadedFile[bytes] | None:
        file: UploadedFile[bytes] | None = self.cleaned_data.get("file")
        if file is None and not (self.data.get("idea") or self.data.get("manuscript")):
            file = _unpacked(self.data.get("kept_file", ""))
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

    def take_text(self, cleaned: dict[str, Any]) -> None:
        """Files become text here, so that what cannot be read, or has no word, is said at once."""
        file, pasted = cleaned.get("file"), cleaned.get("manuscript", "")
        if len(pasted.encode()) > settings.MANUSCRIPT_BYTES:
            return self.add_error("manuscript", "This text is larger than 5 MB. Split it into several articles.")
        try:
            if file:
                self.file_name = (file.name or "")[: bounds.LONGEST_FILE_NAME]
                cleaned["manuscript"] = self._text_of(file, cleaned.get("encoding", ""))
            elif pasted:
                cleaned["manuscript"] = own_pictures.named(decoding.decode(pasted.encode()), Keeper().keep)
            text = cleaned.get("manuscript", "")
            if text and len(text) <= READ_AT_ONCE:
                self.reading = manuscripts.read(text, (file.name or "") if file else "")
        except decoding.Unclear as exc:
            self._ask((file and file.name) or "The text", exc)
        except decoding.Unreadable as exc:
            self.add_error("file" if file else "manuscript", str(exc))
        except Unreachable:
            self.add_error("file" if file else "manuscript", NOT_KEPT)
        return None

    def _text_of(self, file: UploadedFile[bytes], encoding: str) -> str:
        """The text of a file. `encoding` was chosen for the one that was kept, and for no other."""
        content = file.read()
        if file_kinds.is_word(content):
            text = word_files.read(content, Keeper().keep)
            if len(text.encode()) > settings.MANUSCRIPT_BYTES:
                raise decoding.Unreadable("this document has more than 5 MB of text", "split it into several articles")
            return text
        reading = decoding.read(content, self._chosen or ("" if self.files.get("file") else encoding))
        self.read_as = "" if reading.told else encodings.words(reading.encoding)
        return own_pictures.named(reading.text, Keeper().keep)

    def _ask(self, name: str, unclear: decoding.Unclear) -> None:
        """Show the likeliest two readings, to choose one of them. The file stays in the form."""
        self.unclear = unclear
        shown = [
            (reading.encoding, f"{encodings.words(reading.encoding)}: {' / '.join(reading.first_lines)}")
            for reading in unclear.readings
        ]
        self.fields["encoding"].widget = forms.RadioSelect(choices=shown)
        self.add_error("encoding", f"{name} does not say in which encoding it is. Choose the lines that read right.")


def packed(file: UploadedFile[bytes], room: int = LONGEST_KEPT, text: str = "") -> str:
    """A file for a hidden field, as browsers forget what was chosen; "" for one that has no room in it.

    Of a Word document lies there the `text` that was read of it: its pictures are kept elsewhere, by name.
    """
    file.seek(0)
    content = file.read()
    if file_kinds.is_word(content):
        with contextlib.suppress(decoding.Unreadable, Unreachable):
            content = (text or word_files.read(content, Keeper().keep)).encode()
    found = base64.b64encode(zlib.compress(f"{file.name}\0".encode() + content)).decode()
    return found if len(found) <= room else ""


def _unpacked(value: str) -> UploadedFile[bytes] | None:
    """The file that `packed` has packed; None for anything else, as whoever sends a form may write into it."""
    try:
        room = settings.MANUSCRIPT_BYTES + 1024
        name, sign, content = zlib.decompressobj().decompress(base64.b64decode(value), room).partition(b"\0")
        return SimpleUploadedFile(name.decode(), content) if sign else None
    except (binascii.Error, zlib.error, ValueError):
        return None

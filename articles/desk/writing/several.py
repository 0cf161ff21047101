"""Files that were handed in together: what was read of each, and an article of each that is whole.

Each is a form of its own, the one by which every article comes in. Between the page that shows them and the answer
they lie in that page, so that whoever goes away leaves nothing behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import QueryDict

from articles.desk.article_forms import DRAWN_WITH
from articles.formats import count
from articles.handing_in.manuscript_form import packed
from articles.handing_in.submit_form import SubmitForm
from articles.models import Article

MOST = 20  # files at once
ROOM = 6 * 1024 * 1024  # characters of all of them in a page; what a request may hold is little more
PATIENCE = 10.0  # seconds of processor time, after which no further file is read while somebody waits
SHARED = ("style", *DRAWN_WITH, "site", "scheduled_at")  # what is asked once for all of them
NO_ROOM = "It has no room here beside the others. Hand it in by itself."


class Row(NamedTuple):
    """A file on the page. `kept` is the file itself; empty where it cannot become an article."""

    number: int
    name: str
    form: SubmitForm
    kept: str
    is_taken: bool
    no_room: bool = False

    @property
    def problems(self) -> list[str]:
        if self.no_room:
            return [NO_ROOM]
        own = {name: said for name, said in self.form.errors.items() if name not in SHARED}
        return [str(said) for errors in own.values() for said in errors]

    @property
    def is_asked(self) -> bool:
        """Whether it waits for somebody to choose how it reads."""
        return self.form.unclear is not None

    @property
    def title(self) -> str:
        return self.form.reading.title if self.form.reading else ""

    @property
    def size(self) -> str:
        """`812 words`; of a very long one about as many."""
        if self.form.reading:
            return count(self.form.reading.word_count, "word")
        return f"about {count(len(self.form.cleaned_data.get('manuscript', '').split()), 'word')}"


class Several(NamedTuple):
    rows: list[Row]
    options: SubmitForm  # what is asked once
    beyond: list[str]  # names of files that were too many
    lost: list[str]  # names of files of which the page holds no more than these

    @property
    def whole(self) -> int:
        return sum(1 for row in self.rows if not row.problems)

    @property
    def taken(self) -> list[Row]:
        return [row for row in self.rows if row.is_taken and row.kept]

    @property
    def left_out(self) -> list[str]:
        return [*(row.name for row in self.rows if row not in self.taken), *self.lost]

    @property
    def is_valid(self) -> bool:
        return bool(self.taken) and all(row.form.is_valid() for row in self.taken)

    @property
    def wrong_options(self) -> list[str]:
        return [name for name in SHARED if name in self.options.errors]

    def hand_in(self) -> list[Article]:
        """All that were taken, or none of them."""
        with transaction.atomic():
            return [row.form.submit() for row in self.taken]


def from_files(files: list[UploadedFile[bytes]], user: User) -> Several:
    """What was read of files that have just come; large ones may be fewer at once."""
    usual = SubmitForm(user=user)
    shared = {name: usual[name].value() or "" for name in SHARED}
    rows, room, began = list[Row](), ROOM, time.thread_time()
    for number, file in enumerate(files[:MOST]):
        if time.thread_time() - began > PATIENCE:
            break
        form = SubmitForm(shared, {"file": file}, user=user)
        good = form.is_valid() or form.unclear is not None
        kept = packed(file, room, form.cleaned_data.get("manuscript", "")) if good else ""
        room -= len(kept)
        rows.append(Row(number, file.name or "", form, kept, bool(kept), no_room=good and not kept))
    return Several(rows, _options(shared, user), [file.name or "" for file in files[len(rows) :]], [])


def from_page(said: QueryDict, user: User) -> Several:
    """The files that lie in the page which was sent, with what was chosen there."""
    shared = {name: said.get(name, "") for name in SHARED}
    lost = said.getlist("lost")[:MOST]
    return Several(list(_kept_rows(said, shared, user)), _options(shared, user), [], lost)


def _kept_rows(said: QueryDict, shared: Mapping[str, Any], user: User) -> Iterator[Row]:
    for number in range(MOST):
        if kept := said.get(f"kept-{number}", ""):
            form = SubmitForm({**shared, "kept_file": kept, "encoding": said.get(f"encoding-{number}", "")}, user=user)
            yield Row(number, form.kept_name, form, kept, f"take-{number}" in said)


def _options(shared: Mapping[str, Any], user: User) -> SubmitForm:
    """A form of which the page shows the shared fields alone."""
    return SubmitForm(shared, user=user)

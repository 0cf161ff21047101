"""What a source has: documents that are new, renamed, changed, gone and back again.

A text that nobody has begun with follows its source. One that is reviewed, approved or published is never overwritten
by itself: what has changed is offered, beside what is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from articles import bounds
from articles.errors import NotPossible
from worklist import telling, texts
from worklist.changing import Kind, Quicker, changing, end_approval, note, put
from worklist.models import Document, Source, State, Version
from worklist.states import EDIT, FOLLOWS_ITS_SOURCE

UNTITLED = "Untitled"
MANY, SHARE = 10, 5  # more than ten documents, and more than a fifth of them: not without being told


@dataclass(frozen=True)
class Arrival:
    """A text as a source has it. `name` is its file's, which tells how it is read; `title` what the source calls it."""

    text: str
    name: str = ""
    title: str = ""
    writer: str = ""
    folder: str = ""


def arrive(source: Source, source_id: str, arrival: Arrival, by: User | None = None) -> tuple[Document, bool]:
    """Bring a document to what its source has. Returns it, and whether it is new. Raises manuscripts.Unreadable.

    Twice, or by two machines at once, is the same as once.
    """
    version = _version(arrival)
    with transaction.atomic():
        document, is_new = Document.objects.get_or_create(
            source=source,
            source_id=source_id,
            defaults={
                "title": version.title,
                "writer": arrival.writer[:200],
                "folder": arrival.folder[:200],
                "words": version.words,
                "text_hash": version.sha256,
                "source_hash": version.sha256,
            },
        )
        if is_new:
            _keep(document, version)
            note(document, Kind.ARRIVED, by, why=_known_as(document, version))
        else:
            document = Document.objects.select_for_update().get(pk=document.pk)
            _follow(document, arrival, version)
    return document, is_new


def _version(arrival: Arrival) -> Version:
    read = texts.read(arrival.text, arrival.name)
    title = (arrival.title or read.title or UNTITLED)[: bounds.LONGEST_TITLE]
    return Version(
        sha256=texts.sha256(arrival.text),
        name=arrival.name[: bounds.LONGEST_FILE_NAME],
        manuscript=arrival.text,
        title=title,
        words=read.word_count,
    )


def _known_as(document: Document, version: Version) -> str:
    """That another document has, or had, the very same text: a copy. Empty where none has."""
    same = Version.objects.filter(sha256=version.sha256).exclude(document=document).select_related("document").first()
    return f"with the same text as “{same.document}”" if same else ""


def _keep(document: Document, version: Version) -> None:
    """Save a version, unless it is there: one that comes back is the same."""
    there = {"document": document, "sha256": version.sha256}
    rest = {name: getattr(version, name) for name in ("name", "manuscript", "title", "words")}
    Version.objects.get_or_create(**there, defaults=rest)


def _follow(document: Document, arrival: Arrival, version: Version) -> None:
    if document.gone_at is not None:
        document.gone_at = None
        note(document, Kind.BACK)
    if not document.has_own_title and version.title != document.title:
        note(document, Kind.RENAMED, why=version.title)
        document.title = version.title
    document.folder, document.writer = arrival.folder[:200], arrival.writer[:200]
    if version.sha256 != document.source_hash:
        _keep(document, version)
        document.source_hash = version.sha256
        _change(document, version)
    document.save()


def _change(document: Document, version: Version) -> None:
    if version.sha256 == document.text_hash:
        document.offered_hash = ""  # the source is what is here once more
    elif document.state in FOLLOWS_ITS_SOURCE:
        _use(document, version)
        note(document, Kind.CHANGED)
    else:
        document.offered_hash = version.sha256
        note(document, Kind.OFFERED)
        if document.state == State.READY and not document.is_on_its_way:
            end_approval(document)
            telling.tell(put(document, State.TO_REREVIEW, None, Kind.UNAPPROVED), telling.concerned(document))


def _use(document: Document, version: Version) -> None:
    end_approval(document)
    document.text_hash, document.words, document.offered_hash = version.sha256, version.words, ""


def is_much(missing: int, known: int) -> bool:
    """Whether so many of those that a source had are missing at once that a person has to say that it is so."""
    return missing > MANY and missing * SHARE > known


def gone(pk: int) -> None:
    """Its source has it no more: trashed, moved away, or not for us. Nothing is deleted; it comes back by itself."""
    with changing(pk) as document:
        if document.gone_at is None:
            document.gone_at = timezone.now()
            note(document, Kind.GONE)
            document.save()


# By people


def take(pk: int, by: User, *, seen: str) -> Document:
    """Work on with the offered text whose hash was `seen`; what was approved before does not count for it.

    Raises Quicker, NotPossible, PermissionDenied.
    """
    with _offered(pk, by, seen) as document:
        _use(document, document.version(seen))
        note(document, Kind.CHANGED, by)
        if document.state in (State.READY, State.PUBLISHED):
            put(document, State.TO_REREVIEW, by, Kind.UNAPPROVED)
        document.save()
    return document


def leave(pk: int, by: User, *, seen: str) -> Document:
    """Go on with the text that is here, until the source has another one. Raises as `take` does."""
    with _offered(pk, by, seen) as document:
        document.offered_hash = ""
        note(document, Kind.LEFT, by)
        document.save()
    return document


@contextmanager
def _offered(pk: int, by: User, seen: str) -> Iterator[Document]:
    """A document with this text offered, for whoever may decide about it."""
    if not by.has_perm(EDIT):
        raise PermissionDenied
    with changing(pk) as document:
        if not seen or document.offered_hash != seen:
            raise Quicker(document)
        if document.is_on_its_way:
            raise NotPossible("It is on its way to a site. Wait until it is there, or cancel the publication.")
        yield document


def revise(pk: int, by: User, arrival: Arrival, *, seen: str) -> Document:
    """A text that a person hands in for the one whose hash was `seen`, where its writer is asked for one.

    Raises Quicker, NotPossible, PermissionDenied, manuscripts.Unreadable.
    """
    version = _version(arrival)
    if not by.has_perm(EDIT):
        raise PermissionDenied
    with changing(pk) as document:
        if document.text_hash != seen:
            raise Quicker(document)
        if document.state not in FOLLOWS_ITS_SOURCE:
            raise NotPossible("It is not being revised. Send it back first, and say why.")
        _keep(document, version)
        _use(document, version)
        note(document, Kind.CHANGED, by)
        document.save()
    return document

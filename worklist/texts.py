"""The text of a document: read, named by its hash, and compared word by word."""

from __future__ import annotations

import base64
import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import lxml.html
from django.conf import settings
from lxml.html import HtmlElement

from articles.content import manuscripts, markup, own_pictures
from articles.content.manuscripts import Manuscript, Unreadable
from articles.content.own_pictures import Keep
from articles.content.reading import decoding, file_kinds, word_files
from articles.providers.errors import Unreachable
from articles.tree import kept_pictures
from articles.tree.kept_pictures import Keeper
from articles.tree.unused_pictures import naming_texts
from backups.trees.tree import TreeError
from worklist.models import Version

WORD_BYTES = 25 * 1024 * 1024
NOT_KEPT = "The storage of the backups does not take its pictures just now."
KINDS = (".docx", ".txt", ".md", ".markdown", ".html", ".htm")  # of files that can be read
SHOWN = 12 * 2**20  # bytes of the pictures that are shown within a text
COMPARED_AT_ONCE = 4_000_000  # pairs of words: a second; longer paragraphs are shown as one out, one in
_WORD = re.compile(r"\s*\S+")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def with_names(text: str, keep: Keep | None = None) -> str:
    """A text with the names of the pictures that stand in it, which are kept. Raises Unreachable."""
    return own_pictures.named(text, keep or Keeper().keep)


def naming_pictures(*, alias: str, **_: Any) -> Iterator[str]:
    """All versions of all documents that may name pictures: none is ever removed."""
    return naming_texts(Version.objects.using(alias).order_by("-pk"), "manuscript")


def most_bytes(name: str) -> int:
    """Of a file: Word documents have room for pictures."""
    return WORD_BYTES if name.lower().endswith(".docx") else settings.MANUSCRIPT_BYTES


def too_large(name: str) -> Unreadable:
    is_word = name.lower().endswith(".docx")
    mend = (
        "make its pictures smaller, or split it into several articles" if is_word else "split it into several articles"
    )
    return Unreadable(f"this file is larger than {most_bytes(name) // 2**20} MB", mend)


def of_file(name: str, content: bytes) -> str:
    """The text of a file, without what is only suggested in it; its pictures are kept.

    Raises manuscripts.Unreadable, Unreachable.
    """
    if not name.lower().endswith(KINDS):
        raise Unreadable("this is no text that can be an article", f"save it as one of {', '.join(KINDS)}")
    if file_kinds.is_word(content):
        text = word_files.read(content, Keeper().keep)
    else:
        text = with_names(decoding.read(content, "").text)
    if len(text.encode()) > settings.MANUSCRIPT_BYTES:
        raise Unreadable("it has more than 5 MB of text", "split it into several articles")
    return text


@lru_cache(maxsize=32)
def read(text: str, name: str) -> Manuscript:
    """As an article. Raises manuscripts.Unreadable."""
    return manuscripts.read(text, name)


@dataclass(frozen=True)
class Piece:
    """Words that are `same`, `added` or `removed`."""

    kind: str
    words: str


def difference(before: Version, after: Version) -> list[list[Piece]]:
    """Paragraph by paragraph, word by word, without what is only marked up otherwise. The title is the first line."""
    old, new = (_paragraphs(version) for version in (before, after))
    found: list[list[Piece]] = []
    for tag, start, end, begin, stop in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [[Piece("same", line)] for line in new[begin:stop]]
        else:
            found += _changed(old[start:end], new[begin:stop])
    return found


def counted(difference: Iterable[Iterable[Piece]]) -> tuple[int, int]:
    """How many words were added, and how many removed."""
    pieces = [piece for line in difference for piece in line]
    return tuple(sum(len(p.words.split()) for p in pieces if p.kind == kind) for kind in ("added", "removed"))  # type: ignore[return-value]


def _paragraphs(version: Version) -> list[str]:
    """A picture is a line as well: one in the place of another is a change."""
    manuscript = read(version.manuscript, version.name)
    lines = [(picture, _figure(f"Picture {picture.name[:8]}", picture.alt_text)) for picture in manuscript.pictures]
    html = own_pictures.illustrated(manuscript.html, lines) if lines else manuscript.html
    return [version.title, *markup.text_of(html).split("\n")]


def _figure(*said: str) -> HtmlElement:
    figure = lxml.html.Element("figure")
    line = lxml.html.Element("p")
    line.text = ": ".join(filter(None, said))
    figure.append(line)
    return figure


def illustrated(version: Version) -> str:
    """The text with its pictures in it, for who reads it; of one that cannot be shown, what is said of it."""
    manuscript = read(version.manuscript, version.name)
    figures, room = [], SHOWN
    for picture in manuscript.pictures:
        figure = _figure("Picture", picture.alt_text)
        with suppress(TreeError, Unreachable):
            jpeg = kept_pictures.load(picture.name).jpeg
            room -= len(jpeg)
            if room > 0:
                encoded = base64.b64encode(jpeg).decode()
                figure[:] = [lxml.html.Element("img", src=f"data:image/jpeg;base64,{encoded}", alt=picture.alt_text)]
        figures.append((picture, figure))
    return own_pictures.illustrated(manuscript.html, figures)


def _changed(old: list[str], new: list[str]) -> Iterator[list[Piece]]:
    """Paragraphs in the place of others: each beside that of its number, what is left over whole."""
    for before, after in zip(old, new, strict=False):
        yield list(_words_changed(before, after))
    paired = min(len(old), len(new))
    yield from ([Piece("removed", line)] for line in old[paired:])
    yield from ([Piece("added", line)] for line in new[paired:])


def _words_changed(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) * len(new) > COMPARED_AT_ONCE:
        yield Piece("removed", before)
        yield Piece("added", after)
        return
    for tag, start, end, begin, stop in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(new[begin:stop]))
            continue
        if end > start:
            yield Piece("removed", "".join(old[start:end]))
        if stop > begin:
            yield Piece("added", "".join(new[begin:stop]))

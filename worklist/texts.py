"""The text of a document: read, named by its hash, and compared word by word."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from articles.content import manuscripts, markup
from articles.content.manuscripts import Manuscript, Unreadable
from articles.content.reading import decoding, file_kinds, word_files
from worklist.models import Version

KINDS = (".docx", ".txt", ".md", ".markdown", ".html", ".htm")  # of files that can be read
COMPARED_AT_ONCE = 4_000_000  # pairs of words: a second; longer paragraphs are shown as one out, one in
_WORD = re.compile(r"\s*\S+")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def of_file(name: str, content: bytes) -> str:
    """The text of a file, as the forms of the desk read it. Raises manuscripts.Unreadable."""
    if not name.lower().endswith(KINDS):
        raise Unreadable("this is no text that can be an article", f"save it as one of {', '.join(KINDS)}")
    return word_files.read(content) if file_kinds.is_word(content) else decoding.read(content, "").text


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
    manuscript = read(version.manuscript, version.name)
    return [version.title, *markup.text_of(manuscript.html).split("\n")]


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

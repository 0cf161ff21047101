"""What a laid-out page says that its article does not: words of the model that laid it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import pairwise

from articles.content import markup
from articles.content.word_counts import words

LABEL_WORDS = 3  # of a line that only names what follows: "Key figures"
LABELS = 20  # on one page


def added_lines(page: str, sources: Iterable[str]) -> list[str]:
    """The lines of a page most of whose words stand in none of the sources as they stand there, in order.

    All are HTML. Captions are the page's own, and so are a few short labels.
    """
    known: set[tuple[str, str]] = set()
    single: set[str] = set()
    for source in sources:
        found = words(source)
        single.update(found)
        known.update(pairwise(found))
    added, labels = [], 0
    for line in _lines(page):
        found = words(escape(line, quote=False))
        if _foreign(found, known, single) * 2 <= len(found):
            continue
        labels += len(found) <= LABEL_WORDS
        if len(found) > LABEL_WORDS or labels > LABELS:
            added.append(line)
    return added


def _lines(page: str) -> Iterator[str]:
    root = markup.parse(page)
    for caption in list(root.iter("figcaption")):
        caption.drop_tree()
    yield from markup.text_of(markup.serialize(root)).split("\n")


def _foreign(found: list[str], known: set[tuple[str, str]], single: set[str]) -> int:
    """How many of these words have neither neighbour that they have in the sources."""
    if len(found) == 1:
        return int(found[0] not in single)
    there = [pair in known for pair in pairwise(found)]
    return sum(not (before or after) for before, after in zip([False, *there], [*there, False], strict=True))

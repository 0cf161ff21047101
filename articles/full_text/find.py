"""Which articles hold the words that somebody searches for, and the passage in which they stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from html import unescape

from django.db import connection
from django.db.models import TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Substr
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles.full_text import index
from articles.models import Article, ArticleQuerySet

MOST = 200  # articles, the newest, that one search finds by their texts
MOST_READ = 500  # articles, the newest, whose texts are read where there is no index
READ = 100_000  # characters of each text that are looked at
AROUND = 60  # characters on each side of what was found
_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<[^<>]{1,2000}>")
_MARKS = "[\u0300-\u036f]*"
_MARK = re.compile("[\u0300-\u036f]")


def find(articles: ArticleQuerySet, said: str) -> list[int]:
    """Of these articles the newest that hold all words of what was said (three queries)."""
    words = _words(said)
    if not words:
        return []
    found, patterns = _candidates(articles, _WORD.findall(said.lower())), [_pattern(word) for word in words]
    return [pk for pk, text in _texts(found) if all(pattern.search(text) for pattern in patterns)]


def passages(pks: Iterable[int], said: str) -> dict[int, SafeString]:
    """For each of these articles a piece of its text with the first of the words in it (one query)."""
    patterns = [_pattern(word) for word in _words(said)]
    found = Article.objects.filter(pk__in=list(pks)) if patterns else Article.objects.none()
    pieces = {pk: _piece(text, patterns) for pk, text in _texts(found)}
    return {pk: piece for pk, piece in pieces.items() if piece}


def _words(said: str) -> list[str]:
    """Without their accents."""
    return list(dict.fromkeys(_WORD.findall(_MARK.sub("", unicodedata.normalize("NFKD", said)).lower())))


def _candidates(articles: ArticleQuerySet, words: list[str]) -> ArticleQuerySet:
    newest = articles.order_by("-created_at", "-pk")
    if not index.is_there(connection):
        return articles.filter(pk__in=list(newest.values_list("pk", flat=True)[:MOST_READ])).order_by("-created_at")
    if connection.vendor == "postgresql":
        asked = f"SELECT id FROM {index.TABLE} WHERE {index.VECTOR} @@ to_tsquery('simple', %s)"  # noqa: S608  ours
        query = " & ".join(f"'{word}':*" for word in words)
    else:
        asked = f"SELECT rowid FROM {index.INDEX} WHERE {index.INDEX} MATCH %s"  # noqa: S608  our own names
        query = " ".join(f'"{word}"*' for word in words)
    held = newest.filter(pk__in=RawSQL(asked, [query])).values_list("pk", flat=True)  # noqa: S611  a parameter
    return articles.filter(pk__in=list(held[:MOST])).order_by("-created_at", "-pk")


def _texts(articles: ArticleQuerySet) -> Iterable[tuple[int, str]]:
    """What people read of each. A manuscript has the words of what was made of it."""
    parts = [Substr(name, 1, READ, output_field=TextField()) for name in ("manuscript", "html")]
    said = articles.annotate(a=parts[0], b=parts[1]).values_list("pk", "title", "idea", "a", "b")
    for pk, title, idea, manuscript, html in said.iterator(20):
        text = unescape(_TAG.sub(" ", manuscript or html))
        yield pk, unicodedata.normalize("NFD", f"{title}\n{idea}\n{text}")


def _pattern(word: str) -> re.Pattern[str]:
    """The beginning of a word, with or without accents."""
    return re.compile(rf"(?<!\w){_MARKS.join(map(re.escape, word))}{_MARKS}\w*", re.IGNORECASE)


def _piece(text: str, patterns: list[re.Pattern[str]]) -> SafeString | None:
    """Of its idea or text; none where the words stand in its title alone, which is seen anyway."""
    _, _, below = text.partition("\n")
    first = next((found for pattern in patterns if (found := pattern.search(below))), None)
    if first is None:
        return None
    before = below[max(first.start() - AROUND, 0) : first.start()]
    after = below[first.end() : first.end() + AROUND]
    return format_html(
        "{}{}<mark>{}</mark>{}{}",
        "…" if first.start() > AROUND else "",
        _line(before, cut_first=first.start() > AROUND),
        _line(first[0]),
        _line(after),
        "…" if first.end() + AROUND < len(below) else "",
    )


def _line(text: str, *, cut_first: bool = False) -> str:
    """On one line, with the spaces at its ends; without the word that was cut in two at its beginning."""
    bare = text.partition(" ")[2] if cut_first else text
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", bare))

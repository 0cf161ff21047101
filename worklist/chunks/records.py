"""What a record says of an article. Two shapes are understood: that of Django's `dumpdata`, and a plain object.

    {"model": "news.article", "pk": 17, "fields": {"headline": "…", "body": "…"}}
    {"id": 17, "title": "…", "content": "…"}

The text may be a list of parts, each a text or an object with a heading and a text. Whatever else a record holds stays
behind, and is named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from articles.content import markup

HTML = ("html", "content_html", "body_html")
# The first of them that says something is the text.
TEXTS = (*HTML, "content", "body", "text", "full_text", "ocr_text", "manuscript", "markdown", "sections", "paragraphs")
TITLES, HEADINGS = ("title", "headline", "name"), ("heading", "title", "headline")
WRITERS = ("author", "writer", "byline")
NUMBERS = ("uid", "uuid", "id", "pk")
LONGEST_SHOWN = 60  # characters of a name that a file gives


class NoArticle(Exception):
    """Why a record is none: a clause without its full stop."""


@dataclass(frozen=True)
class OldArticle:
    """`key` tells it apart; `kind` is the ending of a file of such a text, "" where the text itself has to tell.

    `left` are the names of what stays behind.
    """

    key: str
    title: str
    text: str
    kind: str
    writer: str
    left: tuple[str, ...]


def is_one(data: Mapping[str, Any]) -> bool:
    """Whether an object is a record, rather than what holds some."""
    return _is_of_django(data) or any(isinstance(data.get(name), str) for name in TEXTS)


def article(record: Any) -> OldArticle:
    """Raises NoArticle."""
    if not isinstance(record, dict):
        raise NoArticle("it is no object")
    model = record["model"] if _is_of_django(record) else ""
    fields: Mapping[str, Any] = record["fields"] if model else record
    of = next((name for name in TEXTS if _says_something(fields.get(name))), "")
    if not of:
        raise NoArticle(f"it is of {shown(model)}, and has no text" if model else "it has no text")
    given = fields[of]
    text = markup.usable(given if isinstance(given, str) else _together(given))
    title, writer = _line(fields, TITLES), _line(fields, WRITERS)
    number = next((name for name in NUMBERS if isinstance(fields.get(name), int | str)), "")
    known_by = record.get("pk") if model else fields.get(number)
    used = {of, _first(fields, TITLES), _first(fields, WRITERS), number}
    left = tuple(name for name, value in fields.items() if name not in used and value not in (None, "", [], {}))
    kind = ".html" if of in HTML else "" if isinstance(given, str) else ".md"
    key = _key(model, known_by) if isinstance(known_by, int | str) else _key("text", title, text)
    return OldArticle(key, title, text, kind, writer, left)


def shown(name: object) -> str:
    """A name that a file gives, for people: on one line, and short."""
    line = " ".join(markup.usable(str(name)).split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[:LONGEST_SHOWN]}…"


def _is_of_django(data: Mapping[str, Any]) -> bool:
    return isinstance(data.get("model"), str) and isinstance(data.get("fields"), dict)


def _says_something(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else isinstance(value, list) and bool(value)


def _together(parts: list[Any]) -> str:
    """As Markdown. Raises NoArticle for a part that is none: it is not left out in silence."""
    found = []
    for part in parts:
        fields = part if isinstance(part, dict) else {"text": part}
        heading, text = _line(fields, HEADINGS), next(filter(None, (_words(fields, name) for name in TEXTS)), "")
        if not text and not heading:
            raise NoArticle("a part of its text is neither words nor has any")
        found += [f"## {heading}"] * bool(heading) + [text] * bool(text)
    return "\n\n".join(found)


def _words(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) and value.strip() else ""


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these names under which there are words; "" for none."""
    return next((name for name in names if _words(fields, name)), "")


def _line(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " ".join(markup.usable(_words(fields, _first(fields, names))).split())


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

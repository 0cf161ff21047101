"""What is taken of a WordPress's answer: what is used, in the type and length that is expected. It becomes a row."""

from __future__ import annotations

import html
import re
from typing import Any

from publishing.wordpress.marks import Marked

Json = dict[str, Any]
ADDRESS = re.compile(r"https?://[!-~]{1,490}")


def as_dict(answer: Any) -> Json | None:
    return answer if isinstance(answer, dict) else None


def as_dicts(answer: Any) -> list[Json] | None:
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else None


def as_post(answer: Any) -> Json | None:
    if not id_of(answer):
        return None
    content = (as_dict(answer.get("content")) or {}).get("raw")
    text = Marked.read(content) if isinstance(content, str) else Marked("", "")  # a site that does not tell it
    return {
        "id": id_of(answer),
        "slug": text_of(answer, "slug", 200),
        "status": text_of(answer, "status", 20),
        "title": text_of(as_dict(answer.get("title")) or {}, "raw", 1000),
        "featured_media": id_of(answer, "featured_media") or 0,
        "categories": _ids(answer, "categories"),
        "tags": _ids(answer, "tags"),
        "excerpt": text_of(as_dict(answer.get("excerpt")) or {}, "raw", 5000),
        "comment_status": text_of(answer, "comment_status", 10),
        "author": id_of(answer, "author") or 0,
        "date_gmt": text_of(answer, "date_gmt", 30),
        "link": link if ADDRESS.fullmatch(link := text_of(answer, "link", 500)) else "",  # people will click on it
        "modified": text_of(answer, "modified_gmt", 30),
        "version": text.version,
        "found": text.found,
    }


def as_media(answer: Any) -> Json | None:
    if not id_of(answer):
        return None
    details = as_dict(answer.get("media_details")) or {}
    return {
        "id": id_of(answer),
        "slug": text_of(answer, "slug", 200),
        "source_url": text_of(answer, "source_url", 1000),
        "alt_text": text_of(answer, "alt_text", 1000),
        "width": id_of(details, "width") or 0,
        "has_sizes": bool(details.get("sizes")),
        "modified": text_of(answer, "modified_gmt", 30),
    }


def _ids(answer: Json, name: str) -> list[int]:
    listed = answer.get(name)
    return [each for each in listed[:100] if type(each) is int] if isinstance(listed, list) else []


def id_of(answer: Any, name: str = "id") -> int | None:
    number = answer.get(name) if isinstance(answer, dict) else None
    return number if type(number) is int and 0 < number < 2**63 else None


def text_of(answer: Json, name: str, most: int) -> str:
    value = answer.get(name)
    return value[:most].replace("\x00", "") if isinstance(value, str) else ""


def author_of(people: list[Json], name: str, *, known_as: tuple[str, ...]) -> Json | None:
    """The first of these users whose name, in one of these fields, is this one."""
    wanted = plain(name).casefold()
    return next((one for one in people if wanted in (plain(one.get(field)).casefold() for field in known_as)), None)


def token_of(answer: Any) -> str | None:
    token = answer.get("token") if isinstance(answer, dict) else None
    return token if isinstance(token, str) and re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,8000}", token) else None


def plain(value: Any) -> str:
    """Words on one line, without tags or what a terminal would obey."""
    words = html.unescape(re.sub(r"<[^>]*>", "", value)) if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())

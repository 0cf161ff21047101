"""What a site has kept of what it got: field by field, kept, changed or dropped, from its own last answer."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from publishing.options import Options
from publishing.wordpress.marks import Marked
from publishing.wordpress.reading import Json, plain

State = Literal["kept", "changed", "dropped"]


class Finding(TypedDict):
    """One field; `found` is what the site made of it, where that can be said in few words; `names` which of several, or
    which words for search engines.
    """

    field: str
    state: State
    found: str
    names: list[str]


def compare(sent: Json, options: Options, there: Json, *, without: list[str], lacks: frozenset[str]) -> list[Finding]:
    """`sent` holds the fields that were sent, `there` the post as it is; `without` names terms that could not be made,
    `lacks` fields that cannot be said by this way.
    """
    findings = [
        _finding("title", _same_words(sent["title"], there["title"]), there["title"]),
        _text(sent["content"], there),
    ]
    if sent.get("featured_media"):
        findings.append(_finding("featured_media", there["featured_media"] == sent["featured_media"]))
    for field, asked in (("categories", options.categories), ("tags", options.tags)):
        if asked:
            findings.append(_terms(field, asked, set(sent.get(field, ())), set(there[field]), without))
    if options.excerpt:
        findings.append(_finding("excerpt", _same_words(options.excerpt, there["excerpt"]), there["excerpt"]))
    if options.comments:
        findings.append(_finding("comments", options.comments == there["comment_status"], there["comment_status"]))
    if options.slug:
        findings.append(_finding("slug", options.slug == there["slug"], there["slug"]))
    if options.is_for_readers:
        findings.append(_public(options, there))
    if "alt_text" in lacks:
        findings.append({"field": "alt_text", "state": "dropped", "found": "", "names": []})
    return findings


def of_seo(word: str, said: str, kept: bool) -> Finding:
    """Of `title`, `description` or `keyword` for search engines, by what was said."""
    return {"field": f"seo_{word}", "state": "kept" if kept else "dropped", "found": "", "names": [said]}


def of_author(name: str, kept: bool) -> Finding:
    return {"field": "author", "state": "kept" if kept else "dropped", "found": "", "names": [name]}


def of_alt_text(label: str, kept: bool) -> Finding:
    """Of a picture whose alternative text came later than it."""
    return {"field": "alt_text", "state": "kept" if kept else "changed", "found": "", "names": [label]}


def _finding(field: str, same: bool, found: str = "") -> Finding:
    state: State = "kept" if same else "changed" if found else "dropped"
    return {"field": field, "state": state, "found": "" if same else found[:200], "names": []}


def _text(content: str, there: Json) -> Finding:
    """Its text, which sites may clean of what their authors may not write."""
    wanted, is_told = Marked.read(content), bool(there["found"])
    same = not is_told or wanted.found == there["found"]
    return {"field": "content", "state": "kept" if same else "changed", "found": "", "names": []}


def _terms(field: str, asked: tuple[str, ...], sent: set[int], there: set[int], without: list[str]) -> Finding:
    dropped = [name for name in asked if name in without]
    lost = bool(sent - there)
    state: State = "dropped" if lost or dropped else "kept"
    return {"field": field, "state": state, "found": "", "names": list(asked) if lost else dropped}


def _public(options: Options, there: Json) -> Finding:
    at = options.publish_at
    if at and there["status"] == "future":
        return _finding("date", in_utc(at) == there["date_gmt"], there["date_gmt"])
    return _finding("status", there["status"] in ("publish", "future"), there["status"])


def in_utc(moment: datetime) -> str:
    """As WordPress writes its `date_gmt`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _same_words(sent: str, there: str) -> bool:
    return _words(sent) == _words(there)


def _words(text: str) -> list[str]:
    return plain(html.unescape(text)).split()


def read(saved: list[dict[str, Any]]) -> list[Finding]:
    """Those of a row."""
    return [
        {"field": each["field"], "state": each["state"], "found": each["found"], "names": each["names"]}
        for each in saved
    ]

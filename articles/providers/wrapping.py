"""What was asked for, out of what a model has put around it.

Models are asked for JSON or HTML and nothing else. Seen of them: thoughts in tags of their own, words before and after,
code fences (closed, open, several of them), JSON around the HTML, tags written as text, and Markdown within HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

MOST_TRIES = 20  # braces at which an object may begin: each may be read to the end of the answer

_THOUGHTS = ("think", "thinking", "thought", "reasoning")
_FENCE_LINE = re.compile(r"^[ \t]{0,3}(?:```|~~~)[ \t]*([\w-]{0,20})[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]{0,30})\b[^<>]{0,5000}>")
_ESCAPED_TAG = re.compile(r"&lt;(?:article|section|div|p|h[1-6]|ul|ol|blockquote|table|figure)\b[^<>&]{0,300}&gt;")
_VERBATIM = {"pre", "code", "script", "style"}
_HEADING = re.compile(r"(<p\b[^<>]{0,2000}>)\s{0,20}(#{1,6})[ \t]+([^<>\n]{1,300}?)\s{0,20}</p>")
_STRONG = re.compile(r"\*\*(?=\S)([^*<>\n]{1,500}?)(?<=\S)\*\*")
_BARE_HEADING = re.compile(r"(?:^|\n)[ \t]{0,3}(#{1,6})[ \t]+([^<>\n]{1,300})(?=\n|$)")


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object in an answer: the largest one where there are several, None where there is none.

    Newlines within its strings are taken as they stand, halves of a surrogate pair as what cannot be shown.
    """
    for candidate in (text, without_thoughts(text)):
        found = _decoded(candidate.strip())
        if found is not None:
            return found
    return max(_objects(without_thoughts(text)), key=lambda found: found[1], default=(None, 0))[0]


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return _showable(found) if isinstance(found, dict) and not text[end:].strip() else None


# Not strict: control characters may stand in strings.
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)


def _objects(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    """The objects that stand among words, each with its length in characters."""
    start = text.find("{")
    for _ in range(MOST_TRIES):
        if start < 0:
            return
        try:
            found, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        yield _showable(found), end - start
        start = text.find("{", end)


def _showable(value: Any) -> Any:
    """With every half of a surrogate pair replaced: no database takes one."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_showable(item) for item in value]
    if isinstance(value, dict):
        return {_showable(name): _showable(item) for name, item in value.items()}
    return value


def without_thoughts(text: str) -> str:
    """The answer behind what its model thought aloud at the beginning, in tags that may have been opened for it."""
    for name in _THOUGHTS:
        begins = text.lstrip()[: len(name) + 2].lower() == f"<{name}>"
        ends = text.rfind(f"</{name}>")
        if ends >= 0 and (begins or _TAG.search(text, 0, ends) is None):
            return text[ends + len(name) + 3 :].lstrip()
    return text


def html_alone(text: str) -> str:
    """The HTML of an answer that should be nothing else, from its first tag to its last."""
    text = without_thoughts(text).strip()
    if text.startswith("{") and (found := json_object(text)):
        strings = [value for value in found.values() if isinstance(value, str)]
        text = max(strings, key=len, default=text)
    text = max(_fenced(text), key=_weight, default=text)
    if not _TAG.search(text) and _ESCAPED_TAG.search(text):
        text = unescape(text)
    first, last = text.find("<"), text.rfind(">")
    return text[first : last + 1] if 0 <= first < last else text.strip()


def _fenced(text: str) -> Iterator[str]:
    """What stands between lines of three backticks; behind the last one, where it is not closed."""
    lines = list(_FENCE_LINE.finditer(text))
    for opening, closing in zip(lines[::2], [*lines[1::2], None], strict=False):
        inner = text[opening.end() : closing.start() if closing else len(text)]
        if _TAG.search(inner) or _ESCAPED_TAG.search(inner):
            yield inner.strip()


def _weight(text: str) -> int:
    return sum(1 for _ in _TAG.finditer(text)) or len(text) // 1000


def html_field(html: str) -> str:
    """The HTML in a field of an answer: out of its fence, with real tags and newlines, and without Markdown."""
    html = max(_fenced(html), key=_weight, default=html).strip()
    if "\n" not in html and "\\n" in html:
        html = html.replace("\\n", "\n")
    if not _TAG.search(html) and _ESCAPED_TAG.search(html):
        html = unescape(html)
    return "".join(part if verbatim else _without_markdown(part) for part, verbatim in _parts(html))


def _parts(html: str) -> Iterator[tuple[str, bool]]:
    """The HTML in pieces, each with whether it is preformatted or code, where signs are meant as they stand."""
    start, depth = 0, 0
    for tag in _TAG.finditer(html):
        if tag[2].lower() not in _VERBATIM:
            continue
        if not depth or (depth == 1 and tag[1]):
            end = tag.end() if tag[1] else tag.start()
            yield html[start:end], bool(depth)
            start = end
        depth = max(depth - 1, 0) if tag[1] else depth + 1
    yield html[start:], bool(depth)


def _without_markdown(html: str) -> str:
    html = _HEADING.sub(lambda found: _heading(found[2], found[3]), html)
    html = _BARE_HEADING.sub(lambda found: "\n" + _heading(found[1], found[2]), html)
    return _STRONG.sub(r"<strong>\1</strong>", html)


def _heading(signs: str, words: str) -> str:
    level = min(max(len(signs), 2), 6)
    return f"<h{level}>{words.rstrip(' #')}</h{level}>"

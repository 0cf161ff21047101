"""Words as the editor keeps them: HTML as browsers write it, without style, on one line.

Behind the page's filter stands a second interpreter. WordPress runs `[gallery]`, in attributes too, and makes of an
address that is a line or a paragraph by itself what lies there. Character references would hold until somebody saves
the post: the editor writes what the references stand for. So a bracket that could begin a shortcode, and the protocol
of an address that stands alone, get an element of their own. Its class keeps the classic editor from dropping it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from lxml.html import HtmlElement

from articles.content import elements

Node: TypeAlias = str | HtmlElement
BREAK = "<br><br>"
_AS_TEXT = '<span class="as-text">{}</span>'
_SHORTCODE = re.compile(r"\[(?=[^<>&/\[\]\x00-\x20=])")  # what WordPress takes for the name of one
_ALONE = re.compile(r"^(\s*)(https?:)(?=//[^\s<>\"]+\s*$)", re.IGNORECASE | re.MULTILINE)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_EDGES = re.compile(r"^(?: |<br>)+|(?: |<br>)+$")
# Their words stay. An author without `unfiltered_html` could not keep them.
_DISSOLVED = elements.names("time wbr bdi img")
_IN_ATTRIBUTES = str.maketrans({"[": "(", "]": ")", "<": "‹", ">": "›"})
_IN_ADDRESSES = str.maketrans({"[": "%5B", "]": "%5D", "<": "%3C", ">": "%3E", '"': "%22", "\u00a0": "%C2%A0"})
_LIKE_A_REFERENCE = re.compile(r"&(?=#?\w+;)")
_KEPT = ("href", "rel", "title", "dir", "lang")


def rich(nodes: Iterable[Node], **around: str) -> str:
    """Words and inline elements on one line; `around` are attributes of an element around them."""
    text = _EDGES.sub("", _SPACE.sub(" ", "".join(map(_written, nodes))))
    text = _ALONE.sub(_apart, text)
    written = attributes(around)
    return f"<span{written}>{text}</span>" if written and text else text


def preformatted(nodes: Iterable[Node]) -> str:
    """The same with its lines and spaces; without empty lines at its edges, which a parser would drop in part."""
    return _ALONE.sub(_apart, "".join(map(_written, nodes)).strip("\n"))


def code(nodes: Iterable[Node]) -> str:
    """The same for a block of code, whose brackets the editor itself writes as references."""
    return preformatted(nodes).replace(_AS_TEXT.format("["), "[").replace("[", "&#91;")


def content_of(element: HtmlElement) -> list[Node]:
    """What stands in an element, in order."""
    nodes: list[Node] = [element.text] if element.text else []
    for child in element:
        nodes += [child, child.tail] if child.tail else [child]
    return nodes


def attributes(given: Mapping[str, str]) -> str:
    """Those that have a value, as they stand in a tag."""
    return "".join(f' {name}="{_value(name, value)}"' for name, value in given.items() if value)


def plain_attribute(text: str) -> str:
    """Text for an attribute, where no element can keep WordPress from reading a shortcode or a delimiter."""
    return _LIKE_A_REFERENCE.sub("＆", " ".join(text.split()).translate(_IN_ATTRIBUTES))


def address(text: str) -> str:
    return text.translate(_IN_ADDRESSES)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;")


def _written(node: Node) -> str:
    if isinstance(node, str):
        text = node.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\u00a0", "&nbsp;")
        return _SHORTCODE.sub(_AS_TEXT.format("["), text)
    if node.tag == "br":
        return "<br>"
    inside = "".join(map(_written, content_of(node)))
    given = attributes({name: node.get(name, "") for name in _KEPT})
    if node.tag in _DISSOLVED or node.tag in elements.BLOCKS or (node.tag == "span" and not given):
        return inside
    return f"<{node.tag}{given}>{inside}</{node.tag}>"


def _value(name: str, value: str) -> str:
    text = address(value) if name == "href" else plain_attribute(value)
    return escaped(text)


def _apart(found: re.Match[str]) -> str:
    return found[1] + _AS_TEXT.format(found[2])

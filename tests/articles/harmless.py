"""What a cleaned fragment must not hold, looked for with another parser than the one that cleaned it."""

from __future__ import annotations

import re
from typing import Any

import lxml.html

from articles import colours, markup

ALLOWED = markup.PAGE_TAGS
NAMES = set().union(*markup.ATTRIBUTES.values()) | {"style", "rel"}


def tree(html: str) -> Any:
    return lxml.html.fragment_fromstring(html, create_parent="div", parser=lxml.html.HTMLParser(huge_tree=True))


def assert_harmless(html: str) -> None:
    """No script, handler, address that runs or loads, style beyond the whitelist, or comment."""
    assert "<!" not in html
    assert "<?" not in html
    for element in tree(html).iterdescendants():
        assert element.tag in ALLOWED, element.tag
        for name, value in element.attrib.items():
            assert name in NAMES, name
            if name == "href":
                assert not re.match(r"[\s\x00-\x20]*(?!https?:|mailto:)[\w+.-]+:", value, re.IGNORECASE), value
            if name == "src":
                assert re.fullmatch(r"03_\w+\.jpg", value), value
            if name == "style":
                assert_plain_style(value)


def assert_plain_style(style: str) -> None:
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        assert name in markup.STYLE_PROPERTIES, style
        assert not re.search(r"url|expression|import|[\\<>@]|/\*", value), style
        assert value.count('"') % 2 == value.count("'") % 2 == 0, style
        assert value.count("(") == value.count(")"), style


def unreadable_pairs(html: str) -> list[tuple[str, str, str]]:
    """Each text with its colour and background, where these cannot be told apart. As a browser inherits them."""
    found = []
    waiting = [(tree(html), "#1c1c1e", "#ffffff")]
    while waiting:
        element, text, behind = waiting.pop()
        style = dict(part.strip().split(": ", 1) for part in element.get("style", "").split(";") if part.strip())
        if element.tag in ("a", "mark"):
            text = {"a": "#0000ee", "mark": "#000000"}[element.tag]
            behind = "#ffff00" if element.tag == "mark" else behind
        text, behind = style.get("color", text), style.get("background-color", behind)
        pair = colours.rgb(text), colours.rgb(behind)
        assert pair[0] is not None
        assert pair[1] is not None
        if colours.contrast(pair[0], pair[1]) < colours.READABLE:
            found.append((str(element.text), text, behind))
        waiting += [(child, text, behind) for child in element]
    return found

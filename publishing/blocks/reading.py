"""What a formatted page says of its elements, whoever laid it out: the template and Claude both by inline styles."""

from __future__ import annotations

import re

from lxml.html import HtmlElement

from articles.content import colours, elements

BOXES = elements.names("article section div main header footer aside")
SHARE = 3  # what is set apart is at most one part of so many
COLUMNS = range(2, 7)
STANDS_OUT = 1.5  # times the size of its surroundings
_SIZE = re.compile(r"([\d.]{1,6})(em|rem|px)")
_PIXELS = 16
_NO_LINE = ("0", "none")


def style(element: HtmlElement) -> dict[str, str]:
    parts = (part.partition(":") for part in element.get("style", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in parts}


def holders(root: HtmlElement) -> set[HtmlElement]:
    """The elements that hold more than words in letters: blocks or pictures."""
    holding: set[HtmlElement] = set()
    for element in root.iter(*elements.BLOCKS, "img"):
        above = element.getparent()
        while above is not None and above not in holding:
            holding.add(above)
            above = above.getparent()
    return holding


def is_set_apart(element: HtmlElement, length: int) -> bool:
    """Whether it is a box of its own on a page of this many letters: by what it is, or by its ground or frame.

    An aside that is laid out without either, as the summary above a hero is, belongs to the text.
    """
    said = style(element)
    ground, frame = said.get("background-color", ""), said.get("border", _NO_LINE[0])
    drawn = colours.rgb(ground or colours.WHITE) != (255, 255, 255) or not frame.startswith(_NO_LINE)
    if element.tag == "aside":
        return drawn or not said.get("margin") or any(name.startswith("border-") for name in said)
    return drawn and len(element.text_content()) * SHARE <= length


def begins_large(element: HtmlElement) -> bool:
    """Whether the first letter of a paragraph is set over several lines."""
    first = element[0] if len(element) and not (element.text or "").strip() else None
    return first is not None and "float" in style(first) and len(first.text_content()) == 1


def columns(element: HtmlElement) -> list[HtmlElement]:
    """Those that an element puts side by side; none where it does not."""
    said = style(element)
    sides = list(element)
    loose = (element.text or "") + "".join(side.tail or "" for side in sides)
    tracks = len(re.sub(r"\([^()]*\)", "(", said.get("grid-template-columns", "")).split())
    repeated = "repeat" in said.get("grid-template-columns", "")
    flows = said.get("display") == "flex" or (said.get("display") == "grid" and (tracks > 1 or repeated))
    return sides if flows and not loose.strip() and len(sides) in COLUMNS else []


def size(element: HtmlElement) -> float:
    """How large its letters are, in those around it; 1 where it does not say."""
    found = _SIZE.fullmatch(style(element).get("font-size", ""))
    try:
        return float(found[1]) / (_PIXELS if found[2] == "px" else 1) if found else 1
    except ValueError:
        return 1


def direction(element: HtmlElement) -> str:
    """Of its words, where the page says so: `ltr` or `rtl`."""
    while element is not None and element.get("dir") not in ("ltr", "rtl"):
        element = element.getparent()
    return "" if element is None else str(element.get("dir"))


def language(element: HtmlElement) -> str:
    """Of its words where that is not the page's: it, or what it stands in that is no box of the page."""
    while element is not None and element.tag not in BOXES:
        if element.get("lang"):
            return str(element.get("lang"))
        element = element.getparent()
    return ""

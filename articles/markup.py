"""HTML from outside, made safe: manuscripts, what models write, and the finished page.

nh3 decides what may stay; lxml then changes what the house wants different. Nothing that could run, load from
elsewhere or cover the page survives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import lxml.html
import nh3
from lxml.html import HtmlElement

from articles import colours

TEXT_TAGS = {
    *(
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "pre",
        "hr",
        "br",
    ),
    *(
        "table",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "aside",
        "section",
    ),
    *(
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "del",
        "em",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "rp",
        "rt",
        "ruby",
    ),
    *("s", "samp", "small", "strong", "sub", "sup", "time", "u", "var", "wbr", "img", "div", "span"),
}
PAGE_TAGS = TEXT_TAGS | {"article", "header", "footer", "main"}
DROPPED_WHOLE = {
    "script",
    "style",
    "template",
    "noscript",
    "title",
    "head",
    "iframe",
    "object",
    "svg",
    "math",
    "select",
}
ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
STYLE_PROPERTIES = {
    *("color", "background-color", "font-family", "font-size", "font-style", "font-weight", "line-height"),
    *(
        "letter-spacing",
        "text-align",
        "text-transform",
        "text-decoration",
        "margin",
        "margin-top",
        "margin-bottom",
    ),
    *(
        "margin-left",
        "margin-right",
        "padding",
        "padding-top",
        "padding-bottom",
        "padding-left",
        "padding-right",
    ),
    *(
        "border",
        "border-top",
        "border-bottom",
        "border-left",
        "border-right",
        "border-color",
        "border-radius",
    ),
    *("border-collapse", "width", "max-width", "height", "display", "gap", "grid-template-columns", "flex"),
    *(
        "flex-wrap",
        "align-items",
        "justify-content",
        "list-style",
        "object-fit",
        "aspect-ratio",
        "box-sizing",
    ),
}
DISPLAYS = {
    "block",
    "inline",
    "inline-block",
    "flex",
    "grid",
    "table",
    "table-row",
    "table-cell",
    "list-item",
}
_SAFE_VALUE = re.compile(r"[\w\s#%.,()/\"'+*-]*")
_CALLS = re.compile(r"(?!rgba?\(|hsla?\(|calc\(|min\(|max\(|clamp\(|repeat\(|minmax\()[\w-]+\(")
_WORD = re.compile(r"\w+")


def clean_text(html: str) -> str:
    """An article's HTML: structure and words, no style, no class, links and pictures by http(s) only."""
    cleaned = _clean(html, TEXT_TAGS, ATTRIBUTES)
    root = parse(cleaned)
    for element in list(root.iterdescendants("div", "span", "section", "img")):
        if element.tag == "img":
            if not element.get("src"):
                element.drop_tree()
        elif element.tag == "span" or _holds_blocks(element):
            element.drop_tag()
        else:
            element.tag = "p"
    for element in list(root.iter("p")):
        if not len(element) and not (element.text or "").strip():
            element.drop_tree()
    return serialize(root)


def clean_page(html: str, images: Iterable[str]) -> str:
    """A laid-out page: inline styles within bounds, readable colours, and no pictures but `images`."""
    attributes = ATTRIBUTES | {"*": ATTRIBUTES["*"] | {"style"}}
    root = parse(_clean(html, PAGE_TAGS, attributes))
    allowed = set(images)
    for element in list(root.iter("img")):
        if element.get("src") not in allowed:
            element.drop_tree()
    _make_readable(root, colours.INK, colours.WHITE)
    return serialize(root)


def _clean(html: str, tags: set[str], attributes: dict[str, set[str]]) -> str:
    return nh3.clean(
        html.replace("\x00", ""),
        tags=tags,
        clean_content_tags=DROPPED_WHOLE,
        attributes=attributes,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        filter_style_properties=STYLE_PROPERTIES,
        link_rel="noopener noreferrer",
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "style":
        return "; ".join(_declarations(value))
    if name == "src" and value.startswith(("mailto:", "//")):
        return None
    return value


def _declarations(style: str) -> Iterator[str]:
    for declaration in style.split(";"):
        name, _, value = (part.strip().lower() for part in declaration.partition(":"))
        value = value.removesuffix("!important").strip()
        if name == "background" and colours.rgb(value):
            name = "background-color"
        if not _SAFE_VALUE.fullmatch(value) or _CALLS.search(value):
            continue
        if name == "display" and value not in DISPLAYS:
            continue
        if name in STYLE_PROPERTIES and value:
            yield f"{name}: {value}"


def _make_readable(root: HtmlElement, text: str, behind: str) -> None:
    """Replace text colours that cannot be read on what lies behind them, from the outside in."""
    waiting = [(root, text, behind)]
    while waiting:
        element, text, behind = waiting.pop()
        style = _style(element)
        behind = style.get("background-color", behind)
        seen = colours.readable(style.get("color", text), behind)
        if seen != text:
            style["color"] = seen
        if style:
            element.set("style", "; ".join(f"{name}: {value}" for name, value in style.items()))
        waiting += [(child, seen, behind) for child in element]


def _style(element: HtmlElement) -> dict[str, str]:
    """The declarations of an element, without colours that no contrast can be computed of."""
    parts = (part.partition(":") for part in element.attrib.pop("style", "").split(";"))
    style = {name.strip(): value.strip() for name, _, value in parts if value.strip()}
    for name in ("color", "background-color"):
        if name in style and colours.rgb(style[name]) is None:
            del style[name]
    return style


def parse(html: str) -> HtmlElement:
    """A <div> around a fragment that nh3 has cleaned."""
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True)
    return lxml.html.fragment_fromstring(f"<div>{html}</div>".encode(), parser=parser)


def serialize(root: HtmlElement) -> str:
    """What stands inside the <div> of `parse`."""
    html: str = lxml.html.tostring(root, encoding="unicode")
    return html[html.index(">") + 1 : html.rindex("</")].strip()


def text_of(html: str) -> str:
    """The words of a fragment, each block on a line of its own."""
    root = parse(html)
    for element in root.iter():
        if element.tag in BLOCKS or element.tag == "br":
            element.tail = "\n" + (element.tail or "")
    return re.sub(r"[ \t]*\n\s*", "\n", root.text_content()).strip()


BLOCKS = {
    *(
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "pre",
        "hr",
        "table",
    ),
    *(
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "aside",
        "section",
        "div",
    ),
}


def _holds_blocks(element: HtmlElement) -> bool:
    return any(child.tag in BLOCKS for child in element)


def word_count(html: str) -> int:
    """Words as a reader counts them; in scripts without spaces, characters that stand for words or syllables."""
    return len(words(html))


_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1780-\u17ff]")


def words(html: str) -> list[str]:
    """The words of a fragment, in order, lower-cased."""
    found: list[str] = []
    for word in _WORD.findall(text_of(html).lower()):
        found += _SPACELESS.findall(word) or [word]
    return found


def missing_words(of: str, within: str) -> int:
    """How many words of one fragment another does not have, each counted as often as it stands there."""
    return (Counter(words(of)) - Counter(words(within))).total()


def images_in(html: str) -> set[str]:
    return {src for img in parse(html).iter("img") if (src := img.get("src"))}

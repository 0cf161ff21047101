"""HTML from outside, made safe: manuscripts, what models write, and the finished page.

nh3 decides what may stay; lxml then changes what the house wants different. Nothing that could run, load from
elsewhere or cover the page survives, and no document takes more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import lxml.html
import nh3
from lxml import etree
from lxml.html import HtmlElement

from articles.content import colours, elements, tag_soup

HEADINGS, BLOCKS = elements.HEADINGS, elements.BLOCKS
PAGE_TAGS = BLOCKS | elements.INLINE
TEXT_TAGS = PAGE_TAGS - {"article", "header", "footer", "main"}
ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
STYLE_PROPERTIES = elements.names(
    "color background-color font-family font-size font-style font-weight line-height letter-spacing"
    " text-align text-transform text-decoration vertical-align white-space overflow overflow-wrap"
    " margin margin-top margin-bottom margin-left margin-right"
    " padding padding-top padding-bottom padding-left padding-right"
    " border border-top border-bottom border-left border-right border-color border-radius border-collapse"
    " width max-width height display gap grid-template-columns flex flex-wrap align-items justify-content"
    " list-style object-fit aspect-ratio box-sizing float text-wrap break-inside break-after"
)
KEYWORDS = {  # where only some values do no harm: nothing is hidden, nothing runs over the edge
    "display": elements.names("block inline inline-block flex grid table table-row table-cell list-item"),
    "overflow": {"auto"},
    "float": {"left", "right"},
    "text-wrap": {"balance", "pretty"},
    "break-inside": {"avoid"},
    "break-after": {"avoid"},
    "white-space": {"normal", "pre-wrap", "pre-line"},
}
_WORDS = r"[\w\s#%.,/+*-]*+"
_CALL = r"\b(?:rgba?|hsla?|calc|min|max|clamp|repeat|minmax)\("
# A value with a quote, bracket or comment left open would swallow the declarations after it.
_VALUE = re.compile(rf"""(?:[\w\s#%.,/+*-]|"{_WORDS}"|'{_WORDS}'|{_CALL}(?:{_WORDS}(?:{_CALL}{_WORDS}\))?)*+\))*""")
_BEYOND = re.compile(
    r"/\*|(?<![#0-9a-f])\d{5}|(?:^|[\s(,])-\s*[\d.]|(?:^|[\s(,+])[\d.]+e[+-]?\d"
)  # comments, and sizes off the page

SCHEMES = {"http", "https", "mailto"}  # of addresses
OWN = "picture"  # what the writer's own pictures have instead of one
MOST_PASSES = 8  # two as a rule: the second one changes nothing

_UNUSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_NO_TAG = re.compile(rf"<(?={_UNUSABLE.pattern})")
_OPENING_LINES = re.compile(r"(<pre\b[^<>]*>)\n+")  # a parser drops one of them
_VOIDS = {"br", "hr", "img", "wbr"}
_VOID = re.compile(r"<(br|hr|img|wbr)\b([^<>]*?)/?>")


def clean_text(html: str, *, with_pictures: bool = False) -> str:
    """An article's HTML: structure and words, no style and no class; pictures become links to them.

    With pictures the writer's own stay, which have names instead of addresses (`own_pictures`).
    """
    schemes = SCHEMES | {OWN} if with_pictures else SCHEMES
    return _settled(lambda html: _cleaned_text(html, schemes), html)


def _cleaned_text(html: str, schemes: set[str]) -> str:
    root = parse(_clean(html, TEXT_TAGS, ATTRIBUTES, schemes))
    link_pictures(root)
    _smooth_lines(root)
    for element in root.iter("span", "a"):
        if element.tag == "span" or element.get("href", "#").startswith("#"):
            element.tag = "drop"
    etree.strip_tags(root, "drop")
    _drop_empty(root)
    _gather_paragraphs(root)
    etree.strip_tags(root, "drop")
    _drop_empty(root)
    return _OPENING_LINES.sub(r"\1", serialize(root))


def clean_page(html: str, images: Iterable[str], roles: Iterable[str] = ()) -> str:
    """A laid-out page: inline styles within bounds, readable colours, and no pictures but `images`.

    Of classes only `roles` stay, for whoever draws them.
    """
    allowed, kept = set(images), set(roles)
    return _settled(lambda html: _cleaned_page(html, allowed, kept), html)


def _settled(clean: Callable[[str], str], html: str) -> str:
    """Cleaned until nothing changes: where a tag is dropped, a parser may see those around it in another way."""
    for _ in range(MOST_PASSES):
        html, before = clean(html), html
        if html == before:
            break
    return html


def _cleaned_page(html: str, allowed: set[str], roles: set[str]) -> str:
    attributes = ATTRIBUTES | {"*": ATTRIBUTES["*"] | {"style"} | ({"class"} if roles else set())}
    root = parse(_clean(html, PAGE_TAGS, attributes))
    for element in root.iter() if roles else ():
        if element.get("class", "") not in roles:
            element.attrib.pop("class", None)
    for element in list(root.iter("img")):
        if element.get("src") not in allowed:
            element.drop_tree()
    _make_readable(root)
    return serialize(root)


def _clean(html: str, tags: set[str], attributes: dict[str, set[str]], schemes: set[str] | None = None) -> str:
    bounded, _ = tag_soup.bounded(tag_soup.html_alone(usable_html(html)))
    cleaned = nh3.clean(
        bounded,
        tags=tags,
        clean_content_tags=elements.DROPPED_WHOLE,
        attributes=attributes,
        attribute_filter=_attribute,
        url_schemes=schemes or SCHEMES,
        filter_style_properties=STYLE_PROPERTIES,
        link_rel="noopener noreferrer",
    )
    return _OPENING_LINES.sub(
        r"\1", usable(cleaned).replace("\r", "\n")
    )  # once more: character references stood for some


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "style":
        return "; ".join(_declarations(value)) or None
    if name == "href" and value.lower().startswith(f"{OWN}:"):
        return None
    if name == "src" and value.startswith(("mailto:", "//")):
        return None
    if name in ("width", "height", "colspan", "rowspan", "start"):
        return value if re.fullmatch(r"-?[0-9]{1,4}", value) else None
    return usable(value)


def _declarations(style: str) -> Iterator[str]:
    for declaration in style.split(";"):
        name, _, value = (part.strip().lower() for part in declaration.partition(":"))
        value = value.removesuffix("!important").strip()
        if name == "background" and colours.rgb(value):
            name = "background-color"
        if name not in STYLE_PROPERTIES or not value or value not in KEYWORDS.get(name, {value}):
            continue
        if _VALUE.fullmatch(value) and not _BEYOND.search(value):
            yield f"{name}: {value}"


def usable(text: str) -> str:
    """Text without the characters that no page can hold."""
    return _UNUSABLE.sub("", text)


def usable_html(html: str) -> str:
    """The same of HTML: a bracket before such a character is no tag, and becomes none when that is gone."""
    return usable(_NO_TAG.sub("&lt;", html))


def link_pictures(root: HtmlElement) -> None:
    """A page loads nothing from elsewhere: a picture's address stays as a link, its description as the link's words."""
    for image in list(root.iter("img")):
        address, description = image.get("src", ""), image.get("alt", "").strip()
        if address.startswith(f"{OWN}:"):
            continue
        image.attrib.clear()
        if address.startswith(("http://", "https://")) and next(image.iterancestors("a"), None) is None:
            image.tag, image.text = "a", description or place_of(address)
            image.set("href", address)
            image.set("rel", "noopener noreferrer")
        else:
            image.tag, image.text = "drop", description


def place_of(address: str) -> str:
    """The host of an address: what a link is called that has no words."""
    return address.partition("//")[2].partition("/")[0]


def _smooth_lines(root: HtmlElement) -> None:
    """No blocks within headings and preformatted text, where they only break lines."""
    for holder in root.iter("pre", *HEADINGS):
        for element in holder.iterdescendants(*BLOCKS):
            element.tail = ("\n" if holder.tag == "pre" else " ") + (element.tail or "")
            element.tag = "drop"


def _drop_empty(root: HtmlElement) -> None:
    """No paragraphs, headings or letters in bold that hold nothing; from the inside out."""
    for element in reversed(
        list(root.iterdescendants("p", "div", "section", *HEADINGS, *elements.INLINE - {"br", "img", "wbr"}))
    ):
        text = element.text or ""
        if element.tag in elements.INLINE:
            empty = not text and not len(element)
        else:
            empty = not text.strip() and all(e.tag == "br" and not (e.tail or "").strip() for e in element)
        if empty:
            element.drop_tree()


def _gather_paragraphs(root: HtmlElement) -> None:
    """Boxes that only group are dissolved; words that stand in them, or nowhere, become paragraphs."""
    holders = set()
    for block in root.iter(*BLOCKS):
        above = block.getparent()
        while above is not None and above not in holders:
            holders.add(above)
            above = above.getparent()
    for element in [root, *root.iterdescendants("div", "section")]:
        if element is not root:
            element.tag = "drop" if element in holders else "p"
        if element is root or element.tag == "drop":
            _wrap_loose(element, holders)
            _hand_down(element)


def _hand_down(box: HtmlElement) -> None:
    """The language and the direction of a box that goes are those of what stands in it."""
    for name in {"dir", "lang"} & set(box.attrib):
        for child in box:
            child.set(name, child.get(name, box.get(name)))


def _wrap_loose(box: HtmlElement, holders: set[HtmlElement]) -> None:
    """Each run of words and inline elements in a box becomes a paragraph."""
    run: HtmlElement | None = None
    for child in [None, *box]:
        text = box.text if child is None else child.tail
        if child is not None and (child.tag in BLOCKS or child in holders):
            run = None
        elif child is not None and run is not None:
            run.append(child)
            continue
        elif child is not None:
            run = lxml.html.Element("p")
            child.addprevious(run)
            run.append(child)
            continue
        if run is None and text and text.strip():
            run = lxml.html.Element("p")
            run.text = text
            if child is None:
                box.text = None
                box.insert(0, run)
            else:
                child.tail = None
                child.addnext(run)


def _make_readable(root: HtmlElement) -> None:
    """Replace text colours that cannot be read on what lies behind them, from the outside in."""
    waiting = [(root, colours.INK, colours.WHITE)]
    while waiting:
        element, text, behind = waiting.pop()
        style = _style(element)
        if element.tag == "mark":
            style.setdefault("background-color", colours.MARK)
        behind = style.get("background-color", behind)
        seen = colours.readable(style.get("color", text), behind)
        # Links and marks have colours of the browser's own, which no one compared with what lies behind them.
        if seen != text or "color" in style or element.tag in ("a", "mark"):
            style["color"] = seen
        for name in ("background-color", "color"):  # last, whatever their place was
            style |= {name: style.pop(name)} if name in style else {}
        if style:
            element.set("style", "; ".join(f"{name}: {value}" for name, value in style.items()))
        waiting += [(child, seen, behind) for child in element]


def _style(element: HtmlElement) -> dict[str, str]:
    """The declarations of an element; its colours as hexadecimal, without those that no contrast can be computed of."""
    parts = (part.partition(":") for part in element.attrib.pop("style", "").split(";"))
    style = {name.strip(): value.strip() for name, _, value in parts if value.strip()}
    for name in ("color", "background-color"):
        if name in style:
            known = colours.rgb(style.pop(name))
            style |= {name: colours.hexadecimal(known)} if known else {}
    return style


def parse(html: str) -> HtmlElement:
    """A <div> around a fragment that was cleaned here: each tag closed, each `<` in its words escaped.

    Read as XML with open void elements, so that the tree is the one a browser makes of it.
    """
    closed = _VOID.sub(r"<\1\2/>", html).replace("&nbsp;", "\u00a0")
    parser = lxml.html.XHTMLParser(
        encoding="utf-8", huge_tree=True, recover=True, remove_comments=True, remove_pis=True, resolve_entities=False
    )
    root: HtmlElement = lxml.html.fromstring(f"<div>{closed}</div>".encode(), parser=parser)
    return root


def serialize(root: HtmlElement) -> str:
    """What stands inside the <div> of `parse`, each tag closed."""
    for element in root.iter():
        if not len(element) and not element.text and element.tag not in _VOIDS:
            element.text = ""  # else lxml leaves the closing tags of empty items and cells out
    html: str = lxml.html.tostring(root, encoding="unicode", with_tail=False)
    return html[html.index(">") + 1 : html.rindex("</")].strip()


def text_of(html: str) -> str:
    """The words of a fragment, each block on a line of its own."""
    root = parse(html)
    for element in root.iter(*BLOCKS, "br"):
        element.text = "\n" + (element.text or "")
        element.tail = "\n" + (element.tail or "")
    lines = (line.strip() for line in root.text_content().split("\n"))
    return "\n".join(line for line in lines if line)


def line_of(element: HtmlElement) -> str:
    """The words of one element, on one line."""
    text = text_of(serialize(element)) if any(True for _ in element.iterdescendants(*BLOCKS, "br")) else None
    return " ".join((element.text_content() if text is None else text).split())

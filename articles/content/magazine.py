"""The magazine template: lays an article out by itself, with inline styles that survive any theme."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import lxml.html
from django.template.loader import render_to_string
from lxml.html import HtmlElement

from articles.content import colours, manuscripts, markup
from articles.models import Article, ImageFile

SANS = "'Helvetica Neue', Helvetica, Arial, sans-serif"
MONO = "Menlo, Consolas, monospace"
RULE, GREY, PAPER = "#d9d9de", "#5c5c66", "#f5f5f7"
LEAD_WORDS = range(12, 90)  # of a first paragraph that is set larger
_SIZE = re.compile(r"font-size: ([\d.]{1,5})em;? ?")
_BOXES = {"article", "section", "div", "main"}


def lay_out(article: Article, images: Sequence[ImageFile]) -> str:
    """The formatted page, a fragment whose pictures are named as the files beside it."""
    primary, accent = colours.readable(article.brand_primary), colours.readable(article.brand_accent)
    wash = colours.tint(article.brand_primary)
    root = markup.parse(article.html)
    _set_apart(root)
    styles = _styles(primary, accent, wash)
    for element in root.iter():
        if style := styles.get(str(element.tag)):
            element.set("style", style)
    for strong in root.iter("strong", "b"):
        if manuscripts.is_statistic(strong.text_content()):
            strong.set("style", f"color: {accent}")
    _keep_sizes(root)
    _lead(root)
    _close_up(root)
    _let_scroll(root)
    text = root.text_content()
    body = markup.serialize(root)
    page = render_to_string(
        "articles/magazine.html", {"body": body, "bar": article.brand_accent, "rtl": is_right_to_left(text)}
    )
    return markup.clean_page(place(page, images), {image.file_name for image in images})


def _styles(primary: str, accent: str, wash: str) -> dict[str, str]:
    heading = f"color: {primary}; font-family: {SANS}; font-weight: 700"
    cell = f"border-bottom: 1px solid {RULE}; padding: 9px 12px; text-align: start; vertical-align: top"
    listed = "margin: 0 0 1.2em; padding: 0 1.4em"
    return {
        "h2": f"{heading}; font-size: 1.5em; letter-spacing: -0.01em; line-height: 1.25; margin: 1.9em 0 0.6em",
        "h3": f"{heading}; font-size: 1.15em; line-height: 1.35; margin: 1.7em 0 0.4em",
        "h4": f"{heading}; font-size: 1em; line-height: 1.4; margin: 1.5em 0 0.3em",
        "h5": f"{heading}; font-size: 0.9em; line-height: 1.4; margin: 1.5em 0 0.3em",
        "h6": f"{heading}; font-size: 0.9em; line-height: 1.4; margin: 1.5em 0 0.3em",
        "p": "margin: 0 0 1.15em",
        "ul": listed,
        "ol": listed,
        "li": "margin: 0 0 0.45em; padding: 0 0 0 0.2em",
        "dl": "margin: 0 0 1.2em",
        "dt": "font-weight: 700; margin: 0.8em 0 0.1em",
        "dd": "margin: 0 0 0.6em; padding: 0 1.2em",
        "blockquote": (
            f"border-bottom: 1px solid {accent}; border-top: 1px solid {accent}; color: {primary}; font-size: 1.28em; "
            "font-style: italic; line-height: 1.45; margin: 1.7em 0; padding: 0.9em 0.6em; text-align: center"
        ),
        "aside": f"background-color: {wash}; border-top: 3px solid {accent}; margin: 2em 0; padding: 1.2em 1.4em",
        "a": f"color: {primary}; text-decoration: underline",
        "table": f"border-collapse: collapse; font-family: {SANS}; font-size: 0.82em; line-height: 1.5; width: 100%",
        "caption": f"color: {GREY}; padding: 0 0 0.6em; text-align: start",
        "th": f"{cell}; border-bottom: 2px solid {accent}; color: {primary}",
        "td": cell,
        "pre": (
            f"background-color: {PAPER}; border-radius: 4px; font-family: {MONO}; font-size: 0.78em; "
            "line-height: 1.55; margin: 1.5em 0; overflow-wrap: anywhere; padding: 1.1em 1.3em; white-space: pre-wrap"
        ),
        "code": f"font-family: {MONO}; font-size: 0.9em",
        "figure": "margin: 1.8em 0",
        "figcaption": f"color: {GREY}; font-family: {SANS}; font-size: 0.8em; line-height: 1.5; margin: 0.6em 0 0",
        "small": f"color: {GREY}",
        "hr": f"border: 0; border-top: 2px solid {accent}; margin: 2.6em auto; width: 72px",
    }


def _set_apart(root: HtmlElement) -> None:
    """A summary or a case study, from its heading to the next one, becomes a box; unless it is half the article."""
    size = len(root)
    for heading in list(root.iterchildren("h2", "h3")):
        if not manuscripts.kind_of_heading(markup.line_of(heading)):
            continue
        section = [heading]
        for following in heading.itersiblings():
            if following.tag in markup.HEADINGS and str(following.tag) <= str(heading.tag):
                break
            section.append(following)
        if 1 < len(section) <= max(size // 3, 2):
            box = lxml.html.Element("aside")
            heading.addprevious(box)
            box.extend(section)
            heading.tag = "h3"


def _keep_sizes(root: HtmlElement) -> None:
    """Sizes do not multiply: what stands in smaller or larger type is not set smaller or larger once more."""
    waiting = [(root, 1.0)]
    while waiting:
        element, size = waiting.pop()
        if found := _SIZE.search(element.get("style", "")):
            own = float(found[1])
            if (own - 1) * (size - 1) > 0:
                element.set("style", _SIZE.sub("", element.get("style", "")))
            else:
                size *= own
        waiting += [(child, size) for child in element]


def _lead(root: HtmlElement) -> None:
    """The first paragraph a little larger, when the article opens with one of a lead's length."""
    first = next(iter(root), None)
    if first is not None and first.tag == "p" and len(first.text_content().split()) in LEAD_WORDS and len(root) > 2:
        first.set("style", "font-size: 1.18em; line-height: 1.55; margin: 0 0 1.3em")


def _close_up(root: HtmlElement) -> None:
    """No space below the last line of a box, nor above the first of an aside."""
    for box in root.iter("blockquote", "aside", "li", "dd", "td", "th", "figcaption"):
        if len(box) and box[-1].tag == "p" and not (box[-1].tail or "").strip():
            box[-1].set("style", "margin: 0")
        if box.tag == "aside" and len(box) and box[0].tag in markup.HEADINGS and not (box.text or "").strip():
            box[0].set("style", f"{box[0].get('style')}; margin: 0 0 0.5em")
    for code in root.iter("code"):
        if code.getparent().tag == "pre":
            code.set("style", f"font-family: {MONO}")


def _let_scroll(root: HtmlElement) -> None:
    """A table wider than a phone scrolls by itself and leaves the page as it is."""
    for table in list(root.iter("table")):
        if next(table.iterancestors("table"), None) is None:
            box = lxml.html.Element("div", style="margin: 1.7em 0; overflow: auto")
            box.tail, table.tail = table.tail, None
            table.addprevious(box)
            box.append(table)


def is_right_to_left(text: str) -> bool:
    """Whether most of the first letters are Arabic, Hebrew or of another script written that way."""
    ways = [unicodedata.bidirectional(letter) for letter in text[:2000]]
    right = sum(way in ("R", "AL") for way in ways)
    return right > ways.count("L")


def place(html: str, images: Sequence[ImageFile]) -> str:
    """The page with every picture in it once: those that it lacks go to the top and between sections, evenly spread."""
    root = markup.parse(html)
    names = {image.file_name for image in images}
    present: set[str] = set()
    for picture in list(root.iter("img")):
        name = picture.get("src", "")
        if name in present and name in names:
            picture.drop_tree()
        present.add(name)
    missing = [image for image in images if image.file_name not in present]
    inner = _inner(root)
    missing = [image for image in missing if not _below_its_heading(inner, image)]
    sections = [image for image in missing if image.role != "hero"]
    slots = _slots(inner, [image.alt_text for image in sections])
    for image, slot in zip(sections, slots, strict=True):
        if slot is None:
            inner.append(_figure(image))
        else:
            slot.addprevious(_figure(image))
    for image in missing:
        if image.role == "hero":
            inner.insert(0, _figure(image))
    return markup.serialize(root)


def _below_its_heading(inner: HtmlElement, image: ImageFile) -> bool:
    """A picture that came with a section goes below the heading of it, behind those that are there already."""
    headings = list(inner.iter("h2"))
    if image.section is None or image.section > len(headings):
        return False
    place = headings[image.section - 1]
    while (following := place.getnext()) is not None and following.tag == "figure":
        place = following
    place.addnext(_figure(image))
    return True


def _inner(root: HtmlElement) -> HtmlElement:
    """The innermost box around the whole page."""
    while len(root) == 1 and root[0].tag in _BOXES and len(root[0]):
        root = root[0]
    return root


def _slots(inner: HtmlElement, subjects: list[str]) -> list[HtmlElement | None]:
    """Before which element each picture goes: its own heading, else headings or paragraphs, evenly; None is the end.

    Words come first: nothing goes before the first paragraph, or between a heading and what it announces.
    """
    first = next((text for text in inner.iter("p", "ul", "ol", "table") if text.text_content().strip()), None)
    blocks = list(inner.iter(*markup.BLOCKS))
    later = blocks[blocks.index(first) + 1 :] if first is not None else []
    free = [element for element in later if element.getparent().tag in _BOXES]
    headings = [element for element in free if element.tag == "h2"]
    named = {markup.line_of(heading): heading for heading in reversed(headings)}
    own = {subject: named.pop(subject) for subject in subjects if subject in named}
    wanted = len(subjects) - len(own)
    left = list(reversed(named.values()))
    if len(left) < wanted:
        left = [element for element in free if _may_follow(element.getprevious()) and element not in own.values()]
    spread = [left[n * len(left) // wanted] for n in range(wanted)] if len(left) >= wanted else left
    others = iter([*spread, *[None] * wanted])
    return [own.pop(subject) if subject in own else next(others) for subject in subjects]


def _may_follow(previous: HtmlElement | None) -> bool:
    return previous is not None and previous.tag not in (*markup.HEADINGS, "figure", "img")


def _figure(image: ImageFile) -> HtmlElement:
    figure = lxml.html.Element("figure", style="margin: 0 0 1.8em" if image.role == "hero" else "margin: 2.2em 0")
    picture = lxml.html.Element(
        "img",
        src=image.file_name,
        alt=markup.usable(image.alt_text),
        style="border-radius: 3px; display: block; height: auto; width: 100%",
        width=str(image.width),
        height=str(image.height),
    )
    figure.append(picture)
    return figure

"""The magazine template: lays an article out by itself, with inline styles that survive any theme."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import lxml.html
from django.template.loader import render_to_string
from lxml.html import HtmlElement

from articles.content import designs, manuscripts, markup, passages, placing
from articles.content.designs import Opening, Sheet
from articles.models import Article, ImageFile

LEAD_WORDS = range(12, 90)  # of a first paragraph that is set larger
PULL_WORDS = 60  # of a quote that is pulled out; a longer one is read as a quote
FIGURE_WORDS = 16  # of a paragraph that is one figure and what it means
RUN_IN_LETTERS = 24  # at the beginning of a text, to the end of a word
_SIZE = re.compile(r"font-size: ([\d.]{1,5})em;? ?")
_WITH_CAPITALS = re.compile(r"[^\W\d_]", re.UNICODE)


def lay_out(article: Article, images: Sequence[ImageFile]) -> str:
    """The formatted page, a fragment whose pictures are named as the files beside it."""
    root = passages.prepared(article.html)
    sheet = _sheet(article, root)
    _name_quotes(root)
    _name_boxes(root)
    _name_figures(root)
    _open(root, sheet.opening)
    root = markup.parse(placing.place(markup.serialize(root), images))
    return _finished(root, article, images, sheet)


def dress(page: str, article: Article, images: Sequence[ImageFile]) -> str:
    """A page that was laid out elsewhere, in the article's design: what has a style of its own keeps it.

    Its passages bear their roles as classes (`markup.clean_page` has kept those).
    """
    root = markup.parse(placing.place(page, images))
    inner = placing.inner_of(root)
    box = next((each for each in [inner, *inner.iterancestors()] if each.get("style")), None)
    if box is None:
        root = inner  # its boxes only group
    return _finished(root, article, images, _sheet(article, root))


def _sheet(article: Article, root: HtmlElement) -> Sheet:
    return designs.sheet_of(article, is_right_to_left(root.text_content()))


def _finished(root: HtmlElement, article: Article, images: Sequence[ImageFile], sheet: Sheet) -> str:
    sign(placing.inner_of(root), article.byline)
    _let_scroll(root)
    _draw(root, sheet, {image.file_name for image in images if image.is_hero})
    words = {"body": markup.serialize(root), "style": sheet.page, "rtl": is_right_to_left(root.text_content())}
    page = render_to_string("articles/magazine.html", words)
    return markup.clean_page(page, {image.file_name for image in images})


# What the passages are: their classes are theirs until the page is drawn


def _name(element: HtmlElement, role: str) -> None:
    element.set("class", role)


def _name_quotes(root: HtmlElement) -> None:
    for quote in root.iter("blockquote"):
        blocks = list(quote.iterdescendants(*markup.BLOCKS))
        last = quote[-1] if len(quote) else None
        if last is not None and not (last.tail or "").strip() and passages.is_credit(last):
            _name(last, "cite")
            blocks = [child for child in blocks if child is not last]
        is_one = len(blocks) <= 1 and all(child.tag in ("p", "footer") for child in blocks)
        is_short = len(quote.text_content().split()) <= PULL_WORDS and len(quote.text_content()) <= PULL_WORDS * 8
        is_outer = next(quote.iterancestors("blockquote", "aside", "li", "td", "th"), None) is None
        _name(quote, "pull" if is_one and is_short and is_outer else "quote")
        if last is not None and (quote.get("class"), last.get("class")) == ("pull", "cite"):
            _name(last, "credit")
        for said in quote.iterchildren("p"):
            if quote.get("class") == "pull" and not said.get("class"):
                _name(said, "said")


def _name_boxes(root: HtmlElement) -> None:
    """The heading of a box is its kicker; a short summary that opens the article stands above it."""
    for box in root.iter("aside"):
        if len(box) and box[0].tag in markup.HEADINGS and not (box.text or "").strip():
            _name(box[0], "kicker")
    first = next(iter(root), None)
    if first is None or first.get("class") != "executive_summary" or (root.text or "").strip():
        return
    is_short = len(first.text_content().split()) <= passages.STANDFIRST_WORDS
    if is_short and all(child.tag in ("h3", "p") for child in first):
        _name(first, placing.STANDFIRST)
        for paragraph in first.iterchildren("p"):
            _name(paragraph, "deck")


def _name_figures(root: HtmlElement) -> None:
    """Figures that a reader remembers: in the accent; large where a paragraph is one of them and what it means."""
    for strong in root.iter("strong", "b"):
        if not manuscripts.is_statistic(strong.text_content()):
            continue
        _name(strong, "statistic")
        above = strong.getparent()
        opens = above.tag == "p" and above[0] is strong and not (above.text or "").strip()
        short = len(strong.text_content()) <= 16 and len(above.text_content().split()) <= FIGURE_WORDS
        if opens and short and above.getparent() is root and (strong.tail or "").strip(" .:"):
            _name(strong, "figure")
            _name(above, "figures")


def _open(root: HtmlElement, opening: Opening) -> None:
    """The first paragraph is the lead, where it has a lead's length, and begins as the design wants it."""
    standfirst = len(root) > 0 and root[0].get("class") == placing.STANDFIRST
    first = root[1] if standfirst and len(root) > 1 else next(iter(root), None)
    words = len(first.text_content().split()) if first is not None and first.tag == "p" else 0
    if first is None or first.get("class") or words < LEAD_WORDS.start or len(root) < 3:
        return
    if words in LEAD_WORDS and not standfirst:
        _name(first, "lead")
    if opening is Opening.DROP_CAP:
        _begin(first, "drop_cap", 1)
    elif opening is Opening.RUN_IN:
        _begin(first, "run_in", RUN_IN_LETTERS)


def _begin(paragraph: HtmlElement, role: str, letters: int) -> None:
    """The first letters of a paragraph, to the end of a word, in an element of their own; where there are capitals."""
    text = (paragraph.text or "").lstrip()
    if len(text) < 2 * RUN_IN_LETTERS or not text[0].isalpha() or text[0].upper() == text[0].lower():
        return
    end = 1 if letters == 1 else text.find(" ", letters)
    if not 0 < end <= 2 * RUN_IN_LETTERS or not _WITH_CAPITALS.match(text) or text[1:2] in "'’":
        return
    span = lxml.html.Element("span", {"class": role})
    span.text, span.tail = text[:end], text[end:]
    paragraph.text = None
    paragraph.insert(0, span)


def _let_scroll(root: HtmlElement) -> None:
    """A table wider than a phone scrolls by itself and leaves the page as it is."""
    for table in list(root.iter("table")):
        if next(table.iterancestors("table"), None) is None:
            box = lxml.html.Element("div", {"class": "scroll"})
            box.tail, table.tail = table.tail, None
            table.addprevious(box)
            box.append(table)


def sign(root: HtmlElement, byline: str) -> None:
    """Who wrote it, and when, above the first words: where somebody wants that said."""
    if byline:
        line = lxml.html.Element("p", {"class": "byline"})
        line.text = markup.usable(byline)
        root.insert(int(len(root) > 0 and root[0].get("class") == placing.STANDFIRST), line)


# How they are drawn


def _draw(root: HtmlElement, sheet: Sheet, heroes: set[str]) -> None:
    styles = sheet.styles
    for element in root.iterdescendants():
        role = element.attrib.pop("class", "")
        style = styles.get(f".{role}") or styles.get(str(element.tag))
        if style and "style" not in element.attrib:
            element.set("style", style)
        if role == "statistic":
            element.set("style", styles[".statistic"])
    _keep_sizes(root)
    _close_up(root)
    for element in root:
        if not _is_wide(element, heroes):
            measured = f"box-sizing: border-box; max-width: {sheet.measure}; margin-left: auto; margin-right: auto"
            style = element.get("style", "")
            element.set("style", f"{style}; {measured}" if style else measured)


def _is_wide(element: HtmlElement, heroes: set[str]) -> bool:
    """The hero goes beyond the column, where there is room."""
    return element.tag == "figure" and next((img.get("src", "") for img in element.iter("img")), "") in heroes


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


def _close_up(root: HtmlElement) -> None:
    """No space below the last line of a box; code within a block of it is as large as the block says."""
    for box in root.iter("blockquote", "aside", "li", "dd", "td", "th", "figcaption"):
        if len(box) and not (box[-1].tail or "").strip() and box[-1].tag in ("p", "ul", "ol", "dl"):
            box[-1].set("style", f"{box[-1].get('style', '')}; margin-bottom: 0".removeprefix("; "))
    for code in root.iter("code"):
        if code.getparent().tag == "pre":
            code.set("style", f"font-family: {designs.MONO}")


def is_right_to_left(text: str) -> bool:
    """Whether most of the first letters are Arabic, Hebrew or of another script written that way."""
    ways = [unicodedata.bidirectional(letter) for letter in text[:2000]]
    right = sum(way in ("R", "AL") for way in ways)
    return right > ways.count("L")

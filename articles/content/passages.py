"""The passages of an article: what stands apart in a box, and paragraphs that are too long to be read."""

from __future__ import annotations

import re

import lxml.html
from lxml.html import HtmlElement

from articles.content import manuscripts, markup

BOXED_SHARE = 3  # what is set apart is at most one part of so many
STANDFIRST_WORDS = 90  # of a summary that stands above the hero, at most
WALL = 1600  # letters of a paragraph that is broken up
LEAST_PART = 600  # letters of what it is broken into
_CREDIT = re.compile(r"\s*[—–―]\s*\S")  # — Ada Byron
_SENTENCE_ENDS = re.compile(
    r"(?<=[.!?…؟۔।])[\"'”’»)\]]{0,2}\s{1,9}(?=[\"'“‘«¿¡(\[]{0,2}[^\W_a-zß-öø-ÿа-яё])"
    r"|(?<=[。！？])(?![」』）])"
)


def prepared(html: str) -> HtmlElement:
    """An article as its page has it: each word in its order, boxes by the class of their kind."""
    root = markup.parse(html)
    _break_walls(root)
    _set_apart(root)
    return root


def _set_apart(root: HtmlElement) -> None:
    """A summary or a case study, from its heading to the next one, becomes a box; unless it is half the article."""
    size = len(root)
    for heading in list(root.iterchildren("h2", "h3")):
        kind = manuscripts.kind_of_heading(markup.line_of(heading))
        if not kind:
            continue
        section = [heading]
        for following in heading.itersiblings():
            if following.tag in markup.HEADINGS and str(following.tag) <= str(heading.tag):
                break
            section.append(following)
        if heading.getprevious() is None and len(section) > 2 and _words(section) > STANDFIRST_WORDS:
            section = section[:2]  # what opens the article goes over into its text
        if 1 < len(section) <= max(size // BOXED_SHARE, 2):
            box = lxml.html.Element("aside", {"class": kind})
            heading.addprevious(box)
            box.extend(section)
            heading.tag = "h3"


def _words(section: list[HtmlElement]) -> int:
    return sum(len(element.text_content().split()) for element in section)


def _break_walls(root: HtmlElement) -> None:
    """A paragraph longer than a screen becomes several, between its sentences."""
    for paragraph in list(root.iter("p")):
        if len(paragraph.text_content()) > WALL:
            _break(paragraph)


def _break(paragraph: HtmlElement) -> None:
    """The first part stays in the element; what follows goes into new ones behind it, as long as they are walls."""
    wall: HtmlElement | None = paragraph
    while wall is not None and len(wall.text_content()) > WALL:
        wall = _rest_of(wall)


def _rest_of(paragraph: HtmlElement) -> HtmlElement | None:
    """What stands behind the first sentence that ends after LEAST_PART letters; None where it cannot be broken."""
    length, whole = 0, len(paragraph.text_content())
    for index, holder in enumerate([None, *paragraph]):
        if holder is not None:
            length += len(holder.text_content())
        text = (paragraph.text if holder is None else holder.tail) or ""
        for end in _SENTENCE_ENDS.finditer(text):
            if length + end.start() >= LEAST_PART and whole - length - end.end() >= LEAST_PART:
                return _parted(paragraph, holder, index, end)
        length += len(text)
    return None


def _parted(paragraph: HtmlElement, holder: HtmlElement | None, index: int, end: re.Match[str]) -> HtmlElement:
    rest = lxml.html.Element("p", {name: paragraph.get(name, "") for name in ("dir", "lang") if paragraph.get(name)})
    before, after = end.string[: end.start()], end.string[end.end() :]
    closing = end[0].rstrip()
    rest.extend(list(paragraph)[index:])
    rest.text = after
    if holder is None:
        paragraph.text = before + closing
    else:
        holder.tail = before + closing
    rest.tail, paragraph.tail = paragraph.tail, None
    paragraph.addnext(rest)
    return rest


def is_credit(last: HtmlElement) -> bool:
    """Whether the last element of a quote says who is quoted."""
    if last.tag in ("cite", "footer"):
        return True
    is_cited = [child.tag for child in last] == ["cite"] and not _loose(last)
    return last.tag == "p" and (
        is_cited or (last.getprevious() is not None and bool(_CREDIT.match(last.text_content()[:40])))
    )


def _loose(element: HtmlElement) -> bool:
    """Whether words stand in it beside its one child."""
    return bool((element.text or "").strip() or (element[0].tail or "").strip())

"""Where the pictures of an article stand: as many as its text bears, and never two below each other.

A place is an element that a picture goes before. Words come first: nothing goes before the first paragraph, between a
heading and what it announces, or between a line that ends in a colon and its list.
"""

from __future__ import annotations

from collections.abc import Sequence

import lxml.html
from lxml import etree
from lxml.html import HtmlElement

from articles.content import markup, own_pictures, passages, word_counts
from articles.content.own_pictures import BOXES, OwnPicture
from articles.models import ImageFile

WORDS_A_PICTURE = 250  # of a text without headings
STANDFIRST = "standfirst"  # the class of a box above the hero
_SHOWN = ("figure", "img")
_PICTURE = "border-radius: 3px; display: block; height: auto; width: 100%"
_STRIP = "display: flex; flex-wrap: wrap; gap: 14px; margin: 2.4em auto"


def places_of(html: str, most: int, own: Sequence[OwnPicture] = ()) -> list[HtmlElement]:
    """Where pictures go beside the hero: one for 250 words or a heading, so many at most, as there is room.

    The writer's own stand there already, and each is one less to be made.
    """
    root = passages.prepared(html)
    headings = sum(element.tag == "h2" for element, _ in _gaps(root))
    wanted = min(most, max(headings, word_counts.word_count(html) // WORDS_A_PICTURE))
    within = [picture for picture in own if not picture.opens]
    own_pictures.put_back(root, [(picture.after, _empty_figure()) for picture in within])
    return spread(root, max(wanted - len(within), 0))


def _empty_figure() -> HtmlElement:
    shown = lxml.html.Element("figure")
    shown.append(lxml.html.Element("img"))
    return shown


def spread(inner: HtmlElement, wanted: int) -> list[HtmlElement]:
    """Places for so many pictures, evenly by the letters between them: headings where there are enough of them."""
    gaps = _gaps(inner)
    headings = [gap for gap in gaps if gap[0].tag == "h2"]
    free = headings if len(headings) >= wanted else gaps
    wanted = min(wanted, len(free))
    length = len(inner.text_content())
    chosen: list[HtmlElement] = []
    first = 0
    for number in range(1, wanted + 1):
        target = length * number / (wanted + 1)
        last = len(free) - (wanted - number)
        index = min(range(first, last), key=lambda at: abs(free[at][1] - target))
        chosen.append(free[index][0])
        first = index + 1
    return chosen


def _gaps(inner: HtmlElement) -> list[tuple[HtmlElement, int]]:
    """All places, each with the letters that stand before it."""
    found: list[tuple[HtmlElement, int]] = []
    begun, length, last = False, 0, -1
    for event, element in etree.iterwalk(inner, events=("start", "end")):
        if event == "end":
            length += len((element.tail or "").strip()) if element is not inner else 0
            continue
        if begun and length > last and _may_be_opened(element):
            found.append((element, length))
            last = length
        said = len((element.text or "").strip())
        begun = begun or (said > 0 and _is_text(element, inner))
        length += said
    return found


def _is_text(element: HtmlElement, inner: HtmlElement) -> bool:
    """Whether its words are of a text, not of a heading."""
    while element is not inner and element.tag not in markup.HEADINGS:
        element = element.getparent()
    return element is inner


def _may_be_opened(element: HtmlElement) -> bool:
    above, previous = element.getparent(), element.getprevious()
    if above is None or previous is None or element.tag not in markup.BLOCKS or element.tag in (*_SHOWN, "figcaption"):
        return False
    if above.tag not in BOXES or "display" in above.get("style", "") or (previous.tail or "").strip():
        return False
    announces = previous.tag in markup.HEADINGS or previous.text_content().rstrip().endswith((":", "："))
    following = element.getnext() if element.tag in markup.HEADINGS else None
    return not announces and not _shows(previous) and not (following is not None and _shows(following))


def _shows(element: HtmlElement) -> bool:
    return element.tag in _SHOWN or next(element.iter("img"), None) is not None


# On a page


def place(html: str, images: Sequence[ImageFile]) -> str:
    """The page with every picture in it once: those that it lacks go to the top, to their sections, and between."""
    root = markup.parse(html)
    missing = _missing(root, images)
    inner = inner_of(root)
    missing = _where_the_writer_had_them(inner, missing)
    for section in dict.fromkeys(image.section for image in missing if image.section is not None):
        missing = _in_section(inner, section, missing)
    heroes = [image for image in missing if image.is_hero]
    others = _before_their_headings(inner, [image for image in missing if not image.is_hero])
    places = spread(inner, len(others))
    for image, spot in zip(others, places, strict=False):
        spot.addprevious(figure(image))
    for image in heroes:
        _open(inner, image)
    _close(inner, others[len(places) :])
    return markup.serialize(root)


def shown_anew(page: str, images: Sequence[ImageFile]) -> str:
    """A page with its pictures as they are now: their sizes, their alternative texts, and the captions that say those.

    Nothing else of it changes.
    """
    root, present = markup.parse(page), {image.file_name: image for image in images}
    for picture in root.iter("img"):
        image = present.get(picture.get("src", ""))
        if image is None:
            continue
        before, alt_text = picture.get("alt", ""), markup.usable(image.alt_text)
        box = picture.getparent()
        for caption in box.iter("figcaption") if box is not None and box.tag == "figure" else ():
            if alt_text and before and not len(caption) and (caption.text or "").strip() == before:
                caption.text = alt_text
        picture.set("alt", alt_text)
        for name, pixels in (("width", image.width), ("height", image.height)):
            if picture.get(name) and pixels:
                picture.set(name, str(pixels))
    return markup.serialize(root)


def _missing(root: HtmlElement, images: Sequence[ImageFile]) -> list[ImageFile]:
    """The pictures that a page lacks; one that it has twice goes where it stands again."""
    names = {image.file_name for image in images}
    present: set[str] = set()
    for picture in list(root.iter("img")):
        name = picture.get("src", "")
        if name in present and name in names:
            picture.drop_tree()
        present.add(name)
    return [image for image in images if image.file_name not in present]


def _where_the_writer_had_them(inner: HtmlElement, images: list[ImageFile]) -> list[ImageFile]:
    """Returns those that are made, and those whose words stand on the page no more."""
    own = {image.file_name: image for image in images if image.own and image.after}
    figures = [(image.after, figure(image)) for image in own.values()]
    left = {shown[0].get("src") for shown in own_pictures.put_back(inner, figures)}
    return [image for image in images if image.file_name not in own or image.file_name in left]


def inner_of(root: HtmlElement) -> HtmlElement:
    """The innermost box around the whole page."""
    while len(root) == 1 and root[0].tag in BOXES and len(root[0]):
        root = root[0]
    return root


def _in_section(inner: HtmlElement, section: int, images: list[ImageFile]) -> list[ImageFile]:
    """The pictures of a section: the first below its heading, the others between what it says. Returns the rest."""
    headings = list(inner.iter("h2"))
    if section > len(headings):
        return images
    heading = headings[section - 1]
    own = [image for image in images if image.section == section]
    within = [following for following in heading.itersiblings() if _is_before(following, headings[section:])]
    free = [element for element in within[1:] if _may_be_opened(element)]
    step = max(len(own) - 1, 1)
    spots = [free[n * len(free) // step] for n in range(step)] if len(free) >= step else []
    first, later = (own[:1], own[1:]) if spots else (own, [])
    for image, spot in zip(later, spots, strict=False):
        spot.addprevious(figure(image))
    following = heading.getnext()
    if following is not None and _shows(following) and following.tag == "figure":
        following.addnext(_shown(first))
    else:
        heading.addnext(_shown(first))
    return [image for image in images if image.section != section]


def _is_before(element: HtmlElement, headings: list[HtmlElement]) -> bool:
    """Whether it is of the section that ends where the first of these headings stands."""
    if not headings:
        return True
    return element is not headings[0] and headings[0] not in element.itersiblings(preceding=True)


def _before_their_headings(inner: HtmlElement, images: list[ImageFile]) -> list[ImageFile]:
    """Pictures that are called as a heading go before it. Returns the rest."""
    named = {markup.line_of(gap): gap for gap, _ in reversed(_gaps(inner)) if gap.tag == "h2"}
    rest = []
    for image in images:
        heading = named.pop(image.alt_text, None)
        if heading is None:
            rest.append(image)
        else:
            heading.addprevious(figure(image))
    return rest


def _open(inner: HtmlElement, hero: ImageFile) -> None:
    """On top, or below the box that stands above it."""
    above = inner[0] if len(inner) and STANDFIRST in inner[0].get("class", "").split() else None
    shown = figure(hero, "0 0 2em")
    if above is None:
        inner.insert(0, shown)
    else:
        above.addnext(shown)


def _close(inner: HtmlElement, images: Sequence[ImageFile]) -> None:
    """What found no place stands at the end, side by side."""
    if images:
        inner.append(_shown(images))


def _shown(images: Sequence[ImageFile]) -> HtmlElement:
    """One picture, or several side by side."""
    if len(images) == 1:
        return figure(images[0])
    strip = lxml.html.Element("div", style=_STRIP)
    for image in images:
        shown = figure(image, "0")
        shown.set("style", f"{shown.get('style')}; flex: 1 1 200px")
        strip.append(shown)
    return strip


def figure(image: ImageFile, margin: str = "2.4em 0") -> HtmlElement:
    """A picture as it stands on a page."""
    shown = lxml.html.Element("figure", style=f"margin: {margin}")
    picture = lxml.html.Element(
        "img",
        src=image.file_name,
        alt=markup.usable(image.alt_text),
        style=_PICTURE,
        width=str(image.width),
        height=str(image.height),
    )
    shown.append(picture)
    return shown

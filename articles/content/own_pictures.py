"""The pictures that a writer has put into a text.

In the text stands what a picture is called, `picture:` and the SHA-256 of the file as it came; the picture itself is
kept elsewhere (`articles.tree.kept_pictures`). Of one that cannot be used stands there why: `picture:unusable-small`. A
page shows a picture where the writer has put it: behind the words that stand before it, or in the figure whose caption
it has.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import lxml.html
from lxml.html import HtmlElement

from articles.content import elements, markup

MOST = 20  # of one text; the words of the others stay
MOST_TOLD = 5  # of those that cannot be used, in one place
LONGEST_AFTER = 200  # letters of what stands before a picture: of longer words the last
ROLE = "own_"  # begins the role of such a picture
BOXES = {"article", "section", "div", "main"}  # in which pictures stand
WHY_UNUSABLE = {
    "empty": "there is nothing in it",
    "large": "its file is larger than 20 MB",
    "many": f"a text can bring {MOST} pictures, and this was one more",
    "costly": "the pictures before it have used up what one text may ask of this machine",
    "kind": "it is not a JPEG, PNG, WebP, AVIF or GIF picture, or its beginning is damaged",
    "damaged": "it is damaged and cannot be decoded to the end",
    "pixels": "it has more pixels than can be decoded",
    "small": "it is smaller than 200 pixels",
    "passes": "it is built in far too many passes",
}
_UNUSABLE = re.compile(rf"{markup.OWN}:unusable-([a-z]{{1,20}})")
_REFERENCE = re.compile(rf"{markup.OWN}:([0-9a-f]{{64}})")
# One in the text itself, as Google, Word and many editors write it. Possessive: nothing is looked at twice.
_IN_THE_TEXT = re.compile(r"data:image/[a-z0-9.+-]{1,30}+;base64,([A-Za-z0-9+/=]++)", re.IGNORECASE)

Keep = Callable[[bytes], str]  # keeps a picture; what stands for it in the text; "" leaves it out


def leave_out(_content: bytes) -> str:
    """For texts of which only the words are wanted."""
    return ""


@dataclass(frozen=True)
class OwnPicture:
    """`name` is the SHA-256 of the file as it came, `after` the words behind which it stands: "" at the beginning."""

    name: str
    alt_text: str
    after: str
    opens: bool  # no word stands before it

    @property
    def role(self) -> str:
        """By what it is, so that the same picture is the same in a later text, too."""
        return f"{ROLE}{self.name[:12]}"


def reference(name: str) -> str:
    return f"{markup.OWN}:{name}"


def unusable(code: str) -> str:
    """What stands in a text in the place of a picture that cannot be used."""
    return f"{markup.OWN}:unusable-{code}"


def unusable_in(html: str) -> tuple[str, ...]:
    """A sentence for each picture of a cleaned text that could not be used, in their order."""
    if not are_in(html):
        return ()
    said = []
    for image in markup.parse(html).iter("img"):
        found = _UNUSABLE.fullmatch(image.get("src", ""))
        if found and found[1] in WHY_UNUSABLE:
            alt_text = " ".join(image.get("alt", "").split())[:100]
            called = f"The picture “{alt_text}”" if alt_text else "A picture"
            said.append(f"{called} cannot be used: {WHY_UNUSABLE[found[1]]}.")
    return tuple(said)


def name_in(address: str) -> str:
    """The name of the picture that an address in a text means; "" for any other address."""
    found = _REFERENCE.fullmatch(address)
    return found[1] if found else ""


def names_in(text: str) -> list[str]:
    """The names of all pictures that it may name, in any notation."""
    return _REFERENCE.findall(text)


def are_in(text: str) -> bool:
    """Whether a text may name one; a look at the letters alone."""
    return f"{markup.OWN}:" in text


def named(text: str, keep: Keep) -> str:
    """A text with the names of the pictures that stood in it as letters, or why they cannot be used."""
    return _IN_THE_TEXT.sub(lambda found: keep(_decoded(found[1])), text)


def _decoded(letters: str) -> bytes:
    try:
        return base64.b64decode(letters)
    except binascii.Error:
        return b""


# In the HTML of a text


def stand_alone(html: str) -> str:
    """Each picture in a figure of its own between the blocks of a cleaned text, with the caption that stands below it.

    One that stands in a paragraph goes behind it, or before it where no word of it comes before the picture.
    """
    if not are_in(html):
        return html
    root = markup.parse(html)
    seen, behind = set[str](), dict[HtmlElement, HtmlElement]()
    for image in list(root.iter("img")):
        name = name_in(image.get("src", ""))
        if not name or name in seen or len(seen) == MOST:
            _leave_words(root, image)
        else:
            seen.add(name)
            _set_apart(root, image, behind)
    return markup.serialize(root)


def _leave_words(root: HtmlElement, image: HtmlElement) -> None:
    top = _block_of(root, image)
    image.tag, image.text = "span", image.get("alt", "")
    image.drop_tag()
    if top is not image and _is_empty(top):
        top.drop_tree()


def _set_apart(root: HtmlElement, image: HtmlElement, behind: dict[HtmlElement, HtmlElement]) -> None:
    top, box = _block_of(root, image), image.getparent()
    if box is top and box.tag == "figure" and len(list(box.iter("img"))) == 1:
        return
    figure = lxml.html.Element("figure")
    alone = lxml.html.Element("img", src=image.get("src", ""), alt=image.get("alt", ""))
    figure.append(alone)
    comes_first = not _says_before(top, image)
    image.drop_tree()
    if comes_first:
        top.addprevious(figure)
    else:
        behind.get(top, top).addnext(figure)
        behind[top] = figure
    following = figure.getnext() if not comes_first else top
    if _is_empty(top):
        following = top.getnext() if following is top else following
        top.drop_tree()
    if following is not None and following.tag == "figcaption":
        figure.append(following)


def _block_of(root: HtmlElement, element: HtmlElement) -> HtmlElement:
    while element.getparent() is not root:
        element = element.getparent()
    return element


def _says_before(top: HtmlElement, image: HtmlElement) -> bool:
    """Whether words stand before the picture in its block."""
    for element in top.iter():
        if element is image:
            return False
        if (element.text or "").strip():
            return True
        closed = element.getprevious()
        if element is not top and closed is not None and (closed.tail or "").strip():
            return True
    return False


def _is_empty(block: HtmlElement) -> bool:
    return not block.text_content().strip() and next(block.iter("img", "hr"), None) is None


def taken_out(html: str) -> tuple[str, tuple[OwnPicture, ...]]:
    """A text of `stand_alone` without its pictures, and where each stood. Captions stay: they are words of the text."""
    if not are_in(html):
        return html, ()
    root = markup.parse(html)
    found = []
    for image in list(root.iter("img")):
        figure = image.getparent()
        caption = next(figure.iter("figcaption"), None)
        said = markup.line_of(caption) if caption is not None else ""
        above = next(filter(None, map(markup.line_of, figure.itersiblings(preceding=True))), "")
        alt_text = " ".join(image.get("alt", "").split()) or said
        after = (said or above)[-LONGEST_AFTER:]
        found.append(OwnPicture(name_in(image.get("src", "")), alt_text[:300], after, not above))
        if said:
            image.drop_tree()
        else:
            figure.drop_tree()
    return markup.serialize(root), tuple(found)


# On a page


def put_back(inner: HtmlElement, places: list[tuple[str, HtmlElement]]) -> list[HtmlElement]:
    """Put figures behind the words that are said with each, in the order of the text. Returns those without a place.

    Where the words are the caption of a figure that shows nothing, the picture goes into that.
    """
    blocks = [(block, _letters(block.text_content())) for block in inner.iterdescendants(*elements.BLOCKS)]
    begin, rest = 0, []
    placed: dict[HtmlElement, HtmlElement] = {}
    for after, figure in places:
        at = next((n for n in _in_turn(begin, len(blocks)) if _ends(blocks[n][1], after)), None)
        if at is None:
            rest.append(figure)
            continue
        begin, block = at, blocks[at][0]
        if block.tag == "figure" and next(block.iter("img"), None) is None:
            block.insert(0, figure[0])
            block.set("style", figure.get("style", ""))
            continue
        while block.getparent() is not inner and block.getparent().tag not in BOXES:
            block = block.getparent()
        placed.get(block, block).addnext(figure)
        placed[block] = figure
    return rest


def illustrated(html: str, figures: list[tuple[OwnPicture, HtmlElement]]) -> str:
    """A text with all its pictures: what opens it on top, what has no place at its end."""
    root = markup.parse(html)
    left = put_back(root, [(picture.after, figure) for picture, figure in figures])
    for picture, figure in reversed(figures):
        if figure in left and picture.opens:
            root.insert(0, figure)
        elif figure in left:
            root.append(figure)
    return markup.serialize(root)


def _in_turn(begin: int, length: int) -> Iterator[int]:
    """From a place on, then from the first."""
    yield from range(begin, length)
    yield from range(begin)


def _letters(text: str) -> str:
    return "".join(text.split())


def _ends(block: str, after: str) -> bool:
    """Whether a block says these words; of those that were shortened, whether it ends with them."""
    words = _letters(after)
    return bool(words) and (block.endswith(words) if len(after) == LONGEST_AFTER else block == words)

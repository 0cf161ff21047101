"""What a site asks for, and how each kind of block is drawn for it, in an article's design.

A theme's ground is not known here. So in its typography text keeps the theme's ink, but for headings, in a shade of the
brand's that large letters can be read in on light and on dark; all other accents are lines, and boxes with a ground of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from articles.content import colours
from publishing.blocks.styles import Json, edge, ground, typography

SERIF, SANS, MONO = "Georgia, serif", "Helvetica, Arial, sans-serif", "Menlo, Consolas, monospace"
PAPER = "#f5f5f7"
MEASURE = "740px"
_PADDING = {"top": "1.2em", "right": "1.4em", "bottom": "1.2em", "left": "1.4em"}


class Typography(StrEnum):
    THEME = "theme"
    MAGAZINE = "magazine"


class Hero(StrEnum):
    """Where readers see the hero: the theme shows the featured picture by itself."""

    FEATURED = "featured"
    TEXT = "text"
    BOTH = "both"


@dataclass(frozen=True)
class _Letters:
    """The letters of a design: its text, its headings by their levels, and its pulled quotes."""

    text: str
    line: str
    heading: str
    weight: str
    sizes: tuple[str, str, str, str, str]  # of h2 to h6
    pull: dict[str, str]
    centred: tuple[int, ...] = ()  # levels of headings


_LETTERS = {
    "classic": _Letters(
        text=SERIF,
        line="1.66",
        heading=SERIF,
        weight="700",
        sizes=("1.6em", "1.22em", "1em", "0.9em", "0.9em"),
        pull={"fontSize": "1.42em", "fontStyle": "italic", "lineHeight": "1.36"},
    ),
    "modern": _Letters(
        text=SANS,
        line="1.64",
        heading=SANS,
        weight="800",
        sizes=("1.72em", "1.24em", "1em", "0.9em", "0.9em"),
        pull={"fontSize": "1.56em", "fontWeight": "700", "lineHeight": "1.24"},
    ),
    "essay": _Letters(
        text=SERIF,
        line="1.74",
        heading=SERIF,
        weight="400",
        sizes=("1.66em", "1.24em", "1.04em", "0.94em", "0.94em"),
        pull={"fontSize": "1.56em", "fontStyle": "italic", "lineHeight": "1.34"},
        centred=(2, 3),
    ),
}


@dataclass(frozen=True)
class Picture:
    """A picture in the library of a site. `alt` and `caption` count where the page has none of its own."""

    media_id: int
    address: str
    alt: str = ""
    caption: str = ""
    is_hero: bool = False


@dataclass(frozen=True)
class Look:
    """How a site wants its articles. `primary` and `accent` are the brand's colours, in CSS; `design` is the article's.

    Each method answers with the attribute `style` of a kind of block.
    """

    typography: Typography
    hero: Hero
    primary: str
    accent: str
    design: str = "classic"

    @property
    def is_magazine(self) -> bool:
        return self.typography is Typography.MAGAZINE

    @property
    def _letters(self) -> _Letters:
        return _LETTERS[self.design]

    def page(self) -> Json:
        """Of the group around a page of the magazine's own."""
        drawn = ground(colours.WHITE, colours.INK, colours.readable(self.primary))
        return drawn | typography(fontFamily=self._letters.text, fontSize="18px", lineHeight=self._letters.line)

    def heading(self, level: int, behind: str) -> Json:
        """`behind` is the colour of its ground; empty where that is the theme's."""
        colour = colours.readable(self.primary, behind) if behind else colours.seen_anywhere(self.primary)
        drawn: Json = {"color": {"text": colour}} if behind or level <= 3 else {}
        if not self.is_magazine:
            return drawn
        letters = self._letters
        size, weight = letters.sizes[level - 2], letters.weight
        return drawn | typography(fontFamily=letters.heading, fontSize=size, fontWeight=weight, lineHeight="1.3")

    def centres(self, level: int) -> bool:
        """Whether headings of a level stand in the middle."""
        return self.is_magazine and level in self._letters.centred

    def paragraph(self, size: str) -> Json:
        """`size` is what the page itself sets it in, where that is larger than the rest."""
        return typography(fontSize=size) if size and self.is_magazine else {}

    def figure(self, size: str, behind: str) -> Json:
        """A figure that stands out by its size. On a ground that is not known it has the ink of the theme."""
        colour = {"color": {"text": colours.readable(self.primary, behind)}} if behind else {}
        return colour | typography(fontSize=size, lineHeight="1.2")

    @property
    def wash(self) -> str:
        """The ground of boxes."""
        return colours.tint(self.primary)

    def ground(self, said: str) -> str:
        """Of a box: the main colour where the page says that one, else its wash."""
        solid = colours.rgb(self.primary)
        return self.primary if solid is not None and colours.rgb(said) == solid else self.wash

    def box(self, behind: str) -> Json:
        """`behind` is its ground."""
        text, links = (colours.readable(colour, behind) for colour in (colours.INK, self.primary))
        line = {
            "classic": edge(self.accent, "3px", "top"),
            "modern": edge(self.primary, "3px", "top", "right", "bottom", "left"),
            "essay": edge(self.accent, "1px", "top", "bottom"),
        }[self.design]
        return {"border": line, "spacing": {"padding": _PADDING}} | ground(behind, text, links)

    def pull_quote(self) -> Json:
        drawn: Json = {
            "classic": {"border": edge(self.accent, "1px", "top", "bottom")},
            "modern": {"border": edge(self.accent, "6px", "top")},
            "essay": {},
        }[self.design]
        return drawn | (typography(**self._letters.pull) if self.is_magazine else {})

    def rule(self) -> Json:
        return {"color": {"background": self.accent}}

    def code(self) -> Json:
        if not self.is_magazine:
            return {}
        colour = {"color": {"text": colours.INK, "background": PAPER}}
        return colour | typography(fontFamily=MONO, fontSize="0.78em", lineHeight="1.55")

    def table(self) -> Json:
        return typography(fontFamily=SANS, fontSize="0.82em", lineHeight="1.5") if self.is_magazine else {}

"""What a site asks for, and how each kind of block is drawn for it.

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
_HEADING_SIZES = {2: "1.5em", 3: "1.15em", 4: "1em", 5: "0.9em", 6: "0.9em"}
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
class Picture:
    """A picture in the library of a site. `alt` and `caption` count where the page has none of its own."""

    media_id: int
    address: str
    alt: str = ""
    caption: str = ""
    is_hero: bool = False


@dataclass(frozen=True)
class Look:
    """How a site wants its articles. `primary` and `accent` are the brand's colours, in CSS.

    Each method answers with the attribute `style` of a kind of block.
    """

    typography: Typography
    hero: Hero
    primary: str
    accent: str

    @property
    def is_magazine(self) -> bool:
        return self.typography is Typography.MAGAZINE

    def page(self) -> Json:
        """Of the group around a page of the magazine's own."""
        drawn = ground(colours.WHITE, colours.INK, colours.readable(self.primary))
        return drawn | typography(fontFamily=SERIF, fontSize="18px", lineHeight="1.68")

    def heading(self, level: int, behind: str) -> Json:
        """`behind` is the colour of its ground; empty where that is the theme's."""
        colour = colours.readable(self.primary, behind) if behind else colours.seen_anywhere(self.primary)
        drawn: Json = {"color": {"text": colour}} if behind or level <= 3 else {}
        if not self.is_magazine:
            return drawn
        size = _HEADING_SIZES[level]
        return drawn | typography(fontFamily=SANS, fontSize=size, fontWeight="700", lineHeight="1.3")

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

    def box(self) -> Json:
        text, links = (colours.readable(colour, self.wash) for colour in (colours.INK, self.primary))
        edged = {"border": edge(self.accent, "3px", "top"), "spacing": {"padding": _PADDING}}
        return edged | ground(self.wash, text, links)

    def pull_quote(self) -> Json:
        drawn = {"border": edge(self.accent, "1px", "top", "bottom")}
        return drawn | (
            typography(fontSize="1.28em", fontStyle="italic", lineHeight="1.45") if self.is_magazine else {}
        )

    def rule(self) -> Json:
        return {"color": {"background": self.accent}}

    def code(self) -> Json:
        if not self.is_magazine:
            return {}
        colour = {"color": {"text": colours.INK, "background": PAPER}}
        return colour | typography(fontFamily=MONO, fontSize="0.78em", lineHeight="1.55")

    def table(self) -> Json:
        return typography(fontFamily=SANS, fontSize="0.82em", lineHeight="1.5") if self.is_magazine else {}

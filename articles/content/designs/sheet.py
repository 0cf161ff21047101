"""What a design says, and what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from articles.content import colours

SERIF = "Georgia, 'Times New Roman', serif"
SANS = "'Helvetica Neue', Helvetica, Arial, sans-serif"
MONO = "Menlo, Consolas, monospace"
RULE, GREY, PAPER = "#d9d9de", "#5c5c66", "#f5f5f7"
# The classes by which whoever lays a page out says what its passages are.
ROLES = (
    *("standfirst", "deck", "executive_summary", "case_study", "kicker", "lead", "run_in", "drop_cap"),
    *("pull", "quote", "said", "credit", "cite", "figures", "figure", "statistic", "byline"),
)
WHOLE = "break-inside: avoid"  # on paper
STAYS = "break-after: avoid"


@dataclass(frozen=True)
class Ink:
    """A brand's colours on white paper. `solid` and `bar` are as they were given, whatever is read in them."""

    solid: str
    bar: str
    is_rtl: bool

    @property
    def primary(self) -> str:
        return colours.readable(self.solid)

    @property
    def accent(self) -> str:
        return colours.readable(self.bar)

    @property
    def wash(self) -> str:
        return colours.tint(self.solid, 0.07)

    @property
    def on_solid(self) -> str:
        return colours.text_on(self.solid)

    @property
    def start(self) -> str:
        """The side on which a line begins."""
        return "right" if self.is_rtl else "left"

    @property
    def end(self) -> str:
        return "left" if self.is_rtl else "right"


class Opening(StrEnum):
    """How the first paragraph begins."""

    RUN_IN = "run_in"  # its first words in small capitals
    PLAIN = "plain"
    DROP_CAP = "drop_cap"


@dataclass(frozen=True)
class Sheet:
    """`styles` are by tags, and by roles with a dot; `measure` is the width of the text, `page` the style of all of it.

    `title` and `bar` are of the head, where the page stands alone.
    """

    page: str
    measure: str
    styles: dict[str, str]
    opening: Opening
    title: str
    bar: str


def common(ink: Ink) -> dict[str, str]:
    """What every design says alike: lists, tables, code and pictures, which stay in the column."""
    return _text(ink) | _shown(ink) | _roles(ink)


def _text(ink: Ink) -> dict[str, str]:
    listed = f"margin: 0 0 1.3em; padding: 0; padding-{ink.start}: 1.35em"
    cell = f"border-bottom: 1px solid {RULE}; padding: 0.6em 0.8em; text-align: start; vertical-align: top"
    return {
        "p": "margin: 0 0 1.2em",
        "ul": listed,
        "ol": listed,
        "li": f"margin: 0 0 0.5em; padding-{ink.start}: 0.25em",
        "dl": "margin: 0 0 1.3em",
        "dt": "font-weight: 700; margin: 0.9em 0 0.15em",
        "dd": f"margin: 0 0 0.6em; padding-{ink.start}: 1.35em",
        "a": f"color: {ink.primary}; text-decoration: underline",
        "table": f"border-collapse: collapse; font-family: {SANS}; font-size: 0.82em; line-height: 1.45; width: 100%",
        "caption": f"color: {GREY}; padding: 0 0 0.7em; text-align: start",
        "th": f"{cell}; border-bottom: 2px solid {ink.primary}; color: {ink.primary}; font-weight: 700",
        "td": cell,
        ".scroll": "margin: 1.9em 0; overflow: auto",
    }


def _shown(ink: Ink) -> dict[str, str]:
    return {
        "pre": (
            f"background-color: {PAPER}; border-{ink.start}: 3px solid {RULE}; font-family: {MONO}; font-size: 0.78em; "
            "line-height: 1.6; margin: 1.7em 0; overflow-wrap: anywhere; padding: 1.1em 1.3em; white-space: pre-wrap"
        ),
        "code": f"font-family: {MONO}; font-size: 0.88em",
        "figure": f"{WHOLE}; margin: 2.2em 0",
        "figcaption": f"color: {GREY}; font-family: {SANS}; font-size: 0.8em; line-height: 1.5; margin: 0.7em 0 0",
        "small": f"color: {GREY}",
    }


def _roles(ink: Ink) -> dict[str, str]:
    return {
        ".quote": (
            f"border-{ink.start}: 3px solid {RULE}; margin: 1.7em 0; padding: 0; padding-{ink.start}: 1.3em; "
            "font-style: italic"
        ),
        ".cite": f"color: {GREY}; font-family: {SANS}; font-size: 0.8em; font-style: normal; margin: 0.8em 0 0",
        ".said": "margin: 0",
        ".credit": (
            f"color: {GREY}; font-family: {SANS}; font-size: 0.58em; font-style: normal; font-weight: 400; "
            "letter-spacing: 0; line-height: 1.5; margin: 0.9em 0 0"
        ),
        ".byline": f"color: {GREY}; font-family: {SANS}; font-size: 0.82em; line-height: 1.5; margin: 0 0 1.8em",
        ".drop_cap": (
            f"color: {ink.primary}; float: {ink.start}; font-size: 3.4em; line-height: 0.84; padding: 0.1em 0 0; "
            f"padding-{ink.end}: 0.1em"
        ),
        ".run_in": "font-size: 0.86em; letter-spacing: 0.06em; text-transform: uppercase",
        ".statistic": f"color: {ink.accent}",
        ".figure": f"color: {ink.accent}; display: block; font-size: 2.7em; font-weight: 700; line-height: 1.1",
        ".figures": f"{WHOLE}; border-{ink.start}: 3px solid {ink.accent}; margin: 1.8em 0; padding-{ink.start}: 1.1em",
    }

"""Classic: a serif text with headings in the main colour, quotes between two lines, boxes on a pale ground."""

from __future__ import annotations

from articles.content.designs.sheet import GREY, SANS, SERIF, STAYS, WHOLE, Ink, Opening, Sheet, common

MEASURE = "680px"


def sheet(ink: Ink) -> Sheet:
    column = f"box-sizing: border-box; margin: 0 auto; max-width: {MEASURE}"
    return Sheet(
        page=f"color: #1c1c1e; font-family: {SERIF}; font-size: clamp(17px, 1.1em, 19px); line-height: 1.66",
        measure=MEASURE,
        styles=common(ink) | _headings(ink) | _passages(ink) | _boxes(ink),
        opening=Opening.RUN_IN,
        title=(
            f"{column}; color: #1c1c1e; font-family: {SERIF}; font-size: clamp(31px, 5.4vw, 50px); font-weight: 700; "
            "letter-spacing: -0.018em; line-height: 1.12; margin: 0 auto 26px; text-wrap: balance"
        ),
        bar=f"background-color: {ink.bar}; height: 5px; margin: 0 0 22px; width: 64px",
    )


def _headings(ink: Ink) -> dict[str, str]:
    drawn = f"{STAYS}; color: {ink.primary}; font-family: {SERIF}; font-weight: 700; text-wrap: balance"
    small = f"{STAYS}; color: {ink.primary}; font-family: {SANS}; font-weight: 700; line-height: 1.4"
    return {
        "h2": f"{drawn}; font-size: 1.6em; letter-spacing: -0.012em; line-height: 1.22; margin: 1.75em 0 0.55em",
        "h3": f"{drawn}; font-size: 1.22em; line-height: 1.3; margin: 1.6em 0 0.4em",
        "h4": f"{small}; font-size: 0.94em; margin: 1.6em 0 0.35em",
        "h5": f"{small}; font-size: 0.86em; margin: 1.5em 0 0.3em",
        "h6": f"{small}; color: {GREY}; font-size: 0.86em; margin: 1.5em 0 0.3em",
    }


def _passages(ink: Ink) -> dict[str, str]:
    return {
        ".lead": "font-size: 1.16em; line-height: 1.56; margin: 0 0 1.25em",
        ".pull": (
            f"{WHOLE}; border-bottom: 1px solid {ink.accent}; border-top: 1px solid {ink.accent}; "
            f"color: {ink.primary}; font-size: 1.42em; font-style: italic; line-height: 1.36; margin: 1.6em 0; "
            "padding: 0.85em 0.5em; text-align: center; text-wrap: balance"
        ),
        "hr": f"border: 0; border-top: 2px solid {ink.accent}; margin: 2.8em auto; width: 64px",
    }


def _boxes(ink: Ink) -> dict[str, str]:
    box = f"background-color: {ink.wash}; margin: 2.2em 0; padding: 1.3em 1.5em"
    return {
        ".executive_summary": f"{box}; border-top: 4px solid {ink.accent}",
        ".case_study": f"{box}; border-{ink.start}: 4px solid {ink.primary}",
        "aside": f"{box}; border-top: 1px solid {ink.primary}; border-bottom: 1px solid {ink.primary}",
        ".standfirst": "margin: 0 0 1.8em",
        ".deck": "font-size: 1.22em; line-height: 1.5; margin: 0 0 0.8em",
        ".kicker": (
            f"{STAYS}; color: {ink.accent}; font-family: {SANS}; font-size: 0.8em; font-weight: 700; "
            "letter-spacing: 0.07em; line-height: 1.4; margin: 0 0 0.7em; text-transform: uppercase"
        ),
    }

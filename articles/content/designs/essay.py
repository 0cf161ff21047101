"""Essay: a narrow column of serifs that opens with a large letter, its headings, quotes and boxes centred and quiet."""

from __future__ import annotations

from articles.content.designs.sheet import GREY, RULE, SERIF, STAYS, WHOLE, Ink, Opening, Sheet, common

MEASURE = "620px"


def sheet(ink: Ink) -> Sheet:
    column = "box-sizing: border-box; margin: 0 auto; max-width: 760px"
    return Sheet(
        page=f"color: #232326; font-family: {SERIF}; font-size: clamp(17px, 1.12em, 19px); line-height: 1.74",
        measure=MEASURE,
        styles=common(ink) | _headings(ink) | _passages(ink) | _boxes(ink),
        opening=Opening.DROP_CAP,
        title=(
            f"{column}; color: #1c1c1e; font-family: {SERIF}; font-size: clamp(31px, 5.6vw, 54px); font-weight: 400; "
            "letter-spacing: -0.02em; line-height: 1.14; margin: 0 auto 34px; text-align: center; text-wrap: balance"
        ),
        bar=f"background-color: {ink.bar}; height: 2px; margin: 0 auto 28px; width: 96px",
    )


def _headings(ink: Ink) -> dict[str, str]:
    drawn = f"{STAYS}; color: {ink.primary}; font-family: {SERIF}; font-weight: 400; text-align: center"
    side = f"{STAYS}; color: {ink.primary}; font-family: {SERIF}; font-style: italic; font-weight: 700"
    return {
        "h2": f"{drawn}; font-size: 1.66em; line-height: 1.24; margin: 2em 0 0.75em; text-wrap: balance",
        "h3": f"{drawn}; font-size: 1.24em; font-style: italic; line-height: 1.32; margin: 1.8em 0 0.55em",
        "h4": f"{side}; font-size: 1.04em; line-height: 1.4; margin: 1.6em 0 0.3em",
        "h5": f"{side}; font-size: 0.94em; line-height: 1.4; margin: 1.5em 0 0.3em",
        "h6": f"{side}; color: {GREY}; font-size: 0.94em; line-height: 1.4; margin: 1.5em 0 0.3em",
    }


def _passages(ink: Ink) -> dict[str, str]:
    return {
        ".lead": "margin: 0 0 1.2em",
        ".pull": (
            f"{WHOLE}; color: {ink.accent}; font-size: 1.56em; font-style: italic; line-height: 1.34; "
            "margin: 1.5em 0; padding: 0 0.7em; text-align: center; text-wrap: balance"
        ),
        ".credit": f"color: {GREY}; font-size: 0.62em; font-style: normal; line-height: 1.5; margin: 0.9em 0 0",
        "hr": f"border: 0; border-top: 1px solid {ink.accent}; margin: 3em auto; width: 96px",
        "figcaption": (
            f"color: {GREY}; font-size: 0.84em; font-style: italic; line-height: 1.5; margin: 0.8em 0 0; "
            "text-align: center"
        ),
        ".byline": f"color: {GREY}; font-size: 0.9em; font-style: italic; line-height: 1.5; margin: 0 0 2em; "
        "text-align: center",
    }


def _boxes(ink: Ink) -> dict[str, str]:
    space = f"border-bottom: 1px solid {RULE}; border-top: 1px solid {RULE}; margin: 2.4em 0; padding: 1.6em 0.4em"
    kicker = f"{STAYS}; color: {ink.accent}; font-style: italic; font-weight: 400; line-height: 1.4; text-align: center"
    return {
        ".executive_summary": space.replace(RULE, ink.accent),
        ".case_study": f"background-color: {ink.wash}; margin: 2.4em 0; padding: 1.6em 1.8em",
        "aside": space,
        ".standfirst": "margin: 0 0 2em; text-align: center",
        ".deck": "font-size: 1.18em; font-style: italic; line-height: 1.56; margin: 0 0 0.8em; text-wrap: balance",
        ".kicker": f"{kicker}; font-size: 1.12em; margin: 0 0 0.7em",
    }

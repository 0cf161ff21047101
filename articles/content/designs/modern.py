"""Modern: a sans-serif text, heavy headings below a line, quotes at the edge, the summary on the main colour."""

from __future__ import annotations

from articles.content.designs.sheet import GREY, SANS, STAYS, WHOLE, Ink, Opening, Sheet, common

MEASURE = "700px"


def sheet(ink: Ink) -> Sheet:
    column = f"box-sizing: border-box; margin: 0 auto; max-width: {MEASURE}"
    return Sheet(
        page=f"color: #1c1c1e; font-family: {SANS}; font-size: clamp(16px, 1.06em, 18px); line-height: 1.64",
        measure=MEASURE,
        styles=common(ink) | _headings(ink) | _passages(ink) | _boxes(ink),
        opening=Opening.PLAIN,
        title=(
            f"{column}; color: {ink.primary}; font-family: {SANS}; font-size: clamp(33px, 6.2vw, 60px); "
            "font-weight: 800; letter-spacing: -0.032em; line-height: 1.04; margin: 0 auto 28px; text-wrap: balance"
        ),
        bar=f"background-color: {ink.bar}; height: 10px; margin: 0 0 24px; width: 100%",
    )


def _headings(ink: Ink) -> dict[str, str]:
    drawn = f"{STAYS}; color: #1c1c1e; font-family: {SANS}; text-wrap: balance"
    return {
        "h2": (
            f"{drawn}; border-top: 3px solid {ink.primary}; font-size: 1.72em; font-weight: 800; "
            "letter-spacing: -0.024em; line-height: 1.16; margin: 1.9em 0 0.6em; padding: 0.5em 0 0"
        ),
        "h3": f"{drawn}; color: {ink.primary}; font-size: 1.24em; font-weight: 700; letter-spacing: -0.012em; "
        "line-height: 1.3; margin: 1.6em 0 0.4em",
        "h4": f"{drawn}; font-size: 1em; font-weight: 700; line-height: 1.4; margin: 1.6em 0 0.35em",
        "h5": f"{drawn}; font-size: 0.9em; font-weight: 700; line-height: 1.4; margin: 1.5em 0 0.3em",
        "h6": f"{drawn}; color: {GREY}; font-size: 0.9em; font-weight: 700; line-height: 1.4; margin: 1.5em 0 0.3em",
    }


def _passages(ink: Ink) -> dict[str, str]:
    return {
        ".lead": "font-size: 1.24em; letter-spacing: -0.006em; line-height: 1.48; margin: 0 0 1.2em",
        ".pull": (
            f"{WHOLE}; border-{ink.start}: 8px solid {ink.bar}; color: {ink.primary}; font-size: 1.56em; "
            "font-weight: 700; letter-spacing: -0.02em; line-height: 1.24; margin: 1.45em 0; padding: 0.1em 0; "
            f"padding-{ink.start}: 0.85em; text-wrap: balance"
        ),
        "hr": f"border: 0; border-top: 8px solid {ink.bar}; margin: 2.8em auto; width: 40px",
        "th": (
            f"background-color: {ink.solid}; color: {ink.on_solid}; font-weight: 700; padding: 0.65em 0.8em; "
            "text-align: start; vertical-align: top"
        ),
    }


def _boxes(ink: Ink) -> dict[str, str]:
    space = "margin: 2.2em 0; padding: 1.4em 1.6em"
    return {
        ".executive_summary": f"{space}; background-color: {ink.solid}; color: {ink.on_solid}",
        ".case_study": f"{space}; border: 3px solid {ink.primary}",
        "aside": f"{space}; background-color: {ink.wash}",
        ".standfirst": "margin: 0 0 1.8em",
        ".deck": "font-size: 1.24em; font-weight: 700; line-height: 1.42; margin: 0 0 0.8em",
        ".kicker": (
            f"{STAYS}; font-family: {SANS}; font-size: 1.1em; font-weight: 800; letter-spacing: -0.015em; "
            "line-height: 1.3; margin: 0 0 0.6em"
        ),
    }

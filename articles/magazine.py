"""The magazine template: lays an article out by itself, with inline styles that survive any theme."""

from __future__ import annotations

from collections.abc import Sequence

import lxml.html
from django.template.loader import render_to_string
from lxml.html import HtmlElement

from articles import colours, markup
from articles.models import Article, ImageFile


def lay_out(article: Article, images: Sequence[ImageFile]) -> str:
    """The formatted page, a fragment whose pictures are named as the files beside it."""
    styles = _styles(
        colours.readable(article.brand_primary), colours.readable(article.brand_accent), article.brand_primary
    )
    root = markup.parse(article.html)
    for element in root.iter():
        if style := styles.get(str(element.tag)):
            element.set("style", style)
    _lead(root)
    body = markup.serialize(root)
    page = render_to_string("articles/magazine.html", {"body": body, "bar": article.brand_accent})
    return markup.clean_page(place(page, images), {*(image.file_name for image in images), *markup.images_in(body)})


def _styles(primary: str, accent: str, brand: str) -> dict[str, str]:
    cell = "border-bottom: 1px solid #d9d9de; padding: 10px 12px; text-align: left"
    return {
        "h2": f"color: {primary}; font-size: 1.55em; line-height: 1.25; margin: 1.8em 0 0.5em",
        "h3": f"color: {primary}; font-size: 1.2em; line-height: 1.3; margin: 1.5em 0 0.4em",
        "p": "margin: 0 0 1.1em",
        "blockquote": (
            f"border-left: 4px solid {accent}; color: {primary}; font-size: 1.25em; font-style: italic; "
            "line-height: 1.45; margin: 1.6em 0; padding: 4px 0 4px 24px"
        ),
        "aside": (
            f"background-color: {colours.tint(brand)}; border-top: 3px solid {accent}; margin: 1.8em 0; padding: 1.1em"
        ),
        "strong": f"color: {accent}",
        "table": "border-collapse: collapse; font-size: 0.92em; margin: 1.6em 0; width: 100%",
        "th": f"{cell}; color: {primary}",
        "td": cell,
        "pre": "background-color: #f4f4f6; font-size: 0.85em; margin: 1.4em 0; padding: 16px",
        "img": "height: auto; max-width: 100%",
        "hr": f"border: 0; border-top: 2px solid {accent}; margin: 2.4em auto; width: 80px",
    }


def _lead(root: HtmlElement) -> None:
    """The first paragraph a little larger, when the article opens with one."""
    first = next(iter(root), None)
    if first is not None and first.tag == "p":
        first.set("style", "font-size: 1.2em; line-height: 1.55; margin: 0 0 1.3em")


def place(html: str, images: Sequence[ImageFile]) -> str:
    """The page with every picture in it: those that it lacks go to the top and before sections, evenly spread."""
    present = markup.images_in(html)
    missing = [image for image in images if image.file_name not in present]
    if not missing:
        return html
    root = markup.parse(html)
    inner = next(
        (element for element in root if element.tag in ("article", "section", "div", "main") and len(element)),
        root,
    )
    for image in missing:
        if image.role == "hero":
            inner.insert(0, _figure(image, wide=True))
    sections = [image for image in missing if image.role != "hero"]
    headings = list(inner.iter("h2"))[1:] or [element for element in inner if element.tag == "p"][1:]
    for n, image in enumerate(sections):
        figure = _figure(image, wide=False)
        if headings:
            before = headings[n * len(headings) // len(sections)]
            before.getparent().insert(before.getparent().index(before), figure)
        else:
            inner.append(figure)
    return markup.serialize(root)


def _figure(image: ImageFile, *, wide: bool) -> HtmlElement:
    figure = lxml.html.Element("figure", style="margin: 0 0 1.8em" if wide else "margin: 2em 0")
    picture = lxml.html.Element(
        "img",
        src=image.file_name,
        alt=image.alt_text,
        style="border-radius: 4px; display: block; height: auto; width: 100%",
        width=str(image.width),
        height=str(image.height),
    )
    figure.append(picture)
    return figure

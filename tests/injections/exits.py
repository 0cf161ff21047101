"""The ways by which a text leaves the desk, each for one payload: the HTML that somebody's browser gets."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from markdown_it import MarkdownIt

from articles.content import elements, magazine, manuscripts, markup, tag_soup
from articles.content.manuscripts import Manuscript
from articles.models import Article
from publishing import blocks
from publishing.blocks import Hero, Look, Typography
from publishing.publishers.post import Draft
from tests.injections.mutations import Payload

LOOK = Look(Typography.THEME, Hero.FEATURED, "#1a4d8f", "#b3541e")
KINDS = ("", "a.txt", "a.md", "a.html")  # pasted, and files
_FORMULA = re.compile(rf"(</?)({'|'.join(elements.FORMULAS | {'mglyph', 'annotation-xml'})})(?=[\s/>])", re.IGNORECASE)


def read(payload: Payload) -> Manuscript | None:
    """As an editor hands it in, pasted or as a file; None where it is refused."""
    try:
        return manuscripts.read(payload.text, KINDS[payload.number % len(KINDS)])
    except manuscripts.Unreadable:
        return None


def readings(payload: Payload) -> list[str]:
    """The payload as HTML, in each way that it may be meant: with formulas or without; where it may be Markdown, as
    such, its brackets as tags or as words."""
    found = [payload.text, _FORMULA.sub(r"\1x-\2", payload.text)]
    if KINDS[payload.number % len(KINDS)] in ("", "a.md"):
        marked = MarkdownIt("commonmark").render(payload.text)
        found += [marked, tag_soup.tags_or_text(marked)]
    return found


def article(manuscript: Manuscript) -> str:
    return f"<h1>{escape(manuscript.title)}</h1>{manuscript.html}"


def laid_out(manuscript: Manuscript) -> str:
    return f"<h1>{escape(manuscript.title)}</h1>{_page(manuscript)}"


def for_a_site(manuscript: Manuscript) -> str:
    """The post as the site shows it: title and content are HTML there."""
    fields = Draft(manuscript.title, _in_blocks(_page(manuscript))).fields
    return f"<h1>{fields['title']}</h1>{fields['content']}"


def _in_blocks(page: str) -> str:
    return blocks.convert(page, {}, LOOK).content


def _page(manuscript: Manuscript) -> str:
    made = Article(title=manuscript.title, html=manuscript.html, brand_primary="#1a4d8f", brand_accent="#b3541e")
    return magazine.lay_out(made, ())


EXITS: dict[str, Callable[[Manuscript], str]] = {"article": article, "page": laid_out, "site": for_a_site}


def of_a_model(payload: Payload) -> str:
    """The page as if a model had laid it out so, on its way to a site."""
    return _in_blocks(markup.clean_page(payload.text, ()))

"""The sheet of each design."""

from __future__ import annotations

from types import ModuleType

from articles.content.designs import classic, essay, modern
from articles.content.designs.sheet import Ink, Sheet
from articles.models import Article, Design

_MODULES: dict[str, ModuleType] = {Design.CLASSIC: classic, Design.MODERN: modern, Design.ESSAY: essay}


def sheet_of(article: Article, is_rtl: bool) -> Sheet:
    """The sheet of an article's design in the colours of its brand."""
    sheet: Sheet = _MODULES[article.design].sheet(Ink(article.brand_primary, article.brand_accent, is_rtl))
    return sheet


def said_of(design: str) -> str:
    """A design in a sentence, as its module opens."""
    return str(_MODULES[design].__doc__).partition("\n")[0]


def masthead(article: Article) -> dict[str, str]:
    """What stands above a page that stands alone: the styles of the bar and of the title."""
    sheet = sheet_of(article, is_rtl=False)
    return {"bar": sheet.bar, "title": sheet.title}

"""Before something is done to many articles, a page says to which of them, and to which not.

The page freezes the ids that were chosen, so that the set cannot grow between the question and the answer. Who may
touch which article, and which state it is in, is asked again when it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from articles.formats import count
from articles.models import Article, ArticleQuerySet

MOST = 1000  # articles at once
SHOWN = 10  # titles on the page


@dataclass(frozen=True)
class Selection:
    """The chosen articles to which it applies; `left_out` says in phrases what happens to the others."""

    articles: list[Article]
    left_out: list[str]

    @property
    def ids(self) -> str:
        return ",".join(str(article.pk) for article in self.articles)

    @property
    def shown(self) -> list[Article]:
        return self.articles[:SHOWN]

    @property
    def more(self) -> int:
        return len(self.articles) - SHOWN


def read_ids(text: str) -> list[int]:
    """`"3,1,2"` as numbers, each once; what is no number is left out."""
    numbers = (part for part in text.split(",") if part.isascii() and part.isdigit() and len(part) < 19)
    return list(dict.fromkeys(map(int, numbers)))


def select_articles(
    ids: Collection[int], mine: ArticleQuerySet, applies: Callable[[Article], bool], otherwise: str
) -> Selection:
    """Those of these ids that the person may touch and that it applies to (four queries); others are `otherwise`."""
    wanted = list(ids)[:MOST]
    found = list(mine.filter(pk__in=wanted).with_progress())
    able = [article for article in found if applies(article)]
    left_out = {
        "{} that {} not yours, or gone": len(wanted) - len(found),
        f"{{}} that {{}} {otherwise}": len(found) - len(able),
        f"{{}} beyond the first {MOST:,}: do these afterwards": len(ids) - len(wanted),
    }
    return Selection(
        able,
        [
            phrase.format(count(number, "article"), "is" if number == 1 else "are")
            for phrase, number in left_out.items()
            if number
        ],
    )


def way_back(request: HttpRequest, otherwise: str) -> str:
    """Where the button was pressed, if that is a page of ours."""
    back = request.POST.get("back") or request.GET.get("back", "")
    return back if back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None) else otherwise


def ticked_ids(request: HttpRequest, queryset: ArticleQuerySet) -> list[int]:
    """The ids that were ticked, also those that are not in the queryset: they are counted as left out."""
    if request.POST.get("select_across") == "1":
        return list(queryset.values_list("pk", flat=True))
    return read_ids(",".join(request.POST.getlist(ACTION_CHECKBOX_NAME)))

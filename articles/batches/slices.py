"""Many rows some at a time: each slice is a transaction of its own, after which others have their turn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from django.db.models import Count, QuerySet

from articles.models import Article, Section

ROWS = 500  # sections in a slice: some tenths of a second, and not many seconds on a machine that has much to do
ARTICLES = 100  # in a slice, each with a dozen rows of its own


def slices(articles: QuerySet[Article], further: int = 0) -> Iterator[list[int]]:
    """The ids of these articles, lowest first, with so many that their sections, and `further` ones of each, are
    `ROWS` at most. An article alone may have more. Read anew for each slice.
    """
    last = 0
    while some := list(articles.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:ARTICLES]):
        sizes = dict(Section.objects.filter(article__in=some).order_by().values_list("article").annotate(Count("pk")))
        sums = accumulate(sizes.get(pk, 0) + further for pk in some)
        chosen = [pk for pk, rows in zip(some, sums, strict=True) if rows <= ROWS] or some[:1]
        yield chosen
        last = chosen[-1]

"""What articles of the same kind have cost with each service and model, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Case, Sum, Value, When
from django.db.models.sql.compiler import SQLCompiler

from articles import call_keys
from articles.models import Article, CostRecord

ARTICLES = {  # kinds of article, of which each costs something else
    "idea": "from an idea",
    "long": "from an idea, section by section",
    "manuscript": "from a manuscript",
    "gone": "that are gone",
}
WORK = {  # what was paid for, by what the keys of its calls begin with; the first that fits counts
    call_keys.SECTION: "text",
    call_keys.TEXT: "text",
    call_keys.PROMPTS: "text",
    call_keys.IMAGE: "pictures",
    call_keys.FORMAT: "layout",
}
LEAST = Decimal("0.000001")  # US dollars, that are told
# `each` is what an article has cost at one service: of those with a call that nobody knows the cost of it is no sample.
STATEMENT = """
WITH each AS ({each})
SELECT each.work, CASE WHEN a.id IS NULL THEN 'gone' WHEN a.idea = '' THEN 'manuscript' WHEN a.is_long THEN 'long'
                       ELSE 'idea' END AS made, each.provider, each.model,
    COUNT(*), SUM(each.known), SUM(each.unsaid),
    SUM(CASE WHEN each.unsaid = 0 THEN 1 ELSE 0 END),
    SUM(CASE WHEN each.unsaid = 0 THEN each.known ELSE 0 END),
    SUM(CASE WHEN each.unsaid = 0 AND a.word_count > 0 THEN 1 ELSE 0 END),
    SUM(CASE WHEN each.unsaid = 0 AND a.word_count > 0 THEN each.known ELSE 0 END),
    SUM(CASE WHEN each.unsaid = 0 AND a.word_count > 0 THEN a.word_count ELSE 0 END)
FROM each LEFT JOIN {articles} a ON a.uid = each.article
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


class What(NamedTuple):
    """Who was paid for what, of which kind of article."""

    work: str
    article: str
    provider: str
    model: str


@dataclass(frozen=True)
class Price:
    """What these articles have cost, US dollars. Of nothing there is no price: None."""

    articles: int
    cost: Decimal  # as far as it is known
    unknown: int  # calls whose cost nobody knows
    sample: int  # articles of which all is known: what a price is made of
    known: Decimal  # what those have cost
    worded: int  # those among them that have words, and are there still
    worded_cost: Decimal
    words: int

    @property
    def each(self) -> Decimal | None:
        return _rounded(self.known / self.sample) if self.sample else None

    @property
    def per_thousand_words(self) -> Decimal | None:
        return _rounded(self.worded_cost * 1000 / self.words) if self.words else None


def prices(user: AbstractBaseUser | AnonymousUser, since: date | None, today: date) -> dict[What, Price]:
    """Of the articles that this person may know of (one query)."""
    records = CostRecord.objects.touchable_by(user)
    within = records.filter(day__gte=since, day__lte=today) if since else records
    work = Case(*(When(key__startswith=begins, then=Value(kind)) for begins, kind in WORK.items()), default=None)
    of_each = within.order_by().annotate(work=work).exclude(work=None).values("work", "provider", "model", "article")
    if of_each.query.is_empty():
        return {}
    each = of_each.annotate(known=Sum("cost"), unsaid=Sum("unknown")).query
    compiler: SQLCompiler = each.get_compiler(DEFAULT_DB_ALIAS)
    sql, params = compiler.as_sql()
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(STATEMENT.format(each=sql, articles=Article._meta.db_table), params)
        return {What(*row[:4]): _price(row[4:]) for row in cursor.fetchall()}


def _price(sums: Iterable[Decimal | float | int]) -> Price:
    articles, cost, unknown, sample, known, worded, worded_cost, words = sums
    return Price(
        int(articles),
        _rounded(cost),
        int(unknown),
        int(sample),
        _rounded(known),
        int(worded),
        _rounded(worded_cost),
        int(words),
    )


def _rounded(dollars: Decimal | float) -> Decimal:
    """SQLite adds up in floating point."""
    return Decimal(str(dollars)).quantize(LEAST)

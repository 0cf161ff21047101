"""Articles as a look at the rows found them: whoever acts on one acts only if all that was judged still is so."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from articles.models import Article


class Found(NamedTuple):
    """What an article is judged by."""

    pk: int
    status: str
    attempt: int
    crashes: int
    lease_until: datetime
    lease_owner: str
    site_id: int | None
    queued_at: datetime | None
    next_at: datetime | None

    @property
    def still(self) -> QuerySet[Article]:
        """Its row, as long as it is as it was judged."""
        return Article.objects.filter(**self._asdict())


def found(*conditions: Q, **fields: Any) -> list[Found]:
    """The articles of which this is so (one query)."""
    # Unordered: for an order the database would rather walk through all articles by their date.
    articles = Article.objects.filter(*conditions, **fields).order_by()
    return [Found(*row) for row in articles.values_list(*Found._fields)]

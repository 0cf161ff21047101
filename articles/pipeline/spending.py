"""What a batch has cost: a sum kept with it, so that a look at its budget costs the same however large it is."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import F, Subquery

from articles.models import Article, Batch


def note_spent(article: Article, spent: Decimal, *, written: int = 0) -> dict[str, Decimal]:
    """Add to the sums of an article's batch what the article has cost since this was noted last, in US dollars, and how
    many sections were `written` with it (one query). Returns the change of the article, {} where it has no batch.

    The caller writes that change as the holder of its lease, in the same transaction: so no two workers ever add the
    same cents, and a fenced one adds none. The batch is locked first, as by `batch_revision`.
    """
    if article.batch_id is None:
        return {}
    noted = Subquery(Article.objects.filter(pk=article.pk).values("spent"))
    batch = Batch.objects.filter(pk=article.batch_id)
    batch.update(spent=F("spent") + spent - noted, written=F("written") + written)
    return {"spent": spent}

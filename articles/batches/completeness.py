"""How much of an article of a batch is there; the same rules for the database and for a row."""

from __future__ import annotations

from django.db.models import Count, F, Q, QuerySet

from articles.models import Article, Section

COMPLETENESS = {
    "complete": "Complete",
    "partial": "Partial",
    "basic": "Only basic content",
    "failed": "Failed",
    "waiting": "Not begun",
}


def with_sections(articles: QuerySet[Article]) -> QuerySet[Article]:
    """Adds `written` and `planned`, how many sections are there and wanted."""
    return articles.annotate(
        planned=Count("sections"), written=Count("sections", filter=Q(sections__state=Section.State.DONE))
    )


def of_completeness(articles: QuerySet[Article], which: str) -> QuerySet[Article]:
    """Those articles of batches that are `complete`, `partial`, `basic`, `failed` or `waiting`."""
    conditions = {
        "complete": Q(planned__gt=0, written=F("planned")),
        "partial": Q(written__gt=0, written__lt=F("planned")),
        "basic": Q(written=0, word_count__gt=0),
        "failed": Q(written=0, word_count=0, status=Article.Status.FAILED),
        "waiting": Q(written=0, word_count=0) & ~Q(status=Article.Status.FAILED),
    }
    return with_sections(articles.filter(batch__isnull=False)).filter(conditions[which])


def completeness_of(article: Article) -> str:
    """Which of COMPLETENESS an article is that was fetched `with_sections`; the same rules as `of_completeness`."""
    written, planned = article.written, article.planned  # type: ignore[attr-defined]  # from `with_sections`
    if planned and written == planned:
        return "complete"
    if written:
        return "partial"
    if article.word_count:
        return "basic"
    return "failed" if article.status == Article.Status.FAILED else "waiting"

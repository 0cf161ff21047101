"""What the pages of these changes have in common: whose they are, and what they say of a storage that is away."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from articles.desk.article_admin import ArticleAdmin
from articles.models import Article

AWAY = "The backup storage does not answer. Nothing was changed; try again in a minute."


def changeable(desk: ArticleAdmin, request: HttpRequest, pk: int) -> Article:
    """The article, with its records. Raises Http404, PermissionDenied for whoever may not change it."""
    found = desk.get_queryset(request).select_related("site").defer("manuscript", "earlier_manuscripts")
    article = found.prefetch_related("records").filter(pk=pk).first()
    if article is None:
        raise Http404("There is no such article.")
    if not desk.has_change_permission(request, article):
        raise PermissionDenied
    return article

"""What a line of the list shows of an article that moves: made without templates, as there are fifty lines.

Each is a part by itself, so that a page that is open asks for those of the articles that move, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles.desk.selection import read_ids
from articles.models import Article, ArticleQuerySet
from articles.templatetags import desk as written
from articles.unchanged import tag_of, tagged

MOST = 100  # lines that are asked for at once


def checkbox(article: Article) -> SafeString:
    """Django's own, which makes a widget for each line."""
    what = '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="Choose {}">'
    return format_html(what, ACTION_CHECKBOX_NAME, article.pk, article)


def stages(article: Article) -> SafeString:
    return format_html('<div data-part="stages-{}">{}</div>', article.pk, written.strip(article))


def state(article: Article) -> SafeString:
    said: SafeString | str = written.state(article)
    if article.status == Article.Status.DONE and article.link:
        link = '<a href="{}" target="_blank" rel="noopener noreferrer">{} ↗</a>'
        said = format_html(link, article.link, written.link_words(article))
    moves = "yes" if article.is_moving else "no"
    part = '<div class="state {}" data-part="state-{}" data-moving="{}">{}</div>'
    return format_html(part, article.status, article.pk, moves, said)


def cost(article: Article) -> SafeString:
    said = written.cost_words(article.cost)
    return format_html('<span class="number" data-part="cost-{}">{}</span>', article.pk, said)


def rows_view(
    model_admin: ModelAdmin[Article], row_buttons: Sequence[Callable[[Article], SafeString]], request: HttpRequest
) -> HttpResponseBase:
    """The moving parts of these lines alone, `?ids=1,2,3` (four queries, however many they are; one where all is as
    whoever asks knows it).
    """
    if not model_admin.has_view_or_change_permission(request):
        raise PermissionDenied
    wanted = read_ids(request.GET.get("ids", ""))[:MOST]
    asked = cast(ArticleQuerySet, model_admin.get_queryset(request)).filter(pk__in=wanted).order_by()
    parts = [stages, state, cost, *(row_buttons if model_admin.has_change_permission(request) else [])]

    def made() -> HttpResponse:
        return HttpResponse("".join(part(article) for article in asked.with_progress() for part in parts))

    return tagged(request, tag_of(request, asked, request.user.pk, len(parts)), made)

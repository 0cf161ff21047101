"""The page on which the pages that an article had before stand beside the present one, and one can be taken back."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from articles.desk.article_admin import ArticleAdmin
from articles.models import Article
from articles.providers.errors import Unreachable
from recovery.changes import opening
from recovery.changes.opening import NotChanged
from recovery.changes.opening_page import AWAY, changeable
from recovery.changes.versions import check, take_back, versions


class VersionsPage:
    """Below an article's own page, for whoever may change it."""

    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        view = self.desk.admin_site.admin_view(self.view)
        return [path("<int:pk>/versions/", view, name="articles_article_versions")]

    def view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The pages, `?page=` beside the present one; by POST, the earlier `page` is taken back."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        article = changeable(self.desk, request, pk)
        if request.method != "POST":
            return self._show(request, article)
        try:
            take_back(
                article, request.POST.get("page", ""), cast(User, request.user), seen=request.POST.get("seen", "")
            )
        except NotChanged as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        except Unreachable:
            self.desk.message_user(request, AWAY, messages.WARNING)
        else:
            self.desk.log_change(request, article, "An earlier page.")
            self.desk.message_user(request, "The earlier page is on its way back.", messages.SUCCESS)
        return HttpResponseRedirect(article.get_absolute_url())

    def _show(self, request: HttpRequest, article: Article) -> HttpResponse:
        found = versions(article)
        asked = request.GET.get("page", "")
        shown = next((version for version in found if version.file == asked), next(iter(found), None))
        try:
            check(article)
            why_not = ""
        except NotChanged as exc:
            why_not = str(exc)
        context = {
            **self.desk.admin_site.each_context(request),
            "title": "Earlier pages",
            "opts": self.desk.opts,
            "article": article,
            "versions": found,
            "shown": shown,
            "why_not": why_not,
            "seen": opening.version(article),
        }
        return TemplateResponse(request, "admin/recovery/versions.html", context)

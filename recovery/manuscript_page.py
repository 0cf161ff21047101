"""The page on which an article that rests gets another manuscript: what that does and costs, and the text."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from articles.desk.article_admin import ArticleAdmin
from articles.models import Article
from recovery.another_manuscript import FROM_THE_TEXT, Changed, NotTaken, check, hand_in, version
from recovery.forms import AnotherManuscriptForm
from recovery.plan import Total, plans


class ManuscriptPage:
    """Below an article's own page, for whoever may change it."""

    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        view = self.desk.admin_site.admin_view(self.view)
        return [path("<int:pk>/manuscript/", view, name="articles_article_manuscript")]

    def view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question; by POST, the deed, for the version of the article that the page has shown."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        article = self._article(request, pk)
        form = AnotherManuscriptForm(request.POST, request.FILES) if request.method == "POST" else None
        try:
            check(article)
            if form is None:
                return self._ask(request, article, AnotherManuscriptForm(), version(article))
            if not form.is_valid():
                # What was seen first: whoever corrects a text does not see what has changed meanwhile.
                return self._ask(request, article, form, form.data.get("seen", ""))
            try:
                self._hand_in(request, article, form)
            except Changed as exc:
                return self._ask_again(request, pk, form, exc)
        except NotTaken as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        return HttpResponseRedirect(article.get_absolute_url())

    def _article(self, request: HttpRequest, pk: int) -> Article:
        article = self.desk.get_queryset(request).prefetch_related("records", "images").filter(pk=pk).first()
        if article is None:
            raise Http404("There is no such article.")
        if not self.desk.has_change_permission(request, article):
            raise PermissionDenied
        return article

    def _ask_again(self, request: HttpRequest, pk: int, form: AnotherManuscriptForm, exc: Changed) -> HttpResponse:
        """For the article as it is now, with the text that was given. Raises NotTaken where it takes none any more."""
        article = self._article(request, pk)
        check(article)
        self.desk.message_user(request, str(exc), messages.WARNING)
        given = AnotherManuscriptForm(initial={"manuscript": form.cleaned_data["manuscript"]})
        return self._ask(request, article, given, version(article))

    def _ask(self, request: HttpRequest, article: Article, form: AnotherManuscriptForm, seen: str) -> HttpResponse:
        total = Total(plans([article], FROM_THE_TEXT, patience=0))
        context = {
            **self.desk.admin_site.each_context(request),
            "title": "Another manuscript",
            "opts": self.desk.opts,
            "article": article,
            "form": form,
            "version": seen,
            "total": total,
        }
        return TemplateResponse(request, "admin/recovery/another_manuscript.html", context)

    def _hand_in(self, request: HttpRequest, article: Article, form: AnotherManuscriptForm) -> None:
        scheduled = article.is_scheduled
        hand_in(article, cast(User, request.user), form, seen=form.cleaned_data["seen"])
        self.desk.log_change(request, article, "Another manuscript.")
        goes_on = "begins with it at its time" if scheduled else "goes on with it"
        self.desk.message_user(request, f"The manuscript is handed in, and the article {goes_on}.", messages.SUCCESS)
        for sentence in form.unusable:
            self.desk.message_user(request, sentence, messages.WARNING)

"""The page on which an article gets another look: what it is now, what it may be, and what that costs."""

from __future__ import annotations

import copy
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from articles.desk.article_admin import ArticleAdmin
from articles.formats import about
from articles.models import Article
from articles.providers.errors import Unreachable
from articles.tree.earlier import LOOK
from recovery.changes import opening
from recovery.changes.look import Way, change, check, ways
from recovery.changes.opening import MovedOn, NotChanged
from recovery.changes.opening_page import AWAY, changeable


class LookForm(forms.ModelForm[Article]):
    """How it shall look, and the version of the article that this is said of."""

    seen = forms.CharField(widget=forms.HiddenInput)

    class Meta:
        model = Article
        fields = LOOK
        widgets = {
            "formatter": forms.RadioSelect,
            "design": forms.RadioSelect,
            "brand_primary": forms.ColorInput(),
            "brand_accent": forms.ColorInput(),
        }

    def __init__(self, *args: Any, article: Article, **kwargs: Any) -> None:
        # A copy: a form puts what is said into the article that it is about.
        super().__init__(*args, **kwargs | {"instance": copy.copy(article)})
        self.article = article
        self.ways = ways(article)
        self.fields["title"].required = True
        cast(forms.ChoiceField, self.fields["formatter"]).choices = [(way.formatter, way.label) for way in self.ways]

    @property
    def makers(self) -> list[tuple[Way, str]]:
        """Each way with its price in words; empty where it costs nothing."""
        return [
            (way, about(way.cost.known, way.cost.unknown) if way.cost.known or way.cost.unknown else "")
            for way in self.ways
        ]


class LookPage:
    """Below an article's own page, for whoever may change it."""

    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        view = self.desk.admin_site.admin_view(self.view)
        return [path("<int:pk>/look/", view, name="articles_article_look")]

    def view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question; by POST, the deed, for the article as the page has shown it."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        article = changeable(self.desk, request, pk)
        try:
            check(article)
            if request.method != "POST":
                return self._ask(request, LookForm(initial={"seen": opening.version(article)}, article=article))
            form = LookForm(request.POST, article=article)
            if not form.is_valid() or not self._done(request, form):
                return self._ask(request, form)
        except MovedOn as exc:
            return self._ask_again(request, pk, exc)
        except NotChanged as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        return HttpResponseRedirect(article.get_absolute_url())

    def _done(self, request: HttpRequest, form: LookForm) -> bool:
        """False: the form says what is wrong. Raises MovedOn."""
        article, said = form.article, form.cleaned_data
        try:
            change(article, {name: said[name] for name in LOOK}, cast(User, request.user), seen=said["seen"])
        except MovedOn:
            raise
        except NotChanged as exc:
            form.add_error(None, str(exc))
        except Unreachable:
            form.add_error(None, AWAY)
        else:
            self.desk.log_change(request, article, "Another look.")
            self.desk.message_user(request, "The page is laid out, and shown here when it is done.", messages.SUCCESS)
            return True
        return False

    def _ask_again(self, request: HttpRequest, pk: int, exc: MovedOn) -> HttpResponse:
        """For the article as it is now, with what was chosen; where it takes no look any more, that is said."""
        self.desk.message_user(request, str(exc), messages.WARNING)
        article = changeable(self.desk, request, pk)
        try:
            check(article)
        except NotChanged:
            return HttpResponseRedirect(article.get_absolute_url())
        chosen = {name: request.POST[name] for name in LOOK if name in request.POST}
        return self._ask(request, LookForm(initial={**chosen, "seen": opening.version(article)}, article=article))

    def _ask(self, request: HttpRequest, form: LookForm) -> HttpResponse:
        context = {
            **self.desk.admin_site.each_context(request),
            "title": "Change how it looks",
            "opts": self.desk.opts,
            "article": form.article,
            "form": form,
            "goes_on": form.article.status != Article.Status.DONE,
        }
        return TemplateResponse(request, "admin/recovery/another_look.html", context)

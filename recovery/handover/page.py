"""The page on which a stopped article is given to a colleague, and the button that takes it back."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from articles.desk.article_admin import ArticleAdmin
from articles.desk.selection import way_back
from articles.models import Article
from recovery.handover.deeds import NotGiven, colleagues, give, name, take_back
from recovery.models import Handover


class GiveForm(forms.Form):
    to = forms.ModelChoiceField(User.objects.none(), label="To", empty_label=None)
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=Handover.LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What is wrong, or what you would like. It stands on the timeline, and in the mail.",
    )

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ModelChoiceField[User], self.fields["to"])
        field.queryset = User.objects.filter(pk__in=[user.pk for user in people])
        field.label_from_instance = name  # type: ignore[method-assign, assignment]  # as Django's own docs do


class HandoverPage:
    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        wrap = self.desk.admin_site.admin_view
        return [
            path("<int:pk>/give/", wrap(self.give_view), name="articles_article_give"),
            path("<int:pk>/take-back/", wrap(self.take_back_view), name="articles_article_take_back"),
        ]

    def give_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """To whom, and why; by POST it is done."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        article, giver = self._article(request, pk), cast(User, request.user)
        people = colleagues(article, giver)
        form = GiveForm(request.POST if request.method == "POST" else None, people=people)
        if article.status != Article.Status.FAILED:
            self.desk.message_user(request, "It is not stopped any more. Nothing was done.", messages.WARNING)
            return HttpResponseRedirect(article.get_absolute_url())
        if form.is_valid():
            return self._give(request, article, form.cleaned_data["to"], form.cleaned_data["note"].strip())
        context = {
            **self.desk.admin_site.each_context(request),
            "title": "Give it to a colleague",
            "opts": self.desk.opts,
            "article": article,
            "form": form,
            "people": people,
        }
        return TemplateResponse(request, "admin/recovery/give.html", context)

    def take_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        article = self._article(request, pk)
        try:
            take_back(article, cast(User, request.user))
        except NotGiven as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        else:
            self.desk.message_user(request, "It is taken back. Nothing else was changed.", messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, article.get_absolute_url()))

    def _give(self, request: HttpRequest, article: Article, to: User, note: str) -> HttpResponse:
        try:
            give(article, cast(User, request.user), to, note)
        except NotGiven as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        else:
            self.desk.message_user(request, f"{name(to)} has it now, and sees it on the start page.", messages.SUCCESS)
        return HttpResponseRedirect(article.get_absolute_url())

    def _article(self, request: HttpRequest, pk: int) -> Article:
        article = self.desk.get_queryset(request).filter(pk=pk).defer("html", "earlier_manuscripts").first()
        if article is None:
            raise Http404("There is no such article.")
        if not self.desk.has_change_permission(request, article):
            raise PermissionDenied
        return article

"""The list of stopped articles by what stopped them, and the buttons that put a group aside and bring it back."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from articles.desk.article_admin import ArticleAdmin
from articles.desk.selection import way_back
from articles.formats import clock
from backups.clocks import READER
from backups.moments import MomentField
from recovery.groups.group import groups
from recovery.groups.snoozes import LONGEST, NotAside, bring_back, put_aside
from recovery.models import Snooze

HOUR, MORNING = timedelta(hours=1), time(8)  # by the clock of whoever puts it aside


class AsideForm(forms.Form):
    FOR_AN_HOUR, UNTIL_MORNING, UNTIL = "hour", "morning", "until"

    cause = forms.CharField(max_length=300, widget=forms.HiddenInput)
    how_long = forms.ChoiceField(
        label="Until",
        choices=[(FOR_AN_HOUR, "an hour from now"), (UNTIL_MORNING, "tomorrow at 8"), (UNTIL, "another time:")],
    )
    until = MomentField(label="Another time", required=False, help_text=f"Within {LONGEST.days} days.")
    note = forms.CharField(
        required=False,
        max_length=Snooze.LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why it can wait. Whoever sees these articles reads it.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        another = cleaned.get("how_long") == self.UNTIL
        if another and not cleaned.get("until") and "until" not in self.errors:
            self.add_error("until", "Say until when.")
        if not another:
            self.errors.pop("until", None)  # not asked for
        return cleaned

    @property
    def end(self) -> datetime:
        match self.cleaned_data["how_long"]:
            case self.FOR_AN_HOUR:
                return timezone.now() + HOUR
            case self.UNTIL_MORNING:
                return READER.at(READER.today() + timedelta(days=1), MORNING)
        until: datetime = self.cleaned_data["until"]
        return until


class GroupsPage:
    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        wrap = self.desk.admin_site.admin_view
        return [
            path("stopped/", wrap(self.stopped_view), name="articles_article_stopped"),
            path("stopped/aside/", wrap(self.aside_view), name="articles_article_aside"),
            path("stopped/back/", wrap(self.back_view), name="articles_article_bring_back"),
        ]

    def stopped_view(self, request: HttpRequest) -> HttpResponse:
        """Is it one problem or thirty? Stopped articles by provider, stage and reason; `aside` opens a form."""
        if not self.desk.has_view_or_change_permission(request):
            raise PermissionDenied
        return self._list(request, AsideForm(initial={"cause": request.GET.get("aside", "")}))

    def _list(self, request: HttpRequest, form: AsideForm) -> HttpResponse:
        found = groups(request.user)
        context = {
            **self.desk.admin_site.each_context(request),
            "title": "Stopped articles",
            "opts": self.desk.opts,
            "groups": found,
            "stopped": sum(group.problem.count for group in found),
            "may_change": self.desk.has_change_permission(request),
            "form": form,
        }
        return TemplateResponse(request, "admin/recovery/stopped.html", context)

    def aside_view(self, request: HttpRequest) -> HttpResponse:
        user = self._whoever_may(request)
        if user is None:
            return HttpResponseNotAllowed(["POST"])
        form = AsideForm(request.POST)
        if not form.is_valid():
            return self._list(request, form)
        try:
            put_aside(form.cleaned_data["cause"], user, form.end, form.cleaned_data["note"].strip())
        except NotAside as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        else:
            said = f"It is put aside until {clock(form.end)}, or until one more article stops for this reason."
            self.desk.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:articles_article_stopped"))

    def back_view(self, request: HttpRequest) -> HttpResponse:
        user = self._whoever_may(request)
        if user is None:
            return HttpResponseNotAllowed(["POST"])
        try:
            bring_back(request.POST.get("cause", ""), user)
        except NotAside as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)
        else:
            self.desk.message_user(request, "It is back under “Needs you”.", messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, reverse("admin:articles_article_stopped")))

    def _whoever_may(self, request: HttpRequest) -> User | None:
        """None where nothing was pressed."""
        if request.method != "POST":
            return None
        if not self.desk.has_change_permission(request):
            raise PermissionDenied
        return cast(User, request.user)

"""What an editor always wants, on one page."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from articles.models import Preferences
from backups.clocks import DESK

REGIONS = ["Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"]


@cache
def _named() -> list[str]:
    return sorted(name for name in available_timezones() if name.partition("/")[0] in REGIONS)


def _zones() -> list[tuple[str, str | list[tuple[str, str]]]]:
    """By region, as people look for them; the desk's own first."""
    groups: list[tuple[str, str | list[tuple[str, str]]]] = [
        (region, [(name, name.partition("/")[2].replace("_", " ")) for name in names])
        for region, names in groupby(_named(), key=lambda name: name.partition("/")[0])
    ]
    return [("", f"The desk's: {DESK.zone()}"), ("UTC", "UTC"), *groups]


@admin.register(Preferences)
class PreferencesAdmin(admin.ModelAdmin[Preferences]):
    """Everybody's own, and nobody else's: there is no list, the page is the editor's form."""

    fields = (
        "instructions",
        "style",
        "design",
        "byline",
        "brand_primary",
        "brand_accent",
        "stop_mail",
        "worklist_mail",
        "time_zone",
    )
    formfield_overrides = {models.TextField: {"widget": forms.Textarea(attrs={"rows": 6})}}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preferences]:
        return super().get_queryset(request).filter(user=cast(User, request.user))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name.startswith("brand_"):
            kwargs["widget"] = forms.ColorInput()
        if db_field.name == "time_zone":
            of_field = {"label": db_field.verbose_name.capitalize(), "help_text": db_field.help_text}
            return forms.ChoiceField(choices=_zones, required=False, **of_field)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        may = request.user.has_perm("articles.change_preferences")
        return may and not self.get_queryset(request).exists()

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """For the menu, which is on every page: without a look at the rows."""
        may_change, may_look = self.has_change_permission(request), self.has_view_permission(request)
        return {"add": False, "change": may_change, "delete": False, "view": may_look}

    def has_delete_permission(self, request: HttpRequest, obj: Preferences | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        mine = self.get_queryset(request).first()
        if mine is None:
            return HttpResponseRedirect(reverse("admin:articles_preferences_add"))
        return HttpResponseRedirect(reverse("admin:articles_preferences_change", args=[mine.pk]))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context |= {
            "title": "My preferences",
            "subtitle": None,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Preferences, form: Any, change: bool) -> None:
        obj.user = cast(User, request.user)
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Preferences, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._saved(request)

    def response_change(self, request: HttpRequest, obj: Preferences) -> HttpResponse:
        return self._saved(request)

    def _saved(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, "Saved. Your next articles follow it.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:index"))

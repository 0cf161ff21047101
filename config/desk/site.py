"""The desk: Django's admin with a start page that answers one question, "What needs me?"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone

from backups.desk.page import last_good
from backups.models import Generation
from config.desk.start import greeting, start

# Tables of the machinery. Whoever may see them may also have any dotted function run: nobody but superusers.
SUPERUSERS_ONLY = {"django_q", "axes"}


class SuperusersOnly:
    """Put before an admin class of somebody else: no permission is enough there."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request) and super().has_view_permission(request, obj)  # type: ignore[misc]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request) and super().has_add_permission(request)  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request) and super().has_delete_permission(request, obj)  # type: ignore[misc]


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


class Desk(admin.AdminSite):
    site_header = site_title = "Galley"
    index_title = "What needs me?"
    index_template = "admin/start.html"
    site_url = None
    enable_nav_sidebar = False

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        for model in models:
            chosen = admin_class or admin.ModelAdmin
            if model._meta.app_label in SUPERUSERS_ONLY:
                chosen = type(f"SuperusersOnly{chosen.__name__}", (SuperusersOnly, chosen), {})
            super().register(model, chosen, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The backups are one page; it stands where Django would list the tables of their app."""
        backups = self.get_model_admin(Generation).changelist_view
        return [
            path("start/", self.admin_view(self.start_view), name="start"),
            path("backups/", self.admin_view(backups), name="backups_generation_changelist"),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        machinery = SUPERUSERS_ONLY | {"auth"}
        sections = [
            model
            for app in context["available_apps"]
            if app["app_label"] not in machinery
            for model in app["models"]
            if model["admin_url"]
        ]
        return context | {"sections": sections}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**self._start_context(request), **(extra_context or {})})

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """The moving part of the start page alone."""
        return TemplateResponse(request, "admin/start_parts.html", self._start_context(request))

    def _start_context(self, request: HttpRequest) -> dict[str, Any]:
        allowed = request.user.has_perm("articles.view_article")
        return {
            "start": start(request.user) if allowed else None,
            "greeting": greeting(timezone.localtime()),
            "may_add": request.user.has_perm("articles.add_article"),
            "may_change": request.user.has_perm("articles.change_article"),
            "may_change_batches": request.user.has_perm("articles.change_batch"),
            **self._backups(request),
        }

    def _backups(self, request: HttpRequest) -> dict[str, Any]:
        """One query; nothing for those who may not see backups."""
        if not self.get_model_admin(Generation).has_view_permission(request):
            return {}
        return {"may_see_backups": True, "last_good_backup": last_good()}

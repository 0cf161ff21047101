"""The desk: Django's admin with a start page that answers one question, "What needs me?"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from articles.models import Article, Batch
from articles.models.access import may_look
from audit import doors
from audit.acting import because
from audit.models import Change
from backups.clocks import READER
from backups.desk.page import last_good
from backups.models import Generation
from config.desk.changes import changes, changes_csv
from config.desk.machinery import LookedAt, Timed
from config.desk.machines import machines_page
from config.desk.people import WithinOwnRights
from config.desk.questions import unanswerable
from config.desk.reference import reference_page
from config.desk.start import greeting, start
from config.desk.typed import key_of, page_behind, tell_taken
from config.login import carried
from insights.desk.views import csv_of, found
from publishing.models import PublishTask
from worklist.models import Document

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
MACHINERY = {"django_q", "axes"}
DAILY = (Article, Batch, Document, PublishTask)  # in the menu; the others are below its "More"
# What is put before the admin classes of others, by app or by model.
BEFORE = {
    "django_q": LookedAt,
    "django_q.Schedule": Timed,
    "axes": LookedAt,
    "auth": WithinOwnRights,
}


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
            if before := BEFORE.get(model._meta.label) or BEFORE.get(model._meta.app_label):
                chosen = type(f"{before.__name__}{chosen.__name__}", (before, chosen), {})
            super().register(model, chosen, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The backups are one page; it stands where Django would list the tables of their app."""
        backups = self.get_model_admin(Generation).changelist_view
        return [
            path("typed/", self.admin_view(self.typed_view), name="typed"),
            path("start/", self.admin_view(self.start_view), name="start"),
            path("reference/", self.admin_view(self.reference_view), name="reference"),
            path("insights/", self.admin_view(self.insights_view), name="insights"),
            path("insights/<slug:name>.csv", self.admin_view(csv_of), name="insights_csv"),
            path("changes/", self.admin_view(self.changes_view), name="changes"),
            path("changes.csv", self.admin_view(changes_csv), name="changes_csv"),
            path("machines/", self.admin_view(self.machines_view), name="machines"),
            path("backups/", self.admin_view(backups), name="backups_generation_changelist"),
            *super().get_urls(),
        ]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """With an answer to questions that nothing can answer, for whoever may ask."""
        table = getattr(view, "__self__", None)

        @wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if said := unanswerable(request, table if isinstance(table, admin.ModelAdmin) else None):
                return TemplateResponse(request, "400.html", {"said": said}, status=400)
            return view(request, *args, **kwargs)

        asked = super().admin_view(cast(View, answered), cacheable)

        @wraps(asked)
        def led(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            is_login = request.path == reverse("admin:logout") or request.user.is_authenticated
            if request.method == "POST" and not is_login and (sealed := carried.seal(request)):
                return self._log_in_first(request, sealed)
            with because(doors.reason(request)):
                response = asked(request, *args, **kwargs)
            if response.status_code == 405 and request.method in ("GET", "HEAD"):
                messages.warning(request, "Nothing was done. Press again.")
                return HttpResponseRedirect(page_behind(request.resolver_match))
            tell_taken(request, response)
            return response

        return cast(View, led)

    # What is typed

    def typed_view(self, request: HttpRequest) -> HttpResponse:
        """The key to what this person's browsers keep."""
        return JsonResponse({"person": request.user.pk, "key": key_of(cast(User, request.user))})

    def _log_in_first(self, request: HttpRequest, sealed: str) -> HttpResponse:
        """The page of the login, in which lies what was sent."""
        asked = copy(request)
        asked.method, asked.POST = "GET", QueryDict()
        asked.GET = QueryDict(urlencode({REDIRECT_FIELD_NAME: request.get_full_path()}))
        address = f"{reverse('admin:login')}?{asked.GET.urlencode()}"
        return self.login(asked, {"sealed": sealed, "app_path": address})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With what to do first, as long as there is nobody who could log in; then on with what was sent without a
        session.
        """
        sealed = request.POST.get("sealed", "")
        shown = {"sealed": sealed, "is_empty": not User.objects.exists()}
        response = super().login(request, {**shown, **(extra_context or {})})
        if request.method != "POST" or response.status_code != 302:
            return response
        if sealed and (found := carried.unseal(sealed, request.user)):
            context = {**self.each_context(request), "title": "Going on", "carried": found}
            response = TemplateResponse(request, "admin/go_on.html", context)
        elif sealed:
            messages.warning(request, "What was sent before is somebody else's, or too old. Nothing was done with it.")
        carried.remember(response, request.user)
        return response

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Once for each request: the menu and the start page show the same."""
        if app_label is not None:
            return super().get_app_list(request, app_label)
        known: list[Any] | None = getattr(request, "all_pages", None)
        if known is None:
            known = request.all_pages = super().get_app_list(request)  # type: ignore[attr-defined]
        return known

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        machinery = MACHINERY | {"auth"}
        sections = [
            model
            for app in context["available_apps"]
            if app["app_label"] not in machinery
            for model in app["models"]
            if model["admin_url"]
        ]
        if may_look(request.user, Article):
            sections.append({"name": "Insights", "admin_url": reverse("admin:insights")})
        if self._may_see_backups(request):
            sections.append({"name": "Machines", "admin_url": reverse("admin:machines")})
        if may_look(request.user, Change):
            sections.append({"name": "Changes", "admin_url": reverse("admin:changes")})
        daily = [section for section in sections if section["name"] == "Insights" or section.get("model") in DAILY]
        return context | {"daily": daily, "further": [section for section in sections if section not in daily]}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**self._start_context(request), **(extra_context or {})})

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """The moving part of the start page alone."""
        return TemplateResponse(request, "admin/start_parts.html", self._start_context(request))

    def reference_view(self, request: HttpRequest) -> HttpResponse:
        """What the API can do."""
        return reference_page(request, self.each_context(request))

    def insights_view(self, request: HttpRequest) -> HttpResponse:
        """What works, and what it costs."""
        page = found(request)
        shown = {"title": "Insights", "page": page, "month": page.usage.this_month, "all": page.tasks.all}
        return TemplateResponse(request, "insights/page.html", {**self.each_context(request), **shown})

    def changes_view(self, request: HttpRequest) -> HttpResponse:
        """Who has changed what."""
        shown = {"title": "Changes", "page": changes(request)}
        return TemplateResponse(request, "admin/config/changes.html", {**self.each_context(request), **shown})

    def machines_view(self, request: HttpRequest) -> HttpResponse:
        """Who works, and what waits: for those who look after the backups."""
        if not self._may_see_backups(request):
            raise PermissionDenied
        shown = {"title": "Machines", "page": machines_page()}
        return TemplateResponse(request, "admin/config/machines.html", {**self.each_context(request), **shown})

    def _may_see_backups(self, request: HttpRequest) -> bool:
        return self.get_model_admin(Generation).has_view_permission(request)

    def _start_context(self, request: HttpRequest) -> dict[str, Any]:
        allowed = request.user.has_perm("articles.view_article")
        return {
            "start": start(request.user) if allowed else None,
            "greeting": greeting(READER.now()),
            "may_add": request.user.has_perm("articles.add_article"),
            "may_change": request.user.has_perm("articles.change_article"),
            "may_change_batches": request.user.has_perm("articles.change_batch"),
            **self._backups(request),
        }

    def _backups(self, request: HttpRequest) -> dict[str, Any]:
        """One query; nothing for those who may not see backups."""
        if not self._may_see_backups(request):
            return {}
        return {"may_see_backups": True, "last_good_backup": last_good()}

"""Publish tasks in the desk: the list, and the page of one, which moves by itself."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles.errors import NotPossible
from articles.models.access import EVERYTHING
from articles.templatetags import desk as written
from publishing import publish_tasks
from publishing.desk.task_page import cost, film, log, task_page
from publishing.models import PublishTask
from publishing.models.task import PublishTaskQuerySet


class EndFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "On its way"), ("failed", "Stopped"), ("completed", "Completed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "open":
            return cast(PublishTaskQuerySet, queryset).open()
        return queryset.filter(status=self.value()) if self.value() in ("failed", "completed") else queryset


@admin.register(PublishTask)
class PublishTaskAdmin(admin.ModelAdmin[PublishTask]):
    search_fields = ("article__title", "article__owner__username")
    search_help_text = "Words of the article's title, or whose it is"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_filter = (EndFilter, "created_at", "publisher", "site")
    list_select_related = ("article", "article__owner", "site")
    actions = None
    empty_value_display = "a page at the desk"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Publications", **(extra_context or {})})

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Also by article, whose page leads here."""
        return lookup == "article" or super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> PublishTaskQuerySet:
        found = cast(PublishTaskQuerySet, super().get_queryset(request)).touchable_by(request.user)
        return found.defer("article__html", "article__manuscript")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By Publish, on the page of an article."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PublishTask | None = None) -> bool:
        """Together with its article, which Django asks here."""
        return obj is not None and request.user.has_perm("articles.delete_article")

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Alone it stays, as a record."""
        raise PermissionDenied

    def get_list_display(self, request: HttpRequest) -> Any:
        @admin.display(description="Owner", ordering="article__owner__username")
        def owner(task: PublishTask) -> str:
            return written.owner_for(task.article, request.user)

        return ["name", "to", "state", *([owner] if request.user.has_perm(EVERYTHING) else []), "by", "age"]

    @admin.display(description="Article", ordering="article__title")
    def name(self, task: PublishTask) -> str:
        return str(task.article)

    @admin.display(description="To", ordering="site__name")
    def to(self, task: PublishTask) -> str:
        return str(task.site or "a page at the desk")

    @admin.display(description="State", ordering="status")
    def state(self, task: PublishTask) -> SafeString:
        return render_to_string("admin/publishing/publishtask/state.html", {"page": task_page(task)})

    @admin.display(description="By", ordering="publisher")
    def by(self, task: PublishTask) -> str:
        return str(task.get_way_display() if task.way else task.get_publisher_display())

    @admin.display(description="Age", ordering="created_at")
    def age(self, task: PublishTask) -> SafeString | str:
        return written.ago(task.created_at)

    # The page of one

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/progress/", wrap(self.progress_view), name="publishing_publishtask_progress"),
            path("<int:pk>/film/<int:shot>/", wrap(self.shot_view), name="publishing_publishtask_shot"),
            path("<int:pk>/cancel/", wrap(self.cancel_view), name="publishing_publishtask_cancel"),
            path("<int:pk>/retry/", wrap(self.retry_view), name="publishing_publishtask_retry"),
            *super().get_urls(),
        ]

    def _task(self, request: HttpRequest, pk: int) -> PublishTask:
        task = self.get_queryset(request).select_related("article", "site", "asked_by").filter(pk=pk).first()
        if task is None:
            raise Http404("There is no such publication.")
        return task

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        task = self._task(request, int(object_id)) if object_id.isdecimal() and len(object_id) < 19 else None
        if task is None:
            raise Http404("There is no such publication.")
        context = {
            **self.admin_site.each_context(request),
            "title": str(task),
            "opts": self.opts,
            **self._shown(request, task),
        }
        return TemplateResponse(request, "admin/publishing/publishtask/page.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The moving parts of a task's page alone."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        context = self._shown(request, self._task(request, pk))
        return TemplateResponse(request, "admin/publishing/publishtask/parts.html", context)

    def shot_view(self, request: HttpRequest, pk: int, shot: int) -> HttpResponse:
        """A picture of the film, for whoever may touch the article."""
        found = self._task(request, pk).film.filter(pk=shot).first()
        if found is None:
            raise Http404("There is no such picture, or not any more.")
        private = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return HttpResponse(bytes(found.jpeg), content_type="image/jpeg", headers=private)

    def _shown(self, request: HttpRequest, task: PublishTask) -> dict[str, Any]:
        return {
            "page": replace(task_page(task), film=film(task), cost=cost(task), log=log(task)),
            "may_change": self.has_change_permission(request),
            "user": request.user,
        }

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._act(request, pk, publish_tasks.cancel, "is stopped; what is on the site stays.")

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._act(request, pk, publish_tasks.retry, "goes on.")

    def _act(
        self, request: HttpRequest, pk: int, act: Callable[[PublishTask, User | None], None], said: str
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        task = self._task(request, pk)
        try:
            act(task, cast(User, request.user))
        except NotPossible as exc:
            self.message_user(request, str(exc), messages.WARNING)
        else:
            self.message_user(request, format_html("“{}” {}", task, said), messages.SUCCESS)
        return HttpResponseRedirect(task.get_absolute_url())

"""Batches in the desk: the list, making one, its plan, and the page on which it fills.

Who may touch what is decided in one place, `articles.models.access`, as with articles: the batch of somebody else
is as if it did not exist.
"""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from collections.abc import Callable
from functools import partialmethod
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles.batches import control
from articles.batches.counts import count_batch
from articles.batches.plan import has_other_lists, key_of
from articles.batches.start import start_batch
from articles.desk.batch_forms import BatchForm, file_of
from articles.desk.batch_overviews import batch_overviews
from articles.desk.batch_page import batch_page
from articles.desk.batch_plan_page import BatchPlanPage, batch_plan_page
from articles.desk.plain_fields import plain
from articles.desk.selection import way_back
from articles.errors import NotPossible
from articles.formats import count
from articles.models import Batch, BatchQuerySet
from articles.models.access import EVERYTHING, may_touch
from articles.templatetags import desk as written
from articles.tree.due import due, forget_soon, write_soon

SECONDS_WITHOUT_SCRIPTS = 10
FIELDSETS = [
    ("What it is", {"fields": ["name", "brief"]}),
    ("Styles: an article each", {"fields": ["styles", file_of("styles")]}),
    ("Sections: the same in every article", {"fields": ["sections", file_of("sections")]}),
    ("Pictures", {"fields": ["images_per_style", "images_per_section"]}),
    ("The pages", {"fields": ["style", "formatter", "design", "site"]}),
    ("Money", {"fields": ["budget"]}),
]


class BatchStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in Batch.State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() in Batch.State.values else queryset


class BatchList(ChangeList):
    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        return qs.select_related("owner").defer("styles", "sections", "brief")

    def get_results(self, request: HttpRequest) -> None:
        """With how each of them stands, for all in three queries."""
        super().get_results(request)
        found = list(self.result_list)
        for batch, overview in zip(found, batch_overviews(found, with_articles=True), strict=True):
            batch.overview = overview
        self.result_list = cast(Any, found)


@admin.register(Batch)
class BatchAdmin(admin.ModelAdmin[Batch]):
    search_fields = ("name",)
    search_help_text = "Words of the name"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 25
    list_filter = (BatchStateFilter,)
    actions = None
    change_list_template = "admin/articles/batch/change_list.html"

    # Who

    def get_queryset(self, request: HttpRequest) -> BatchQuerySet:
        return cast(BatchQuerySet, super().get_queryset(request)).touchable_by(request.user).with_cost()

    def has_view_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        return super().has_view_permission(request, obj) and may_touch(request.user, obj)

    def has_change_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        """Only one that was never started: what is made stays known as a part of its batch."""
        unused = obj is None or obj.started_at is None
        return unused and super().has_delete_permission(request, obj) and may_touch(request.user, obj)

    def _batch(self, request: HttpRequest, pk: int) -> Batch:
        batch = self.get_queryset(request).select_related("owner", "site").filter(pk=pk).first()
        if batch is None:
            raise Http404("There is no such batch.")
        return batch

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BatchList

    def get_list_display(self, request: HttpRequest) -> Any:
        @admin.display(description="Owner", ordering="owner__username")
        def owner(batch: Batch) -> str:
            return "you" if batch.owner_id == request.user.pk else batch.owner.get_username()

        whose = [owner] if request.user.has_perm(EVERYTHING) else []
        return ["name", "progress", "stands", "made", *whose, "age", "sum"]

    @admin.display(description="Progress")
    def progress(self, batch: Any) -> SafeString:
        return render_to_string("admin/articles/batch/progress.html", {"overview": batch.overview})

    @admin.display(description="State", ordering="state")
    def stands(self, batch: Batch) -> SafeString:
        state = format_html('<span class="state {}">{}</span>', batch.state, batch.get_state_display())
        if batch.state != Batch.State.PAUSED:
            return state
        return format_html('{} <span class="quiet reason">{}</span>', state, batch.reason)

    @admin.display(description="Articles", empty_value="–")
    def made(self, batch: Any) -> str:
        return ", ".join(said for _, said in batch.overview.completeness)

    @admin.display(description="Age", ordering="created_at")
    def age(self, batch: Batch) -> SafeString | str:
        return written.ago(batch.created_at)

    @admin.display(description="Cost")
    def sum(self, batch: Any) -> SafeString:
        return format_html('<span class="number">{}</span>', written.of_budget(batch.cost, batch.budget))

    # Making one, and changing its lists

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pages = {
            "edit": self.edit_view,
            "plan": self.plan_view,
            "progress": self.progress_view,
            "start": self.start_view,
            "pause": self.pause_view,
            "resume": self.resume_view,
            "cancel": self.cancel_view,
        }
        own = [path(f"<int:pk>/{name}/", wrap(view), name=f"articles_batch_{name}") for name, view in pages.items()]
        return [*own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Batch | None = None) -> Any:
        return FIELDSETS

    def get_form(
        self, request: HttpRequest, obj: Batch | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Batch]]:
        user = {"__init__": partialmethod(BatchForm.__init__, user=request.user)}
        return type("BatchFormOfUser", (BatchForm,), user)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        return plain(super().formfield_for_dbfield(db_field, request, **kwargs))

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                return super().add_view(request, *args, **kwargs)
        except IntegrityError:  # pressed twice: the other one was quicker
            namesakes = Batch.objects.filter(owner=request.user.pk, key=key_of(request.POST.get("name", "")))
            batch = namesakes.first()
            if batch is None:
                raise
            self.message_user(request, format_html("There is a batch “{}” already.", batch), messages.WARNING)
            return HttpResponseRedirect(batch.get_absolute_url())

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form of a batch that is there."""
        batch = self._batch(request, pk)
        if not self.has_change_permission(request, batch):
            raise PermissionDenied
        return super().change_view(request, str(pk), extra_context={"batch": batch})

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Batch | None = None,
    ) -> HttpResponse:
        title = "Make a batch" if obj is None else f"Change “{context['batch']}”"
        context |= {"title": title, "subtitle": None, "show_save_and_continue": False}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: Batch, form: Any, change: bool) -> None:
        """Of one that is there only what was changed: its state and revision move on meanwhile."""
        obj.key = key_of(obj.name)
        if not change:
            obj.owner = cast(User, request.user)
            obj.save(force_insert=True)
        else:
            changed = {name.removesuffix("_file") for name in form.changed_data}
            Batch.objects.filter(pk=obj.pk).update(**due())
            obj.save(update_fields=["key", *sorted(changed)])
        write_soon(obj)

    def delete_model(self, request: HttpRequest, obj: Batch) -> None:
        forget_soon(obj)
        super().delete_model(request, obj)

    def response_add(self, request: HttpRequest, obj: Batch, post_url_continue: str | None = None) -> HttpResponse:
        self.message_user(request, "Saved. Nothing has begun: this is what it would do.", messages.SUCCESS)
        return HttpResponseRedirect(obj.get_absolute_url())

    def response_change(self, request: HttpRequest, obj: Batch) -> HttpResponse:
        if obj.started_at and not has_other_lists(obj):
            self.message_user(request, "Saved. It counts for what is not made yet.", messages.SUCCESS)
            return HttpResponseRedirect(obj.get_absolute_url())
        self.message_user(request, "Saved. Nothing more has begun: this is what it would do.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:articles_batch_plan", args=[obj.pk]))

    # The plan, and the start

    def plan_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What a start would do: of a draft, or with lists that were changed."""
        batch = self._batch(request, pk)
        if not self.has_view_or_change_permission(request, batch):
            raise PermissionDenied
        return self._show_plan(request, batch_plan_page(batch, request.GET.dict()))

    def _show_plan(self, request: HttpRequest, shown: BatchPlanPage, *, changed: bool = False) -> HttpResponse:
        context = {
            **self._context(request, shown.batch),
            "title": str(shown.batch) if not shown.is_changed else f"Add to “{shown.batch}”",
            "plan_page": shown,
            "changed": changed,
            "may_delete": self.has_delete_permission(request, shown.batch),
        }
        return TemplateResponse(request, "admin/articles/batch/plan.html", context)

    def _context(self, request: HttpRequest, batch: Batch) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "batch": batch,
            "may_change": self.has_change_permission(request, batch),
        }

    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Start what the page has shown. What was changed since is shown again and not done."""
        batch = self._changeable(request, pk)
        if isinstance(batch, HttpResponse):
            return batch
        shown = batch_plan_page(batch, request.GET.dict())
        if batch.state == Batch.State.RUNNING and not shown.plan.changes_rows:
            self.message_user(request, format_html("“{}” runs already.", batch), messages.WARNING)
            return HttpResponseRedirect(batch.get_absolute_url())
        if request.POST.get("planned") != shown.signature:
            return self._show_plan(request, shown, changed=True)
        try:
            planned = start_batch(batch, cast(User, request.user))
        except NotPossible as exc:
            self.message_user(request, str(exc), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:articles_batch_plan", args=[pk]))
        articles, sections = len(planned.new_articles), planned.new_sections + planned.missing_sections
        did = f"{count(articles, 'article')}, {count(sections, 'section')}"
        did += f"; left out: {left_out}" if (left_out := planned.there.left_out_words) else ""
        self.log_change(request, batch, f"Start: {did}.")
        said = "“{}” has started: {}. It fills by itself; you may leave this page."
        self.message_user(request, format_html(said, batch, did), messages.SUCCESS)
        return HttpResponseRedirect(batch.get_absolute_url())

    def _changeable(self, request: HttpRequest, pk: int) -> Batch | HttpResponse:
        """The batch on which something is to be done by POST, or the answer to somebody who may not."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        batch = self._batch(request, pk)
        if not self.has_change_permission(request, batch):
            raise PermissionDenied
        return batch

    # The page of one

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How far it is; of one that was never started, its plan."""
        batch = self.get_object(request, unquote(object_id))
        if batch is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]  # Django's own, unknown to the stubs
        if not self.has_view_or_change_permission(request, batch):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        if batch.started_at is None:
            return self.plan_view(request, batch.pk)
        page = batch_page(batch, request.GET.dict())
        context = {
            **self._context(request, batch),
            "title": str(batch),
            "page": page,
            "seconds": SECONDS_WITHOUT_SCRIPTS,
        }
        return TemplateResponse(request, "admin/articles/batch/page.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The moving parts of a batch's page, without the grid, which events keep true."""
        batch = self._batch(request, pk)
        if not self.has_view_or_change_permission(request, batch):
            raise PermissionDenied
        page = batch_page(batch, request.GET.dict(), with_grid=False)
        context = {"batch": batch, "page": page, "may_change": self.has_change_permission(request, batch)}
        return TemplateResponse(request, "admin/articles/batch/parts.html", context | {"user": request.user})

    def pause_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        batch = self._changeable(request, pk)
        if isinstance(batch, HttpResponse):
            return batch
        message = "“{}” pauses: the sections in hand are finished, no others begun."
        return self._do(control.pause, request, batch, "Pause.", message)

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        batch = self._changeable(request, pk)
        if isinstance(batch, HttpResponse):
            return batch
        if "budget" in request.POST:
            field = cast(forms.Field, Batch._meta.get_field("budget").formfield())
            try:
                budget = field.clean(request.POST["budget"])
            except forms.ValidationError as exc:
                self.message_user(request, f"The budget is as it was. {' '.join(exc.messages)}", messages.WARNING)
                return HttpResponseRedirect(way_back(request, batch.get_absolute_url()))
            Batch.objects.filter(pk=batch.pk).update(budget=budget, **due())
            write_soon(batch)
            said = "Raise the budget, and resume." if budget else "Resume without a budget."
            return self._do(control.resume, request, batch, said, "“{}” goes on, with another budget.")
        return self._do(control.resume, request, batch, "Resume.", "“{}” goes on.")

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question; then, with `confirmed`, it is done."""
        batch = self._changeable(request, pk)
        if isinstance(batch, HttpResponse):
            return batch
        if "confirmed" not in request.POST:
            context = {
                **self._context(request, batch),
                "title": f"Cancel “{batch}”",
                "counts": (counts := count_batch(batch)),
                "to_do": counts.total - counts.done,
                "back": way_back(request, batch.get_absolute_url()),
            }
            return TemplateResponse(request, "admin/articles/batch/cancel.html", context)
        return self._do(control.cancel, request, batch, "Cancel.", "“{}” is cancelled; all that is saved stays.")

    def _do(
        self, action: Callable[[Batch, User], str], request: HttpRequest, batch: Batch, note: str, message: str
    ) -> HttpResponse:
        """One message, a line in the history where it was done, and the way back."""
        try:
            action(batch, cast(User, request.user))
        except NotPossible:
            batch.refresh_from_db(fields=["state"])
            state = str(batch.get_state_display()).lower()
            refused = format_html("“{}” is {} by now. Nothing was done.", batch, state)
            self.message_user(request, refused, messages.WARNING)
        else:
            self.log_change(request, batch, note)
            self.message_user(request, format_html(message, batch), messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, batch.get_absolute_url()))

"""The articles in the desk: the list, the page of one, writing one.

Who may touch what is decided in one place, `articles.models.access`: every view, action, object and fragment
here begins with it, so that somebody else's article is as if it did not exist.
"""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from collections.abc import Callable
from functools import partial, partialmethod
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles import formats
from articles.desk.article_forms import CHANGEABLE, COPIED, ChangeForm, MovedOn, PromptInline, frozen_fields, handing_in
from articles.desk.article_page import article_page, manifest_page
from articles.desk.calendar import Month
from articles.desk.calendar_moves import move_view
from articles.desk.filters import BatchFilter, CompletenessFilter, OwnerFilter, ProblemFilter, StateFilter
from articles.desk.listing import cells
from articles.desk.listing.article_list import ArticleList, published_at, searched
from articles.desk.listing.quick_edit import quick_view, site_column
from articles.desk.listing.saved_filters import filter_urls
from articles.desk.plain_fields import plain
from articles.desk.selection import Selection, read_ids, select_articles, ticked_ids, way_back
from articles.desk.writing.files_page import files_view
from articles.desk.writing.page import writing_page
from articles.desk.writing.pasted import pasted_view
from articles.handing_in.submit_form import SubmitForm
from articles.models import Article, ArticleQuerySet, ImageFile
from articles.models.access import EVERYTHING, may_touch
from articles.pipeline import transitions
from articles.templatetags import desk as written
from articles.tree.due import due, forget_soon, write_soon
from articles.unchanged import tag_of, tagged


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin[Article]):
    search_fields = ("title", "idea")
    search_help_text = "Words of the title, the idea or the text, or their beginnings"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    empty_value_display = "none"
    # What the rooms above put on these pages: actions; buttons in each row, for those who may change; addresses before
    # Django's; where a button of the form leads once it has saved.
    actions: list[Callable[..., Any] | str] = ["cancel_chosen"]
    actions_on_top, actions_on_bottom = False, True  # seen once something is chosen, and then nothing moves
    row_buttons: ClassVar[list[Callable[[Article], SafeString]]] = []
    more_urls: ClassVar[list[Callable[[ArticleAdmin], list[URLPattern]]]] = []
    after_save: ClassVar[dict[str, Callable[[Article], str]]] = {}
    add_form_template = "admin/articles/article/write.html"
    save_on_top = False

    # Who

    def get_queryset(self, request: HttpRequest) -> ArticleQuerySet:
        return cast(ArticleQuerySet, super().get_queryset(request)).touchable_by(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return super().has_view_permission(request, obj) and may_touch(request.user, obj)

    def has_change_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        """Not while it moves: work in progress would go on for an article that is gone."""
        rests = obj is None or not obj.is_moving
        return rests and super().has_delete_permission(request, obj) and may_touch(request.user, obj)

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ArticleList

    def get_list_display(self, request: HttpRequest) -> Any:
        @admin.display(description="Owner", ordering="owner__username")
        def owner(article: Article) -> str:
            return written.owner_for(article, request.user)

        whose = [owner] if request.user.has_perm(EVERYTHING) else []
        may_change = self.has_change_permission(request)
        buttons = self.row_buttons if may_change else []
        where = site_column(request, may_change=may_change)
        if request.GET.get(SEARCH_VAR):
            return ["name", "found", "state", where, *whose, "age", *buttons]
        return ["name", "stages", "state", where, *whose, "published", "age", "sum", *buttons]

    def get_list_filter(self, request: HttpRequest) -> Any:
        whose = [OwnerFilter] if request.user.has_perm(EVERYTHING) else []
        # No date_hierarchy: it reads the dates of all articles, for seconds where there are a million.
        return [
            StateFilter,
            ProblemFilter,
            BatchFilter,
            CompletenessFilter,
            *whose,
            "site",
            ("created_at", admin.DateFieldListFilter),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without the one that deletes many: an article is deleted on its own page, or not at all."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @admin.display(description="Title", ordering="title")
    def name(self, article: Article) -> str:
        return str(article)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Article], search_term: str) -> Any:
        named, doubled = super().get_search_results(request, queryset, search_term)
        return searched(cast(ArticleQuerySet, queryset), named, search_term), doubled

    @admin.display(description="Found")
    def found(self, article: Article) -> SafeString | str:
        """Where in its text the words stand; only while somebody searches."""
        return article.passage or "in its title"  # type: ignore[attr-defined]  # from its list

    @admin.display(description="Stages")
    def stages(self, article: Article) -> SafeString:
        return cells.stages(article)

    @admin.display(description="State", ordering="status")
    def state(self, article: Article) -> SafeString:
        return cells.state(article)

    @admin.display(description="Published")
    def published(self, article: Article) -> SafeString | str:
        """When readers could see it first, or will; nothing where a site has it as a draft."""
        return published_at(article)

    @admin.display(description="Age", ordering="created_at")
    def age(self, article: Article) -> SafeString | str:
        return written.ago(article.created_at)

    @admin.display(description="Cost", ordering="known_cost")
    def sum(self, article: Article) -> SafeString:
        return cells.cost(article)

    def action_checkbox(self, obj: Article) -> SafeString:
        return cells.checkbox(obj)

    # The calendar

    def calendar_view(self, request: HttpRequest) -> HttpResponse:
        """The scheduled articles of one month, `?month=2026-11`."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        month = Month.read(request.GET.get("month", ""))
        context = {
            **self.admin_site.each_context(request),
            "title": "Calendar",
            "opts": self.opts,
            "month": month,
            "weeks": month.weeks(self.get_queryset(request)),
            "has_add_permission": self.has_add_permission(request),
            "has_change_permission": self.has_change_permission(request),
        }
        return TemplateResponse(request, "admin/articles/article/calendar.html", context)

    # Cancel, for one and for many

    @admin.action(description="Cancel the chosen articles", permissions=["change"])
    def cancel_chosen(self, request: HttpRequest, queryset: ArticleQuerySet) -> HttpResponse:
        return self._ask_to_cancel(request, ticked_ids(request, queryset))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            *(pattern for add in self.more_urls for pattern in add(self)),
            path("files/", wrap(partial(files_view, self)), name="articles_article_files"),
            path("pasted/", wrap(partial(pasted_view, self)), name="articles_article_pasted"),
            *filter_urls(self),
            path("rows/", wrap(partial(cells.rows_view, self, self.row_buttons)), name="articles_article_rows"),
            path("<int:pk>/quick/", wrap(partial(quick_view, self)), name="articles_article_quick"),
            path("cancel/", wrap(self.cancel_many_view), name="articles_article_cancel_many"),
            path("calendar/", wrap(self.calendar_view), name="articles_article_calendar"),
            path("calendar/move/", wrap(partial(move_view, self)), name="articles_article_calendar_move"),
            path("<int:pk>/cancel/", wrap(self.cancel_view), name="articles_article_cancel"),
            path("<int:pk>/progress/", wrap(self.progress_view), name="articles_article_progress"),
            *super().get_urls(),
        ]

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Without a question: what is saved stays, and Recover goes on with it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        article = self._article(request, pk)
        if not self.has_change_permission(request, article):
            raise PermissionDenied
        if self._cancel(request, article):
            said = format_html("“{}” is cancelled; all that is saved stays.", article)
            self.message_user(request, said, messages.SUCCESS)
        else:
            said = format_html("“{}” is {} by now. Nothing was done.", article, status_of(pk))
            self.message_user(request, said, messages.WARNING)
        return HttpResponseRedirect(way_back(request, article.get_absolute_url()))

    def cancel_many_view(self, request: HttpRequest) -> HttpResponse:
        """The question; then, with `confirmed`, it is done, for the ids that the page holds."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        ids = read_ids(request.POST.get("ids", ""))
        if "confirmed" not in request.POST:
            return self._ask_to_cancel(request, ids)
        done = sum(self._cancel(request, article) for article in self._cancellable(request, ids).articles)
        self.say_how_many(request, done, len(ids), "cancelled")
        return HttpResponseRedirect(way_back(request, reverse("admin:articles_article_changelist")))

    def _ask_to_cancel(self, request: HttpRequest, ids: list[int]) -> HttpResponse:
        chosen = self._cancellable(request, ids)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Cancel {formats.count(len(chosen.articles), 'article')}",
            "opts": self.opts,
            "chosen": chosen,
            "back": way_back(request, reverse("admin:articles_article_changelist")),
        }
        return TemplateResponse(request, "admin/articles/article/cancel.html", context)

    def _cancellable(self, request: HttpRequest, ids: list[int]) -> Selection:
        return select_articles(ids, self.get_queryset(request), lambda article: article.can_cancel, "finished already")

    def _cancel(self, request: HttpRequest, article: Article) -> bool:
        done = transitions.cancel(article, cast(User, request.user))
        if done:
            self.log_change(request, article, "Cancel.")
        return done

    def say_how_many(self, request: HttpRequest, done: int, wanted: int, verb: str) -> None:
        """One message after something was done to many."""
        said = f"{formats.count(done, 'article')} {verb}."
        if left := wanted - done:
            said += f" {formats.count(left, 'article')} left as {'it was' if left == 1 else 'they were'}."
        self.message_user(request, said, messages.SUCCESS if done else messages.WARNING)

    # The page of one article

    def _article(self, request: HttpRequest, pk: int) -> Article:
        articles = self.get_queryset(request).select_related("owner", "site", "batch")
        light = articles.defer("manuscript", "earlier_manuscripts", "html")
        article = light.with_written().prefetch_related("records", "images").filter(pk=pk).first()
        if article is None:
            raise Http404("There is no such article.")
        return article

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The moving parts of an article's page alone."""
        may_change = self.has_change_permission(request)

        def made() -> HttpResponse:
            article = self._article(request, pk)
            context = {"page": article_page(article, request.user), "may_change": may_change, "user": request.user}
            return TemplateResponse(request, "admin/articles/article/parts.html", context)

        tag = tag_of(request, self.get_queryset(request).filter(pk=pk), request.user.pk, may_change)
        return tagged(request, tag, made)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Article | None = None,
    ) -> HttpResponse:
        if obj is None:
            writing = writing_page(context["adminform"], cast(User, request.user))
            context |= {"title": "Write an article", "show_save_and_add_another": False, "writing": writing}
        else:
            # Read again: a form with errors has put its values into `obj`.
            article = self._article(request, obj.pk)
            if article.rests != obj.rests and request.method == "GET":
                # It came to rest, or moved on, between the form and what stands around it: nothing would change that.
                return HttpResponseRedirect(request.get_full_path())
            context |= {
                "title": str(article),
                "subtitle": None,
                "page": article_page(article, request.user),
                "manifest": manifest_page(article),
                "may_change": self.has_change_permission(request, article),
                "show_save": article.rests,
            }
        context["show_save_and_continue"] = False
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What `?copy=` names, if it is theirs: handed in again, all that a person has given is as it was."""
        said = super().get_changeform_initial_data(request)
        pk = read_ids(str(said.pop("copy", "")))[:1]
        copied = self.get_queryset(request).filter(pk__in=pk).first()
        return {**said, **({name: getattr(copied, name) for name in COPIED} if copied else {})}

    def get_fieldsets(self, request: HttpRequest, obj: Article | None = None) -> Any:
        if obj is None:
            return handing_in()
        return [(None, {"fields": [*CHANGEABLE, "scheduled_at"] if obj.is_scheduled else CHANGEABLE})]

    def get_readonly_fields(self, request: HttpRequest, obj: Article | None = None) -> list[str]:
        return [] if obj is None else frozen_fields(obj)

    def get_inlines(self, request: HttpRequest, obj: Article | None) -> list[Any]:
        return [PromptInline] if obj and obj.rests and obj.images.filter(sha256="", own="").exists() else []

    def get_form(
        self, request: HttpRequest, obj: Article | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Article]]:
        if obj is None:
            user = {"__init__": partialmethod(SubmitForm.__init__, user=request.user)}
            return type("SubmitFormOfUser", (SubmitForm,), user)
        return super().get_form(request, obj, change, **{"form": ChangeForm, **kwargs})

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "scheduled_at":
            return cast(forms.Field, db_field.formfield(**kwargs))  # in one field, not in Django's two
        return plain(super().formfield_for_dbfield(db_field, request, **kwargs))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        article = self.get_object(request, object_id)
        try:
            if request.method == "POST" and article and not article.rests:
                raise MovedOn
            return super().change_view(request, object_id, *args, **kwargs)
        except MovedOn:
            self.message_user(request, "It is not stopped any more. Nothing was changed.", messages.WARNING)
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: Article, form: Any, change: bool) -> None:
        """Hands a new one in. Of an old one only what was changed is written, and only while nobody works on it."""
        if not change:
            form.submit()
            for sentence in form.unusable:
                self.message_user(request, sentence, messages.WARNING)
            return
        changed = {name: form.cleaned_data[name] for name in form.changed_data} | due()
        if "scheduled_at" in changed:
            changed["next_at"] = changed["scheduled_at"] or timezone.now()
        if not Article.objects.resting().filter(pk=obj.pk).update(**changed):
            raise MovedOn
        write_soon(obj)  # with what is changed of its pictures, as both are one transaction

    def delete_model(self, request: HttpRequest, obj: Article) -> None:
        if not obj.attempt:
            forget_soon(obj)
        super().delete_model(request, obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for image, names in formset.changed_objects:
            changed = {name: getattr(image, name) for name in names}
            ImageFile.objects.filter(pk=image.pk, sha256="").update(**changed)

    def response_add(self, request: HttpRequest, obj: Article, post_url_continue: str | None = None) -> HttpResponse:
        said = "“{}” is handed in. It is made by itself; you may leave this page."
        self.message_user(request, format_html(said, obj), messages.SUCCESS)
        return HttpResponseRedirect(obj.get_absolute_url())

    def response_change(self, request: HttpRequest, obj: Article) -> HttpResponse:
        for button, address in self.after_save.items():
            if button in request.POST:
                return HttpResponseRedirect(address(obj))
        said = "It begins by itself." if obj.is_scheduled else "Press Recover to go on with it."
        self.message_user(request, f"Saved. {said}", messages.SUCCESS)
        return HttpResponseRedirect(obj.get_absolute_url())


def status_of(pk: int) -> str:
    article = Article.objects.only("status").get(pk=pk)
    return str(article.get_status_display()).lower()

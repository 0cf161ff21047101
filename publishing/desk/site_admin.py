"""The sites in the desk. Their passwords go in and never come out again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from articles.desk.selection import MOST
from articles.formats import count
from articles.models import Article
from articles.providers.errors import IT
from publishing.desk.site_form import SiteForm
from publishing.models import Site, Way
from publishing.trial.findings import Finding, Trial
from publishing.trial.trial import try_site
from publishing.trial.wording import MARKS, STATES, title, trouble, verdict, words


@dataclass(frozen=True)
class Row:
    """A finding as its line: `state` is of `STATES`."""

    title: str
    mark: str
    state: str
    sentence: str
    advice: str

    @classmethod
    def of(cls, site: Site, finding: Finding) -> Row:
        return cls(title(finding), MARKS[finding.state], STATES[finding.state], *words(site, finding))


@dataclass(frozen=True)
class Shown:
    """What was found when the site was tried last."""

    at: datetime
    rows: list[Row]

    @classmethod
    def of(cls, site: Site) -> Shown | None:
        trial = Trial.kept(site)
        return cls(trial.at, [Row.of(site, finding) for finding in trial.findings]) if trial else None


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin[Site]):
    form = SiteForm
    list_display = ("name", "url", "user", "kind")
    search_fields = ("name", "url")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Not by the encrypted password: the list would tell it letter by letter."""
        return not lookup.startswith("encrypted_") and super().lookup_allowed(lookup, value, request)

    search_help_text = "Words of the name, or of the address"
    show_full_result_count = False
    actions = None

    def get_fieldsets(self, request: HttpRequest, obj: Site | None = None) -> Any:
        may_change = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        login = ["user", "kind", *(["password", "web_password"] if may_change else [])]
        closed = ["closed"] if obj and obj.closed_ways else []
        return [
            (None, {"fields": ["name", "url"]}),
            ("Signing in", {"fields": login}),
            ("Posts", {"fields": ["publisher", "ways", *closed, "design", "typography", "hero", "time_limit"]}),
            (
                "Where nobody says otherwise",
                {"fields": ["posts", "categories", "tags", "comments", "seo_optimization"]},
            ),
        ]

    readonly_fields = ("closed",)

    @admin.display(description="Closed ways")
    def closed(self, site: Site) -> str:
        """Which are not tried at present, and why; Save, Test and Recover try them again."""
        said = [f"{Way(way).label}: {why['reason'].replace(IT, 'it')}" for way, why in site.closed_ways.items()]
        return f"{'; '.join(said)}. Saving the site opens them again."

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        original = context.get("original")
        context |= {
            "title": str(original) if original else "Add a site",
            "subtitle": None,
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
            "trial": Shown.of(original) if original else None,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.in_clear:
            self.message_user(request, obj.in_clear, messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test_view)
        return [path("<int:pk>/test/", view, name="publishing_site_test"), *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Tries the site with what is stored; its page shows what was found."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        site = self.get_queryset(request).filter(pk=pk).first()
        if site is None:
            raise Http404("There is no such site.")
        if not self.has_change_permission(request, site):
            raise PermissionDenied
        self._try(request, site)
        return HttpResponseRedirect(reverse("admin:publishing_site_change", args=[site.pk]))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """A new password is tried at once, when it is saved for good."""
        response = super().change_view(request, object_id, *args, **kwargs)
        if request.method == "POST" and response.status_code == 302 and request.POST.get("password"):
            self._try(request, self.get_queryset(request).get(pk=object_id))
        return response

    def _try(self, request: HttpRequest, site: Site) -> None:
        """With what waits for it, and the button that goes on with that."""
        trial = try_site(site)
        trial.keep()
        self.log_change(request, site, "Tested: it works." if trial.works else f"Tested: {trouble(trial)}")
        if not trial.works:
            self.message_user(request, verdict(trial), messages.ERROR)
            return
        mine = Article.objects.touchable_by(request.user).filter(site=site, status=Article.Status.FAILED)
        waiting = mine.filter(cause__startswith=f"wordpress:{site.pk}|").order_by("pk").values_list("pk", flat=True)
        ids = list(waiting[:MOST])
        if not ids or not request.user.has_perm("articles.change_article"):
            self.message_user(request, verdict(trial), messages.SUCCESS)
            return
        address = f"{reverse('admin:articles_article_recover')}?ids={','.join(map(str, ids))}"
        link = '{} <a href="{}">Recover {}</a>'
        said = format_html(link, verdict(trial), address, count(len(ids), "article"))
        self.message_user(request, said, messages.SUCCESS)

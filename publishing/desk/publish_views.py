"""Publish, for one article and for a selection: what is there, what will be there, then the deed.

Put on the articles' own pages, so that permissions, breadcrumbs and history are theirs.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from articles import formats
from articles.desk.article_admin import ArticleAdmin
from articles.desk.selection import Selection, read_ids, select_articles, ticked_ids, way_back
from articles.errors import NotPossible
from articles.models import Article, ArticleQuerySet, Stage, StageRecord
from publishing import publish_tasks
from publishing.desk.forms import PublishForm
from publishing.desk.outlook import Outlook, outlook
from publishing.models import Site
from publishing.options import Options

LEFT_OUT = "stopped before the last stage: recover first"
MAY = "publishing.add_publishtask"


@admin.action(description="Publish the chosen articles", permissions=["change"])
def publish_chosen(desk: ArticleAdmin, request: HttpRequest, queryset: ArticleQuerySet) -> HttpResponse:
    return PublishViews(desk).ask(request, ticked_ids(request, queryset))


class PublishViews:
    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        return [path("publish/", self.desk.admin_site.admin_view(self.view), name="articles_article_publish")]

    def view(self, request: HttpRequest) -> HttpResponse:
        """The question for `ids`; with `confirmed`, by POST, the deed, for the choice whose outlook was shown."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        if not self.desk.has_change_permission(request) or not request.user.has_perm(MAY):
            raise PermissionDenied
        said = request.POST if request.method == "POST" else request.GET
        ids = read_ids(said.get("ids", ""))
        form = PublishForm(said, many=len(ids) != 1) if request.method == "POST" and "site" in said else None
        if (
            form is not None
            and form.is_valid()
            and "confirmed" in said
            and form.cleaned_data["planned"] == _signed(form)
        ):
            return self._publish(request, ids, form)
        return self.ask(request, ids, form)

    def ask(self, request: HttpRequest, ids: list[int], form: PublishForm | None = None) -> HttpResponse:
        chosen = self._publishable(request, ids)
        back = way_back(request, reverse("admin:articles_article_changelist"))
        if form is None:
            form = PublishForm(_as_it_is(chosen.articles), many=len(ids) != 1) if _sites() else None
            changed = False
        else:
            changed = form.is_valid() and form.cleaned_data["planned"] != _signed(form)
        will = self._outlook(chosen, form)
        number = formats.count(len(chosen.articles), "article")
        context: dict[str, Any] = {
            **self.desk.admin_site.each_context(request),
            "title": f"Publish “{chosen.articles[0]}”" if len(chosen.articles) == 1 else f"Publish {number}",
            "opts": self.desk.opts,
            "chosen": chosen,
            "form": form,
            "signed": _signed(form) if form is not None and form.is_valid() else "",
            "changed": changed,
            "will": will,
            "waits": sum(article.status != Article.Status.DONE for article in chosen.articles),
            "back": back,
        }
        return TemplateResponse(request, "admin/publishing/publish.html", context)

    def _publishable(self, request: HttpRequest, ids: list[int]) -> Selection:
        return select_articles(ids, self.desk.get_queryset(request), _may_go, LEFT_OUT)

    def _outlook(self, chosen: Selection, form: PublishForm | None) -> Outlook | None:
        if form is None or not form.is_valid() or not chosen.articles:
            return None
        return outlook(chosen.articles, form.cleaned_data["site"], form.options, form.cleaned_data["publisher"])

    def _publish(self, request: HttpRequest, ids: list[int], form: PublishForm) -> HttpResponse:
        chosen, site = self._publishable(request, ids), form.cleaned_data["site"]
        tasks = []
        for article in chosen.articles:
            try:
                task, is_new = publish_tasks.submit(
                    article,
                    site,
                    cast(User, request.user),
                    publisher=form.cleaned_data["publisher"],
                    options=form.options,
                    may_cost=True,  # the page has said how much
                )
            except NotPossible as exc:
                self.desk.message_user(request, f"“{article}”: {exc}", messages.WARNING)
                continue
            tasks.append(task)
            if is_new:
                self.desk.log_change(request, article, f"Publish on {site}.")
        if len(tasks) == 1:
            return HttpResponseRedirect(tasks[0].get_absolute_url())
        said = f"{formats.count(len(tasks), 'article')} on the way to {site}."
        self.desk.message_user(request, said, messages.SUCCESS if tasks else messages.WARNING)
        return HttpResponseRedirect(reverse("admin:publishing_publishtask_changelist"))


def _may_go(article: Article) -> bool:
    """Not what would pay for other stages: that is Recover, with its plan."""
    unfinished = [record for record in article.records.all() if record.state != StageRecord.State.DONE]
    return article.status not in publish_tasks.STOPPED or all(record.stage == Stage.UPLOAD for record in unfinished)


def _sites() -> bool:
    return Site.objects.exists()


def _as_it_is(articles: list[Article]) -> dict[str, Any]:
    """Where they have gone, or go, already; else the first site."""
    of_article = next((article.site_id for article in articles if article.site_id), None)
    site = of_article or Site.objects.values_list("pk", flat=True).first()
    return {"site": site, "when": "draft"} | _standing(Site.objects.filter(pk=site or 0).first())


def _standing(site: Site | None) -> dict[str, Any]:
    """How the site wants its posts, as the form has it."""
    wishes = site.wishes if site else Options()
    return {
        "when": "now" if wishes.publish_immediately else "draft",
        "tags": ", ".join(wishes.tags),
        "comments": wishes.comments,
        "seo_optimization": "on" if wishes.seo_optimization else "",
    }


def _signed(form: PublishForm) -> str:
    """Of the choice, to know at the deed whether its outlook was shown."""
    names = ("site", "when", "publish_at", "publisher", "write_over")
    return "|".join(str(form.cleaned_data.get(name) or "") for name in names)


ArticleAdmin.actions.insert(1, publish_chosen)
ArticleAdmin.more_urls.append(lambda desk: PublishViews(desk).urls())

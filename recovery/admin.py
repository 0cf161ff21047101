"""What ends a failure in the desk: Recover with its plan, for one and for many; the sweep.

Put on the articles' own pages, so that permissions, breadcrumbs and history are theirs.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles import formats
from articles.batches import control
from articles.desk.article_admin import ArticleAdmin, status_of
from articles.desk.selection import Selection, read_ids, select_articles, ticked_ids, way_back
from articles.errors import NotPossible
from articles.failures import Failure, with_cause
from articles.models import Article, ArticleQuerySet, Batch, Section
from articles.pipeline import transitions
from articles.pipeline.sweep import sweep
from articles.providers.errors import ProviderError
from recovery.changes.look_page import LookPage
from recovery.changes.picture_page import PicturePage
from recovery.changes.versions_page import VersionsPage
from recovery.forms import RecoverForm
from recovery.groups.page import GroupsPage
from recovery.handover.page import HandoverPage
from recovery.manuscript_page import ManuscriptPage
from recovery.plan import Plan, Total, plans


@admin.display(description=format_html('<span class="visually-hidden">{}</span>', "Button"))
def recover_button(article: Article) -> SafeString:
    """In each line of the list, so without a template."""
    button = SafeString()
    if article.can_recover and not article.is_scheduled:
        address = f"{reverse('admin:articles_article_recover')}?ids={article.pk}"
        what = '<button class="row-button" formaction="{}" formmethod="post" aria-label="Recover {}">Recover</button>'
        button = format_html(what, address, article)
    return format_html('<div data-part="button-{}">{}</div>', article.pk, button)


@admin.action(description="Recover the chosen articles", permissions=["change"])
def recover_chosen(desk: ArticleAdmin, request: HttpRequest, queryset: ArticleQuerySet) -> HttpResponse:
    return RecoverViews(desk).ask(request, ticked_ids(request, queryset), RecoverForm())


def recover_address(article: Article) -> str:
    """Where the plan for an article is shown, which leads back to the article."""
    said = {"ids": article.pk, "back": article.get_absolute_url()}
    return f"{reverse('admin:articles_article_recover')}?{urlencode(said)}"


class RecoverViews:
    """The pages that recovery puts below those of the articles."""

    def __init__(self, desk: ArticleAdmin) -> None:
        self.desk = desk

    def urls(self) -> list[URLPattern]:
        wrap = self.desk.admin_site.admin_view
        return [
            path("recover/", wrap(self.recover_view), name="articles_article_recover"),
            path("sweep/", wrap(self.sweep_view), name="articles_article_sweep"),
        ]

    # Recover

    def recover_view(self, request: HttpRequest) -> HttpResponse:
        """The plan and its cost for `ids`, all of a `problem` or of a `batch`; with `confirmed`, by POST, the deed.

        The deed is for the ids that the page holds, and for the choice whose plan it showed. A `batch` goes on with
        them; else what belongs to one that rests goes on alone.
        """
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        if not self.desk.has_change_permission(request):
            raise PermissionDenied
        said = request.POST if request.method == "POST" else request.GET
        ids = read_ids(said.get("ids") or request.GET.get("ids", ""))
        batch = self._batch(request, said.get("batch", ""))
        if problem := said.get("problem"):
            ids = list(with_cause(self.desk.get_queryset(request), problem).values_list("pk", flat=True))
        elif batch and not ids:
            # What only waits goes on by itself.
            ids = list(batch.articles.filter(control.STOPPED).order_by("pk").values_list("pk", flat=True))
        form = RecoverForm(said) if "planned" in said else RecoverForm()
        shown = form.was_planned and (batch is None or said.get("state") == batch.state)
        if request.method == "POST" and "confirmed" in said and shown:
            return self._recover(request, ids, form, batch)
        return self.ask(request, ids, form, batch)

    def _batch(self, request: HttpRequest, said: str) -> Batch | None:
        """The batch that somebody wants to recover as a whole."""
        return Batch.objects.touchable_by(request.user).filter(pk__in=read_ids(said)[:1]).first()

    def _recoverable(self, request: HttpRequest, ids: list[int]) -> Selection:
        return select_articles(
            ids, self.desk.get_queryset(request), lambda article: article.can_recover, "neither stopped nor cancelled"
        )

    def ask(self, request: HttpRequest, ids: list[int], form: RecoverForm, batch: Batch | None = None) -> HttpResponse:
        chosen = self._recoverable(request, ids)
        back = way_back(request, reverse("admin:articles_article_changelist"))
        if (
            not chosen.articles
            and len(ids) == 1
            and (article := self.desk.get_queryset(request).filter(pk=ids[0]).first())
        ):
            said = format_html("“{}” is {} by now. There is nothing to recover.", article, status_of(article.pk))
            self.desk.message_user(request, said, messages.WARNING)
            return HttpResponseRedirect(article.get_absolute_url())
        total, problem = _total(chosen, form)
        verb = "Begin" if chosen.articles and all(article.is_scheduled for article in chosen.articles) else "Recover"
        context = {
            **self.desk.admin_site.each_context(request),
            "title": f"{verb} {formats.count(len(chosen.articles), 'article')}",
            "opts": self.desk.opts,
            "chosen": chosen,
            "form": form,
            "changed": form.is_bound and form.is_valid() and not form.was_planned,
            "total": total,
            "scheduled": sum(article.is_scheduled for article in chosen.articles),
            "problem": problem,
            **_of_batches(chosen, batch),
            "back": back,
        }
        return TemplateResponse(request, "admin/recovery/recover.html", context)

    def _recover(self, request: HttpRequest, ids: list[int], form: RecoverForm, batch: Batch | None) -> HttpResponse:
        chosen = self._recoverable(request, ids)
        if batch and chosen.articles:
            self._wake(request, batch)
        # Nothing is read here: each article looks through its own files before it goes on.
        made = plans(chosen.articles, form.options, patience=0)
        done = [plan.article for plan in made if self._recover_one(request, plan)]
        if len(ids) == 1 and done:
            self.desk.message_user(request, format_html("“{}” goes on.", done[0]), messages.SUCCESS)
        else:
            self.desk.say_how_many(request, len(done), len(ids), "recovered")
        return HttpResponseRedirect(way_back(request, reverse("admin:articles_article_changelist")))

    def _recover_one(self, request: HttpRequest, plan: Plan) -> bool:
        done = transitions.resume(plan.article, cast(User, request.user), plan.work)
        if done:
            self.desk.log_change(request, plan.article, f"Recover: {', '.join(plan.work.again)}.")
        return done

    def _wake(self, request: HttpRequest, batch: Batch) -> None:
        """The batch goes on, as the page said; somebody else may have been quicker."""
        try:
            control.go_on(batch)
        except NotPossible as exc:
            self.desk.message_user(request, str(exc), messages.WARNING)

    # What was interrupted

    def sweep_view(self, request: HttpRequest) -> HttpResponse:
        """What the workers do each minute by themselves, now."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.desk.has_change_permission(request):
            raise PermissionDenied
        self.desk.message_user(request, sweep().sentence, messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, reverse("admin:articles_article_stopped")))


def _of_batches(chosen: Selection, batch: Batch | None) -> dict[str, Any]:
    """What the page says of batches that rest: one that is recovered as a whole goes on, with all that is in line;
    others stay as they are (a query).
    """
    resting = Batch.objects.filter(state__in=[Batch.State.PAUSED, Batch.State.CANCELLED])
    if batch is None:
        return {"resting": resting.filter(pk__in={article.batch_id for article in chosen.articles})}
    if batch.state == Batch.State.RUNNING:
        return {}
    in_line = batch.all_sections.filter(article__status=Article.Status.DRAFT).exclude(state=Section.State.DONE)
    counted = in_line.aggregate(articles=Count("article", distinct=True), sections=Count("pk"))
    return {"waking": batch, "in_line": counted}


def _total(chosen: Selection, form: RecoverForm) -> tuple[Total, str]:
    """The plan, and a sentence where the storage could not be looked into: then the saved rows alone speak."""
    try:
        return Total(plans(chosen.articles, form.options)), ""
    except ProviderError as exc:
        return Total(plans(chosen.articles, form.options, patience=0)), f"{Failure.of(exc).sentence}."


ArticleAdmin.actions.insert(0, recover_chosen)
ArticleAdmin.row_buttons.append(recover_button)
ArticleAdmin.more_urls.append(lambda desk: RecoverViews(desk).urls())
ArticleAdmin.more_urls.append(lambda desk: GroupsPage(desk).urls())
ArticleAdmin.more_urls.append(lambda desk: ManuscriptPage(desk).urls())
ArticleAdmin.more_urls.append(lambda desk: HandoverPage(desk).urls())
ArticleAdmin.more_urls.append(lambda desk: PicturePage(desk).urls())
ArticleAdmin.more_urls.append(lambda desk: LookPage(desk).urls())
ArticleAdmin.more_urls.append(lambda desk: VersionsPage(desk).urls())
ArticleAdmin.after_save["_recover"] = recover_address  # to the plan: what was changed counts for it

"""The desk: Django's admin with a start page that answers one question, "What needs me?"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Model, Sum
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone

from articles.batch_page import Overview, overviews
from articles.failures import Problem, problems
from articles.models import Article, Batch, Call
from articles.models.access import EVERYTHING
from articles.pipeline.worker_health import queued_since
from backups.desk.page import last_good
from backups.models import Generation

# Tables of the machinery. Whoever may see them may also have any dotted function run: nobody but superusers.
SUPERUSERS_ONLY = {"django_q", "axes"}
SHOWN = 8  # lines of a kind on the start page
UNCLAIMED = timedelta(minutes=2)


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


@dataclass(frozen=True)
class Start:
    """What the start page says to one person."""

    problems: list[Problem]
    more_problems: int
    stopped: int
    batches: list[Overview]  # that run
    paused: list[Batch]
    moving: list[Article]
    more_moving: int
    unclaimed_since: datetime | None
    done: list[Article]
    done_today: int
    scheduled: int
    cost_today: Decimal
    is_new: bool


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


def greeting(now: datetime) -> str:
    if now.hour < 5 or now.hour >= 18:
        return "Good evening"
    return "Good morning" if now.hour < 12 else "Good afternoon"


def start(user: AbstractBaseUser | AnonymousUser) -> Start:
    """What concerns this person (eleven queries, thirteen where batches run, however many articles there are)."""
    mine = Article.objects.touchable_by(user)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    scheduled = mine.filter(status=Article.Status.WAITING, attempt=0)
    # Sorted here: the database would walk through all articles by their date to find the few that move.
    # Those of batches are shown as one line, their batch's.
    moving = mine.filter(batch=None, status__in=[Article.Status.RUNNING, Article.Status.QUEUED, Article.Status.WAITING])
    oldest = sorted(moving.exclude(pk__in=scheduled.values("pk")).order_by().values_list("created_at", "pk"))
    done = mine.filter(status=Article.Status.DONE, ended_at__gte=midnight)
    shown = mine.filter(pk__in=[pk for _, pk in oldest[:SHOWN]]).order_by("created_at", "pk").with_progress()
    calls = Call.objects.filter(received_at__gte=midnight)
    if isinstance(user, User) and not user.has_perm(EVERYTHING):
        calls = calls.filter(article__owner=user)
    open_batches = Batch.objects.touchable_by(user).filter(state__in=[Batch.State.RUNNING, Batch.State.PAUSED])
    under_way = list(open_batches.select_related("owner").defer("styles", "sections", "brief"))
    spent = calls.aggregate(sum=Sum("cost"))["sum"]
    found = problems(mine)
    return Start(
        problems=found[:SHOWN],
        more_problems=max(len(found) - SHOWN, 0),
        stopped=sum(problem.count for problem in found),
        batches=overviews([batch for batch in under_way if batch.state == Batch.State.RUNNING]),
        paused=[batch for batch in under_way if batch.state == Batch.State.PAUSED],
        moving=list(shown),
        more_moving=max(len(oldest) - SHOWN, 0),
        unclaimed_since=_unclaimed_since(),
        done=list(done.order_by("-ended_at").with_progress()[:SHOWN]),
        done_today=done.count(),
        cost_today=spent or Decimal(0),
        scheduled=scheduled.count(),
        is_new=not (mine.exists() or under_way),
    )


def _unclaimed_since() -> datetime | None:
    """Since when articles are queued while nobody works on any: then the operator must look."""
    if Article.objects.filter(status=Article.Status.RUNNING).exists():
        return None
    since = queued_since()
    return since if since and since <= timezone.now() - UNCLAIMED else None

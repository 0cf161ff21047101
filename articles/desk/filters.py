"""Filters of the list of articles."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from articles.batches.completeness import COMPLETENESS, of_completeness
from articles.failures import problems, with_cause
from articles.models import Article, ArticleQuerySet, Batch

MOST_BATCHES = 20  # in the filter
Choices = list[tuple[str, str]]
STATES = {
    "moving": ("On its way or scheduled", [Article.Status.RUNNING, Article.Status.QUEUED, Article.Status.WAITING]),
    "stopped": ("Stopped", [Article.Status.FAILED]),
    "done": ("Done", [Article.Status.DONE]),
    "cancelled": ("Cancelled", [Article.Status.CANCELLED]),
}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(name, label) for name, (label, _) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        _, statuses = STATES.get(self.value() or "", ("", None))
        return queryset if statuses is None else queryset.filter(status__in=statuses)


class ProblemFilter(admin.SimpleListFilter):
    """Shown only where something stopped."""

    title = "problem"
    parameter_name = "problem"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        mine = Article.objects.touchable_by(request.user)
        return [(problem.cause, f"{problem.label} ({problem.count:,})") for problem in problems(mine)]

    def has_output(self) -> bool:
        """Also when the problem was just solved, so that a link to it shows an empty list and not a full one."""
        return bool(self.lookup_choices or self.value())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        cause = self.value()
        return with_cause(cast(ArticleQuerySet, queryset), cause) if cause else queryset


class BatchFilter(admin.SimpleListFilter):
    """Shown only to those who have batches; the newest are listed."""

    title = "batch"
    parameter_name = "batch"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        mine = Batch.objects.touchable_by(request.user).filter(started_at__isnull=False)
        return [(str(pk), name) for pk, name in mine.values_list("pk", "name")[:MOST_BATCHES]]

    def has_output(self) -> bool:
        """Also for an older one, to which its own page has led."""
        return bool(self.lookup_choices or self.value())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(batch=int(value)) if value.isdecimal() and len(value) < 19 else queryset


class CompletenessFilter(admin.SimpleListFilter):
    """Of the articles of batches. Shown together with a batch: without one it would count all sections of all."""

    title = "completeness"
    parameter_name = "completeness"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return list(COMPLETENESS.items()) if "batch" in request.GET or self.value() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in COMPLETENESS:
            return queryset
        articles = of_completeness(Article.objects.touchable_by(request.user), str(self.value()))
        batch = request.GET.get("batch", "")
        if batch.isdecimal() and len(batch) < 19:
            articles = articles.filter(batch=int(batch))
        return queryset.filter(pk__in=articles.values("pk"))


class OwnerFilter(admin.SimpleListFilter):
    """Django's own would read the owner of every article to name those who have some."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        theirs = Article.objects.filter(owner=OuterRef("pk"))
        owners = User.objects.filter(Exists(theirs)).order_by("username")
        return [(str(pk), name) for pk, name in owners.values_list("pk", "username")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(owner=int(value)) if value.isdecimal() and len(value) < 19 else queryset

"""What an editor may still change of an article."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest

from articles import call_keys
from articles.handing_in.submit_form import NO_SITE, in_the_future
from articles.models import Article, Call, ImageFile, Stage, StageRecord
from backups.moments import MomentField

DRAWN_WITH = ["formatter", "design", "byline", "brand_primary", "brand_accent"]
CHANGEABLE = ["title", "site", *DRAWN_WITH]
SOURCES = ("Idea", "Text", "File")  # of a new article: one of them
COPIED = ["idea", "is_long", "manuscript", "style", "site", *DRAWN_WITH]


class MovedOn(Exception):
    """Somebody pressed Recover while the form was open: it must change nothing any more."""


class PromptInline(admin.StackedInline[ImageFile, Article]):
    """The prompts of pictures that do not exist yet: the usual way out when one was declined."""

    model = ImageFile
    fields = ("prompt", "alt_text")
    extra = 0
    can_delete = False
    verbose_name_plural = "Prompts of the pictures that are not made yet"
    verbose_name = "picture"
    formfield_overrides = {models.TextField: {"widget": forms.Textarea(attrs={"rows": 4})}}
    template = "admin/articles/article/prompts.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImageFile]:
        """Without those whose picture is being made with the old prompt: its answer will be used."""
        key = Concat(Value(call_keys.IMAGE), OuterRef("role"))
        being_made = Call.objects.filter(article=OuterRef("article"), key=key, state=Call.State.RECEIVED)
        return super().get_queryset(request).filter(~Exists(being_made), sha256="", own="")

    # Permission is the article's: who may change it may change its prompts.

    def has_view_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return False


class ChangeForm(forms.ModelForm[Article]):
    """What may still be changed of an article that rests."""

    class Meta:
        model = Article
        fields = [*CHANGEABLE, "scheduled_at"]
        widgets = {
            "brand_primary": forms.ColorInput(),
            "brand_accent": forms.ColorInput(),
        }
        field_classes = {"scheduled_at": MomentField}

    def clean_scheduled_at(self) -> datetime | None:
        return in_the_future(self.cleaned_data["scheduled_at"])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "site" in self.fields:
            self.fields["site"].empty_label = NO_SITE  # type: ignore[attr-defined]


def frozen_fields(article: Article) -> list[str]:
    """The fields that have had their effect, or that somebody may be using just now."""
    if not article.rests:
        return CHANGEABLE
    done = {record.stage for record in article.records.all() if record.state == StageRecord.State.DONE}
    frozen = [] if Stage.ARTICLE in done else ["title"]
    return [*frozen, *DRAWN_WITH] if Stage.FORMAT in done else frozen


def handing_in() -> list[tuple[str, dict[str, Any]]]:
    """The fields of a new article, without the idea where nobody could write it."""
    idea = [("Idea", {"fields": ["idea", "is_long"]})] if settings.OPENAI_API_KEY else []
    return [
        *idea,
        ("Text", {"fields": ["manuscript"]}),
        ("File", {"fields": ["file", "encoding", "kept_file"]}),
        ("The page", {"fields": ["style", *DRAWN_WITH]}),
        ("Where it goes, and when", {"fields": ["site", "scheduled_at"]}),
    ]

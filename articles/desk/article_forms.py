"""What an editor may still change of an article."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings

from articles.handing_in.submit_form import NO_SITE, in_the_future, moment_input
from articles.models import Article, Stage, StageRecord

DRAWN_WITH = ["formatter", "design", "byline", "brand_primary", "brand_accent"]
CHANGEABLE = ["title", "site", *DRAWN_WITH]
COPIED = ["idea", "is_long", "manuscript", "style", "site", *DRAWN_WITH]


class ChangeForm(forms.ModelForm[Article]):
    """What may still be changed of an article that rests."""

    class Meta:
        model = Article
        fields = [*CHANGEABLE, "scheduled_at"]
        widgets = {
            "brand_primary": forms.ColorInput(),
            "brand_accent": forms.ColorInput(),
            "scheduled_at": moment_input(),
        }

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
    text = {
        "fields": ["idea", "is_long", "manuscript", "file", "encoding", "kept_file"],
        "description": "Give one of these three: an idea, a text pasted here, or a file.",
    }
    if not settings.OPENAI_API_KEY:
        said = "Paste a finished text, or choose a file. (Ideas need a text service, and none is set up here.)"
        text = {"fields": ["manuscript", "file", "encoding", "kept_file"], "description": said}
    return [
        ("The text", text),
        ("The page", {"fields": ["style", *DRAWN_WITH]}),
        ("Where it goes, and when", {"fields": ["site", "scheduled_at"]}),
    ]

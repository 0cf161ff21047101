"""What a person chooses when pressing Publish."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone

from backups.moments import MomentField
from publishing.models import Site, Way
from publishing.options import (
    LONGEST_AUTHOR,
    LONGEST_EXCERPT,
    LONGEST_SEO,
    LONGEST_SLUG,
    LONGEST_TERM,
    MOST_TERMS,
    Options,
)

WHEN = [("draft", "as a draft, or as it is there"), ("now", "for readers, at once"), ("at", "for readers, at a time")]
WAYS = [("", "as the site says"), *((way.value, way.label) for way in Way if way != Way.PREVIEW)]


COMMENTS = [("", "as the site has it"), ("open", "open"), ("closed", "closed")]
FOR_SEARCH = (
    "Fill in title and description in the site's SEO plugin: written by the text service where there is one, else from "
    "the article's beginning. What you write below counts first."
)


def terms(text: str) -> list[str]:
    """Names of tags, or categories. Raises ValidationError for too many, or too long ones."""
    names = list(dict.fromkeys(name for part in text.split(",") if (name := " ".join(part.split()))))
    if len(names) > MOST_TERMS:
        raise forms.ValidationError(f"These are {len(names)}; {MOST_TERMS} are the most.")
    if long := [name for name in names if len(name) > LONGEST_TERM]:
        raise forms.ValidationError(f"“{long[0][:30]}…” is longer than {LONGEST_TERM} characters.")
    return names


class PublishForm(forms.Form):
    """The same for one article and for many; a slug and an excerpt make sense for one alone."""

    site = forms.ModelChoiceField(Site.objects.all(), label="To", empty_label=None)
    when = forms.ChoiceField(label="As", choices=WHEN, initial="draft")
    publish_at = MomentField(label="At", required=False, help_text="The site publishes it by itself then.")
    publisher = forms.ChoiceField(label="By", choices=WAYS, required=False)
    tags = forms.CharField(required=False, max_length=2500, help_text="Separated by commas. Missing ones are made.")
    categories = forms.CharField(
        required=False, max_length=2500, help_text="Beside those of the site, separated by commas."
    )
    excerpt = forms.CharField(required=False, max_length=LONGEST_EXCERPT, widget=forms.Textarea(attrs={"rows": 2}))
    slug = forms.CharField(
        label="Address",
        required=False,
        max_length=LONGEST_SLUG,
        validators=[RegexValidator(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", "Use small letters, digits and single hyphens.")],
        help_text="The last part of the post's address, such as home-batteries. Empty: made from the title.",
    )
    author = forms.CharField(
        required=False,
        max_length=LONGEST_AUTHOR,
        help_text="A name or a login there. Empty: the user of Galley, who must be an editor there to choose.",
    )
    comments = forms.ChoiceField(choices=COMMENTS, required=False)
    seo_optimization = forms.BooleanField(
        required=False,
        label="Search engines",
        help_text=FOR_SEARCH,
    )
    seo_title = forms.CharField(label="… title", required=False, max_length=LONGEST_SEO)
    seo_description = forms.CharField(label="… description", required=False, max_length=LONGEST_SEO)
    focus_keyword = forms.CharField(label="… keyword", required=False, max_length=LONGEST_SEO)
    over = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    write_over = forms.BooleanField(required=False, label="Write over what was changed there")
    planned = forms.CharField(required=False, widget=forms.HiddenInput)

    FOR_ONE = ("excerpt", "slug", "seo_title", "seo_description", "focus_keyword")

    def __init__(self, *args: Any, many: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.FOR_ONE if many else ():
            del self.fields[name]

    def clean_tags(self) -> list[str]:
        return terms(self.cleaned_data["tags"])

    def clean_categories(self) -> list[str]:
        return terms(self.cleaned_data["categories"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        at = cleaned.get("publish_at")
        if cleaned.get("when") == "at" and not self.errors.get("publish_at"):
            if at is None:
                self.add_error("publish_at", "Give the time at which readers shall see it.")
            elif at <= timezone.now():
                self.add_error("publish_at", "This time is over. Choose a later one, or publish at once.")
        return cleaned

    @property
    def site_chosen(self) -> Site | None:
        return self.cleaned_data.get("site") if self.is_bound and self.is_valid() else None

    @property
    def options(self) -> Options:
        """Of a valid form."""
        chosen = self.cleaned_data
        return Options(
            publish_immediately=chosen["when"] == "now",
            publish_at=chosen["publish_at"] if chosen["when"] == "at" else None,
            tags=tuple(chosen["tags"]),
            categories=tuple(chosen["categories"]),
            excerpt=chosen.get("excerpt", ""),
            slug=chosen.get("slug", ""),
            author=" ".join(chosen["author"].split()),
            comments=chosen["comments"],
            seo_optimization=chosen["seo_optimization"],
            seo_title=chosen.get("seo_title", ""),
            seo_description=chosen.get("seo_description", ""),
            focus_keyword=chosen.get("focus_keyword", ""),
            over=chosen["over"] if chosen.get("write_over") else "",
        )

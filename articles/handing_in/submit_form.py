"""What an editor or a program hands in: the one door for new articles."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from articles.handing_in.manuscript_form import ManuscriptForm
from articles.models import Article, Design, Preferences
from articles.pipeline import transitions
from backups.moments import MomentField

NO_SITE = "No site: a preview page here"
ANY_DESIGN = ("", "As the site or your preferences say")


def in_the_future(moment: datetime | None) -> datetime | None:
    if moment and moment < timezone.now() - timedelta(minutes=5):
        raise ValidationError("This time is over. Choose a later one, or leave it empty to begin at once.")
    return moment


class SubmitForm(ManuscriptForm, forms.ModelForm[Article]):
    """An idea, a pasted manuscript or a file: exactly one of them."""

    class Meta:
        model = Article
        fields = [
            *("idea", "is_long", "manuscript", "style", "formatter", "design", "byline", "site"),
            *("brand_primary", "brand_accent", "scheduled_at"),
        ]
        widgets = {
            "idea": forms.Textarea(attrs={"rows": 4}),
            "manuscript": forms.Textarea(attrs={"rows": 10}),
            "brand_primary": forms.ColorInput(),
            "brand_accent": forms.ColorInput(),
        }
        field_classes = {"scheduled_at": MomentField}

    def __init__(self, *args: Any, user: User, site_by_name: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        preferences = Preferences.objects.filter(user=user).first() or Preferences(user=user)
        for name in ("style", "byline", "brand_primary", "brand_accent"):
            self.fields[name].initial = getattr(preferences, name)
            self.fields[name].required = False
        self.fields["design"] = forms.ChoiceField(
            choices=[ANY_DESIGN, *Design.choices], required=False, help_text=self.fields["design"].help_text
        )
        self._preferred = preferences
        self.fields["site"].empty_label = NO_SITE  # type: ignore[attr-defined]
        if site_by_name:
            self.fields["site"].to_field_name = "name"  # type: ignore[attr-defined]

    def _get_validation_exclusions(self) -> set[str]:
        """What the table asks of both, `clean` says better, and once."""
        return {*super()._get_validation_exclusions(), "idea", "manuscript"}  # type: ignore[misc]  # the stubs lack it

    def clean_scheduled_at(self) -> datetime | None:
        return in_the_future(self.cleaned_data["scheduled_at"])

    def clean_brand_primary(self) -> str:
        return self.cleaned_data["brand_primary"] or self._preferred.brand_primary

    def clean_brand_accent(self) -> str:
        return self.cleaned_data["brand_accent"] or self._preferred.brand_accent

    def clean_byline(self) -> str:
        """Whoever sees the field may empty it; a shell that does not name it has the usual one."""
        return self.cleaned_data["byline"] if "byline" in self.data else self._preferred.byline

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        site = cleaned.get("site")
        cleaned["design"] = Design.first_of(
            cleaned.get("design", ""), site.design if site else "", self._preferred.design
        )
        if cleaned.get("is_long") and not cleaned.get("idea") and "idea" not in self.errors:
            self.add_error("is_long", "Only an idea is written section by section. Your own text stays as it is.")
        given = [name for name in ("idea", "manuscript", "file") if cleaned.get(name)]
        if len(given) > 1:
            self.add_error(None, "Give one of them: an idea, a pasted manuscript, or a file.")
            return {**cleaned, "idea": ""}  # else the model says it once more; what was typed stays in the form
        if not given and not self.errors:
            raise ValidationError("Give an idea or a manuscript.")
        if cleaned.get("idea") and not settings.OPENAI_API_KEY:
            self.add_error(
                "idea", "No text service is set up here, so an idea cannot be written. Hand in a manuscript."
            )
        self.take_text(cleaned)
        self.instance.manuscript_name = self.file_name
        return cleaned

    def submit(self) -> Article:
        """Save the article and queue it. Two in one second may want one backup folder: then again."""
        article = self.save(commit=False)
        article.owner = self.user
        for last in (False, False, True):
            try:
                with transaction.atomic():
                    transitions.submit(article)
                    if self.read_as:
                        article.events.create(kind="read", message=f"The file was read as {self.read_as}")
                return article
            except IntegrityError:
                if last:
                    raise
        return article

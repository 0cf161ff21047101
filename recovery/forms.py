"""What a person may choose when pressing Recover."""

from __future__ import annotations

from typing import Any

from django import forms

from articles.handing_in.manuscript_form import ManuscriptForm
from articles.models import Article, Stage
from publishing.models import Site
from recovery.plan import Options


class RecoverForm(forms.Form):
    """The same for one article and for many. What is left empty stays as it is with each article."""

    site = forms.ModelChoiceField(Site.objects.all(), required=False, empty_label="as before")
    formatter = forms.ChoiceField(choices=[("", "as before"), *Article.Formatter.choices], required=False)
    from_stage = forms.ChoiceField(
        label="From",
        choices=[("", "first unfinished stage"), *((stage.value, f"{stage.label}, made anew") for stage in Stage)],
        required=False,
    )
    planned = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def options(self) -> Options:
        """What was chosen; nothing, where it makes no sense."""
        chosen: dict[str, Any] = self.cleaned_data if self.is_bound and self.is_valid() else {}
        stage, site = chosen.get("from_stage"), chosen.get("site")
        return Options(Stage(stage) if stage else None, chosen.get("formatter", ""), site.pk if site else None)

    @property
    def signature(self) -> str:
        """Of the choice, to know at the deed whether its plan was shown."""
        options = self.options
        return f"{options.from_stage or ''}|{options.formatter}|{options.site_id or ''}"

    @property
    def was_planned(self) -> bool:
        return bool(self.is_valid() and self.cleaned_data["planned"] == self.signature)


class AnotherManuscriptForm(ManuscriptForm):
    """The text that takes the place of an article's manuscript, and the version of the article that it is given for."""

    manuscript = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="A finished text, or choose a file. It is used as it is: nothing is rewritten.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ("manuscript", "file", "encoding")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        given = [name for name in ("manuscript", "file") if cleaned.get(name)]
        if len(given) > 1:
            raise forms.ValidationError("Give one of them: a pasted manuscript, or a file.")
        if not given and not self.errors:
            raise forms.ValidationError("Give a manuscript: paste it, or choose a file.")
        self.take_text(cleaned)
        return cleaned

"""What a person may choose when pressing Recover."""

from __future__ import annotations

from typing import Any

from django import forms

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

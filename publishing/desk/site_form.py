"""The form of a site: what may be said of one, by a person at the desk or by a program."""

from __future__ import annotations

from typing import Any

from django import forms

from publishing.desk.forms import COMMENTS, FOR_SEARCH, terms
from publishing.models import Site
from publishing.options import Options


class SiteForm(forms.ModelForm[Site]):
    """The passwords are no fields of the model, so that nothing can ever show the stored ones."""

    password = forms.CharField(
        required=False,
        strip=True,
        max_length=500,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )

    web_password = forms.CharField(
        label="Password of the login page",
        required=False,
        strip=False,
        max_length=500,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )

    posts = forms.ChoiceField(
        label="Posts",
        choices=[("", "as drafts"), ("publish", "for readers, at once")],
        required=False,
        help_text="Where whoever presses Publish says nothing else. What is only handed in stays a draft.",
    )
    tags = forms.CharField(
        required=False, max_length=2500, help_text="Of every post, separated by commas. Missing ones are made."
    )
    comments = forms.ChoiceField(choices=COMMENTS, required=False)
    seo_optimization = forms.BooleanField(label="Search engines", required=False, help_text=FOR_SEARCH)

    class Meta:
        model = Site
        fields = [
            "name",
            "url",
            "user",
            "kind",
            "publisher",
            "ways",
            "design",
            "typography",
            "hero",
            "categories",
            "time_limit",
        ]
        widgets = {"url": forms.URLInput()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        self.fields["password"].required = is_new
        self.fields["password"].help_text = (
            "An application password: in WordPress under Users, Profile, Application Passwords."
            if is_new
            else "It is never shown again. Leave it empty to keep the present one."
        )
        wishes = self.instance.wishes
        self.fields["posts"].initial = "publish" if wishes.publish_immediately else ""
        self.fields["tags"].initial = ", ".join(wishes.tags)
        self.fields["comments"].initial = wishes.comments
        self.fields["seo_optimization"].initial = wishes.seo_optimization
        kept = "Leave it empty to keep the present one. " if self.instance.encrypted_web_secret else ""
        said = f"Only for publishing by a browser: what the user types there. {kept}A new address or user forgets it."
        self.fields["web_password"].help_text = said

    def clean(self) -> dict[str, Any]:
        """A stored password goes only where it was meant to go: a new address needs it entered again."""
        cleaned = super().clean() or self.cleaned_data
        moved = {"url", "kind"} & set(self.changed_data)
        if self.instance.pk and moved and not cleaned.get("password"):
            self.add_error("password", "Enter the password again: the address, or the way of signing in, is new.")
        return cleaned

    def clean_tags(self) -> list[str]:
        return terms(self.cleaned_data["tags"])

    def save(self, commit: bool = True) -> Site:
        said = self.cleaned_data
        self.instance.closed_ways = {}  # whoever edits it may have mended what had closed them
        self.instance.standing = Options(
            publish_immediately=said["posts"] == "publish",
            tags=tuple(said["tags"]),
            comments=said["comments"],
            seo_optimization=said["seo_optimization"],
        ).saved()
        if self.cleaned_data["password"]:
            self.instance.secret = self.cleaned_data["password"]
        if self.cleaned_data["web_password"] or {"url", "user"} & set(self.changed_data):
            self.instance.web_secret = self.cleaned_data["web_password"]
        return super().save(commit)

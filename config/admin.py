"""API tokens in the desk: everybody makes and revokes their own. A secret is shown once, right after it was made."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from datetime import date, time
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import formats

from articles.formats import clock
from backups.clocks import READER
from backups.moments import FAR_YEAR
from config.desk import limits_admin
from config.models import LIFETIME, MARK, Token

__all__ = ["TokenAdmin", "limits_admin"]


def _in_a_year() -> date:
    return READER.today() + LIFETIME


class TokenForm(forms.ModelForm[Token]):
    """A new token, of `owner`."""

    owner: User

    last_day = forms.DateField(
        label="Valid until",
        required=False,
        initial=_in_a_year,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day on which it is accepted. Empty: until it is revoked.",
    )

    class Meta:
        model = Token
        fields = ["name"]

    def clean_name(self) -> str:
        """A page that is loaded again must not make a second token."""
        name = cast(str, self.cleaned_data["name"])
        if Token.objects.filter(user=self.owner, name=name).exists():
            raise forms.ValidationError("You have a token of this name already. Revoke it, or choose another name.")
        return name

    def clean_last_day(self) -> date | None:
        day = cast("date | None", self.cleaned_data["last_day"])
        if day and day < READER.today():
            raise forms.ValidationError("This day is past. Choose today or a later one.")
        if day and day.year >= FAR_YEAR:
            raise forms.ValidationError(f"Choose a day before the year {FAR_YEAR}, or none.")
        return day

    def save(self, commit: bool = True) -> Token:
        day = self.cleaned_data["last_day"]
        self.instance.expires_at = READER.at(day, time.max) if day else None
        self.instance.user = self.owner
        self.instance.make_secret()
        return super().save(commit)


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin[Token]):
    """Their owner's alone, and every superuser's, who sees that they exist. None can be changed: they are revoked."""

    form = TokenForm
    fields = ("name", "last_day")
    actions = None
    show_full_result_count = False
    search_help_text = "Words of the name, or of the owner's"

    # Who

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        tokens = super().get_queryset(request).select_related("user")
        user = cast(User, request.user)
        return tokens if user.is_superuser else tokens.filter(user=user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return cast(User, request.user).is_staff

    def has_view_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return self._is_theirs(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return self._is_theirs(request, obj)

    @staticmethod
    def _is_theirs(request: HttpRequest, token: Token | None) -> bool:
        user = cast(User, request.user)
        return token is None or token.user_id == user.pk or user.is_superuser

    # The list

    def get_list_display(self, request: HttpRequest) -> Any:
        whose = ["user"] if cast(User, request.user).is_superuser else []
        return ["name", "beginning", *whose, "made", "last_use", "valid_until"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["name", "user__username"] if cast(User, request.user).is_superuser else []

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Not by the hash of a secret."""
        return not lookup.startswith("sha256") and super().lookup_allowed(lookup, value, request)

    @admin.display(description="Begins with", ordering="prefix")
    def beginning(self, token: Token) -> str:
        return f"{MARK}{token.prefix}…"

    @admin.display(description="Made", ordering="created_at")
    def made(self, token: Token) -> str:
        return clock(token.created_at)

    @admin.display(description="Last used", ordering="last_used_at")
    def last_use(self, token: Token) -> str:
        return clock(token.last_used_at) if token.last_used_at else "not yet"

    @admin.display(description="Valid until", ordering="expires_at")
    def valid_until(self, token: Token) -> str:
        if token.expires_at is None:
            return "no end"
        day = formats.date_format(READER.local(token.expires_at), "j M Y")
        return f"{day} (expired)" if token.has_expired else day

    # Its page

    def _facts(self, token: Token) -> list[tuple[str, str]]:
        return [
            ("Begins with", self.beginning(token)),
            ("Made", self.made(token)),
            ("Last used", self.last_use(token)),
            ("Valid until", self.valid_until(token)),
        ]

    def get_form(
        self, request: HttpRequest, obj: Token | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Token]]:
        return type("TokenFormOfUser", (TokenForm,), {"owner": request.user})

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> Any:
        return self.fields if obj is None else []

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        original = context.get("original")
        context |= {
            "title": str(original) if original else "Make a token",
            "facts": self._facts(original) if original else [],
            "subtitle": None,
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: str | None = None) -> HttpResponse:
        """The page with the secret is the answer itself: a redirect would have to keep the secret somewhere."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Your new token",
            "opts": self.opts,
            "token": obj,
        }
        return TemplateResponse(request, "admin/config/token/made.html", context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().delete_view(request, object_id, {"title": "Revoke a token", **(extra_context or {})})

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        self.message_user(request, f"“{obj_display}” is revoked. Whatever used it is refused from now on.")
        return HttpResponseRedirect(reverse("admin:config_token_changelist"))

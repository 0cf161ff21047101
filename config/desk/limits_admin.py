"""The limits of the desk, on one page."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from articles.models import DeskSettings
from articles.pipeline.money import limits
from backups.clocks import DESK


class LimitsForm(forms.ModelForm[DeskSettings]):
    """Of the version that was shown: what somebody else has saved meanwhile is not written over."""

    shown = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = DeskSettings
        fields = [*DeskSettings.LIMITS, *DeskSettings.DAYS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shown"].initial = self.instance.version
        for name in DeskSettings.LIMITS:
            self.fields[name].widget.attrs |= {"placeholder": "no limit", "inputmode": "decimal"}
        usual = DeskSettings()
        for name, said in {
            "limit_agent_run": f"{usual.agent_dollars:,.2f}",
            "film_days": usual.keeps_film,
            "film_failed_days": usual.keeps_film_of_failed,
        }.items():
            self.fields[name].widget.attrs["placeholder"] = str(said)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("shown") != DeskSettings.row().version:
            raise ValidationError("Somebody else has changed the limits meanwhile. Open the page anew to see them.")
        return cleaned


@admin.register(DeskSettings)
class LimitsAdmin(admin.ModelAdmin[DeskSettings]):
    """One row: there is no list, the page is its form."""

    form = LimitsForm

    def get_fieldsets(self, request: HttpRequest, obj: DeskSettings | None = None) -> Any:
        said = "In US dollars. Looked at before each call that costs; days and months are those of the desk."
        said += " Where nothing stands, there is no limit, and an agent may spend what the operator has set."
        kept = "In days. Empty: what the operator has set."
        return [
            ("The most that may be spent on", {"fields": DeskSettings.LIMITS, "description": said}),
            ("How long is kept", {"fields": (*DeskSettings.DAYS, "shown"), "description": kept}),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DeskSettings | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:articles_desksettings_change", args=[DeskSettings.row().pk]))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        today = DESK.today()
        context |= {
            "title": "Limits",
            "subtitle": None,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
            "spent_today": limits.charged(today),
            "spent_this_month": limits.charged(limits.first_of_month(today)),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: DeskSettings, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data if name != "shown"}
        if limits.change(form.cleaned_data["shown"], values):
            return
        self.message_user(request, "Somebody else was quicker: nothing was changed.", messages.WARNING)

    def response_change(self, request: HttpRequest, obj: DeskSettings) -> HttpResponse:
        self.message_user(request, "Saved. It holds for the next call.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:articles_desksettings_change", args=[obj.pk]))

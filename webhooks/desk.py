"""Webhooks in the desk: addresses, what they are told, a test, and the log of what was sent."""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from articles.formats import clock
from webhooks import noting
from webhooks.models import Delivery, Event, Webhook
from webhooks.sending import send_due


class WebhookForm(forms.ModelForm[Webhook]):
    address = forms.URLField(
        max_length=500,
        assume_scheme="https",
        help_text="Where the requests go, for example https://programs.example.org/galley",
    )
    events = forms.MultipleChoiceField(
        label="Is told when", choices=Event.choices, widget=forms.CheckboxSelectMultiple, initial=list(Event.values)
    )

    class Meta:
        model = Webhook
        fields = ["address", "events", "active"]


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin[Webhook]):
    """Of those who may: each hears what its owner may see. A secret is shown once, right after it was made."""

    form = WebhookForm
    list_display = ("address", "owner", "number_of_events", "active", "log")
    actions = ("send_test",)
    actions_on_top, actions_on_bottom = False, True
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Webhooks", **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return super().get_queryset(request).select_related("owner")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without the one that deletes many."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @admin.display(description="Events")
    def number_of_events(self, webhook: Webhook) -> int:
        return len(webhook.events)

    @admin.display(description="Log")
    def log(self, webhook: Webhook) -> SafeString | str:
        """The last delivery, which leads to all of them."""
        last = webhook.deliveries.first()
        if last is None:
            return "nothing yet"
        address = f"{reverse('admin:webhooks_delivery_changelist')}?webhook__id__exact={webhook.pk}"
        said = f"{last.get_state_display()}, {clock(last.created_at)}"
        return format_html('<a href="{}">{}</a>', address, said)

    @admin.action(description="Send a test to the chosen webhooks", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        for webhook in queryset:
            delivery = noting.trial_of(webhook)
            send_due(webhook)
            delivery.refresh_from_db()
            good = delivery.state == Delivery.State.DELIVERED
            said = f"{webhook}: {delivery.answer or 'it is being sent'}."
            self.message_user(request, said, messages.SUCCESS if good else messages.WARNING)

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        if not change:
            obj.owner = cast(User, request.user)
            request.made_secret = obj.make_secret()  # type: ignore[attr-defined]  # for the page after it
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "The webhook is made",
            "opts": self.opts,
            "webhook": obj,
            "secret": request.made_secret,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/webhooks/webhook/made.html", context)


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin[Delivery]):
    """The log, which the list of webhooks leads to: nobody writes in it."""

    list_display = ("event", "host", "state", "answer", "tries", "happened", "next_try")
    list_filter = ("state", "event", "webhook")
    fields = ("uid", "webhook", "event", "state", "tries", "answer", "created_at", "ended_at", "body")
    show_full_result_count = False
    actions = None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "What webhooks were told", **(extra_context or {})})

    @admin.display(description="To")
    def host(self, delivery: Delivery) -> str:
        return urlsplit(delivery.webhook.address).hostname or ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).select_related("webhook")

    @admin.display(description="Happened", ordering="created_at")
    def happened(self, delivery: Delivery) -> str:
        return clock(delivery.created_at)

    @admin.display(description="Next try")
    def next_try(self, delivery: Delivery) -> str:
        return clock(delivery.next_at) if delivery.state == Delivery.State.OPEN else ""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """It is no section of the desk."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

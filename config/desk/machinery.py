"""The tables of the libraries below: superusers look at them, and nobody makes the queue run what they like.

What the queue runs stands in rows, by a dotted name. Whoever may write one may have any function run, with all keys of
the desk at hand. So nobody may: rows come from the code and its migrations. Of a schedule superusers say when it runs.
"""

# ruff: noqa: ARG002  Django's hooks hand over more than each of them needs
from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from django_q.models import Schedule

from backups.desk.hours import AT_AN_HOUR


class LookedAt:
    """Put before an admin class of somebody else: superusers see its rows and remove them."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Not those of its class: tasks are not run again by hand, the rows of the articles say what is to be done."""
        actions: dict[str, Any] = super().get_actions(request)  # type: ignore[misc]  # of the class behind
        return {name: action for name, action in actions.items() if name == "delete_selected"}


class Timed(LookedAt):
    """The same for schedules, of which it is changed when they run, and never what."""

    fields = ("name", "func", "schedule_type", "minutes", "cron", "repeats", "next_run")
    readonly_fields = ("name", "func")

    def save_model(self, request: HttpRequest, obj: Schedule, form: ModelForm[Any], change: bool) -> None:
        """A new time has a new hour (`backups.desk.hours`)."""
        if "next_run" in form.changed_data and obj.schedule_type in AT_AN_HOUR:
            obj.cron = None
        super().save_model(request, obj, form, change)  # type: ignore[misc]  # of the class behind

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser

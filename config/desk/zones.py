"""Everybody reads the desk by a clock of their own, if they have chosen one in their preferences."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from articles.models import Preferences


def reading(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware: a page of the desk is in the zone of whoever has asked for it. Programs get the desk's."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_zone(request) if _is_of_desk(request) else None):
            return get_response(request)

    return answered


def _is_of_desk(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index"))


def _zone(request: HttpRequest) -> ZoneInfo | None:
    return Preferences.zone_of(request.user.pk) if request.user.is_authenticated else None

"""Everybody reads the desk by a clock of their own, if they have chosen one in their preferences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

from articles.models import Preferences


@sync_and_async_middleware
def reading(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """A middleware: a page of the desk is in the zone of whoever has asked for it. Programs get the desk's."""
    if iscoroutinefunction(get_response):
        asked: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = get_response

        async def answered_later(request: HttpRequest) -> HttpResponseBase:
            with timezone.override(await sync_to_async(_zone)(request) if _is_of_desk(request) else None):
                return await asked(request)

        return answered_later

    def answered(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_zone(request) if _is_of_desk(request) else None):
            response: HttpResponseBase = get_response(request)
            return response

    return answered


def _is_of_desk(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index"))


def _zone(request: HttpRequest) -> ZoneInfo | None:
    return Preferences.zone_of(request.user.pk) if request.user.is_authenticated else None

"""How many wrong passwords are taken: few from one address, and more for one name from all addresses together."""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest

from config.login.visitors import address_of

BY_NAME = 50  # wrong passwords within AXES_COOLOFF_TIME, wherever they come from


class Limits(AxesDatabaseHandler):  # type: ignore[misc]  # the library has no types
    """The library's own limit is for a name and an address; here one for the name is put beside it.

    Who has logged in from an address before may do so again whatever others try elsewhere: else anybody could keep
    somebody out by wrong passwords.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """The guesses that count against AXES_FAILURE_LIMIT, which is reached when either limit is."""
        failures: int = super().get_failures(request, credentials)
        name = get_client_username(request, credentials)
        if not name or failures >= settings.AXES_FAILURE_LIMIT or self._guesses(request, name) < BY_NAME:
            return failures
        known = AccessLog.objects.filter(username=name, ip_address=address_of(request)).exists()
        return failures if known else int(settings.AXES_FAILURE_LIMIT)

    def _guesses(self, request: HttpRequest, name: str) -> int:
        recent = AccessAttempt.objects.filter(username=name, attempt_time__gte=get_cool_off_threshold(request))
        return recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0

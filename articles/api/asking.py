"""Who asks an operation, and whether they may: whoever was let in by the door, which knows tokens and sessions."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest

from articles.models.access import may_look


def who_asks(request: HttpRequest) -> User:
    user: User = request.auth  # type: ignore[attr-defined]  # Ninja's
    return user


def who_may(request: HttpRequest, right: str) -> User:
    """Who asks, if they have this right. Raises PermissionDenied."""
    user = who_asks(request)
    if not user.has_perm(right):
        raise PermissionDenied
    return user


def who_may_look(request: HttpRequest, model: type[Model]) -> User:
    """Who asks, if they may see rows of this model at all; a query says which. Raises PermissionDenied."""
    user = who_asks(request)
    if not may_look(user, model):
        raise PermissionDenied
    return user

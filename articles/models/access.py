"""Who may see and change what: chief editors everything, everybody else what is their own.

Every door asks here: the desk, the API and its streams, previews, files, links in mails. Who loses the staff status or
the right to look loses all of them at once.
"""

from __future__ import annotations

from typing import Any, Self, TypeGuard, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import models

EVERYTHING = "articles.touch_every_article"  # the right of chief editors

Row = TypeVar("Row", bound=models.Model, covariant=True)


def works_here(user: AbstractBaseUser | AnonymousUser) -> TypeGuard[User]:
    return isinstance(user, User) and user.is_active and user.is_staff


def may_look(user: AbstractBaseUser | AnonymousUser, model: type[models.Model]) -> TypeGuard[User]:
    """Whether this person works here and has the right to see rows of this kind, be it only their own."""
    kind, app = model._meta.model_name, model._meta.app_label
    return works_here(user) and any(user.has_perm(f"{app}.{right}_{kind}") for right in ("view", "change"))


class OwnedQuerySet(models.QuerySet[Row]):
    """Rows that each have an `owner`."""

    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """What this person may see and change."""
        if not may_look(user, self.model):
            return self.none()
        return self if user.has_perm(EVERYTHING) else self.filter(owner=user)


def may_touch(user: AbstractBaseUser | AnonymousUser, row: Any | None) -> bool:
    """Whether this person may see and change a row that has an `owner`; None stands for rows in general."""
    return row is None or (isinstance(user, User) and (row.owner_id == user.pk or user.has_perm(EVERYTHING)))

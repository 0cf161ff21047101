"""Who may see and change what: chief editors everything, everybody else what is their own."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import models

EVERYTHING = "articles.touch_every_article"  # the right of chief editors

Row = TypeVar("Row", bound=models.Model, covariant=True)


class OwnedQuerySet(models.QuerySet[Row]):
    """Rows that each have an `owner`."""

    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """What this person may see and change."""
        if not isinstance(user, User):
            return self.none()
        return self if user.has_perm(EVERYTHING) else self.filter(owner=user)


def may_touch(user: AbstractBaseUser | AnonymousUser, row: Any | None) -> bool:
    """Whether this person may see and change a row that has an `owner`; None stands for rows in general."""
    return row is None or (isinstance(user, User) and (row.owner_id == user.pk or user.has_perm(EVERYTHING)))

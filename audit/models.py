"""What was changed. The rows are written by triggers alone, with the change that they tell of (`audit.triggers`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied
from django.db import models

from audit.acting import Door, off

ROWS = 1000  # that go in one transaction: nobody waits for it
LONGEST_VALUE = 1000  # characters; of a longer one the beginning is kept


class Refused(PermissionDenied):
    """What was noted stays as it was noted."""


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise Refused("Changes are noted by the database, and none is ever altered or removed by hand.")


class ChangeQuerySet(models.QuerySet["Change"]):
    create = bulk_create = get_or_create = update_or_create = update = bulk_update = delete = _refuse


class Change(models.Model):
    """One field of one row, from one value to another; or that a row came, or went. It refers to no row, as it stays
    when those go: names are as they were then.
    """

    class Deed(models.TextChoices):
        CREATED = "created", "Made"
        CHANGED = "changed", "Changed"
        DELETED = "deleted", "Removed"
        ADDED = "added", "Given"
        REMOVED = "removed", "Taken"

    uid = models.CharField(max_length=32, unique=True)
    at = models.DateTimeField()
    door = models.CharField(max_length=10, choices=Door)
    who = models.CharField(max_length=150)  # the person; of a command the system's user, of the database its role
    through = models.CharField(max_length=150)  # the name of the token, or of the command
    why = models.CharField(max_length=1000)
    model = models.CharField(max_length=60)  # its label
    row = models.CharField(max_length=40)  # its primary key
    name = models.CharField(max_length=200)  # what it was called then
    deed = models.CharField(max_length=10, choices=Deed)
    field = models.CharField(max_length=60)  # "" for a row that came or went
    before = models.TextField()  # as the database writes it; "" for nothing, and of a secret
    after = models.TextField()

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]  # by their times, as a restore may give older ones later numbers
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["-at", "-id"], name="change_by_time"),
            models.Index(fields=["who", "-at", "-id"], name="change_by_person"),
            models.Index(fields=["model", "-at", "-id"], name="change_by_model"),
            models.Index(fields=["deed", "-at", "-id"], name="change_by_deed"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.who}: {self.model} {self.name} {self.deed} {self.field}".rstrip()

    save = delete = _refuse

    @classmethod
    def forget(cls, before: datetime) -> int:
        """Remove those that are older. Returns how many there were."""
        old, removed = cls._base_manager.filter(at__lt=before).order_by("pk"), 0
        with off():
            while some := list(old.values_list("pk", flat=True)[:ROWS]):
                removed += models.QuerySet(cls).filter(pk__in=some)._raw_delete(old.db)
        return removed

"""Whose Drives are read, which folders of them are followed, and what lies there."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from backups.redaction import know
from publishing import secrets
from worklist.models.document import Document


class DriveAccount(models.Model):
    """An account of Google that has let Galley read; its login is encrypted like the passwords of sites."""

    class Kind(models.TextChoices):
        PERSON = "person", "A person's account"
        SERVICE = "service", "A service account"

    name = models.CharField(max_length=254, unique=True)  # its mail address
    kind = models.CharField(max_length=10, choices=Kind)
    encrypted_login = models.TextField(editable=False)
    connected_at = models.DateTimeField("connected since", default=timezone.now)
    connected_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    used_at = models.DateTimeField("last good use", null=True)
    ended_at = models.DateTimeField("to be connected again since", null=True)
    error = models.CharField(max_length=500, blank=True)  # why nothing comes of it, in a sentence
    wait_until = models.DateTimeField(null=True)  # nothing is asked of it before
    failures = models.PositiveSmallIntegerField(default=0)  # in a row

    class Meta:
        verbose_name_plural = "Google Drive"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def login(self) -> dict[str, Any]:
        """Raises secrets.Undecipherable."""
        login: dict[str, Any] = orjson.loads(secrets.decrypt(self.encrypted_login))
        know(*(str(login[name]) for name in ("refresh_token", "private_key") if name in login))
        return login

    @login.setter
    def login(self, login: dict[str, Any]) -> None:
        self.encrypted_login = secrets.encrypt(orjson.dumps(login).decode())


class DriveFolder(models.Model):
    """A folder that is followed, with the folders in it, and how far the log of changes was read."""

    account = models.ForeignKey(DriveAccount, models.CASCADE, related_name="folders")
    folder_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True)
    drive_id = models.CharField(max_length=200, blank=True)  # the shared drive in which it lies
    page_token = models.CharField(max_length=200, blank=True)  # empty: it is to be listed as a whole
    looked_at = models.DateTimeField("last looked at", null=True)
    error = models.CharField(max_length=500, blank=True)
    busy_until = models.DateTimeField(null=True)  # somebody looks at it

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["account", "folder_id"], name="one_folder_of_an_account")]

    def __str__(self) -> str:
        return self.name or self.folder_id


class DriveFile(models.Model):
    """What lies in a followed folder, as its Drive said last: read up to `read_version`, or left out with a reason."""

    folder = models.ForeignKey(DriveFolder, models.CASCADE, related_name="files")
    file_id = models.CharField(max_length=200)
    parent_id = models.CharField(max_length=200, blank=True)
    target_id = models.CharField(max_length=200, blank=True)  # of a shortcut
    name = models.CharField(max_length=300)
    place = models.CharField(max_length=200, blank=True)  # the folders above it, by their names
    kind = models.CharField(max_length=100)
    writer = models.CharField(max_length=200, blank=True)
    is_folder = models.BooleanField(default=False)
    version = models.BigIntegerField(default=0)
    read_version = models.BigIntegerField(default=0)  # 0: not yet, or to be read again
    link = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=500, blank=True)  # why it is no document, or not the latest one
    again_at = models.DateTimeField(null=True)  # it is not read before
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    missing_at = models.DateTimeField(null=True)  # it is not there any more
    is_gone = models.BooleanField(default=False)  # which was believed, and its document told
    document = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="drive_files")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["folder", "file_id"], name="one_file_of_a_folder")]
        indexes = [
            models.Index(
                fields=["folder"],
                condition=Q(missing_at=None, is_folder=False) & ~Q(read_version=models.F("version")),
                name="drive_file_to_be_read",
            ),
            models.Index(fields=["folder", "target_id"], condition=~Q(target_id=""), name="drive_file_by_target"),
        ]

    def __str__(self) -> str:
        return self.name

"""What has become of a document, a line for each change."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.db import models
from django.utils import timezone

from articles.models.choices import new_uid
from articles.providers.errors import SavedError
from worklist.models.document import Document, State


class Entry(models.Model):
    """A line of the history; `by` is empty for what happened by itself."""

    class Kind(models.TextChoices):
        ARRIVED = "arrived", "arrived"
        MOVED = "moved", "moved"
        CHANGED = "changed", "text changed"
        OFFERED = "offered", "changed at its source"
        LEFT = "left", "change left out"
        UNAPPROVED = "unapproved", "approval ended"
        RENAMED = "renamed", "renamed"
        ASSIGNED = "assigned", "assigned"
        GONE = "gone", "gone from its source"
        BACK = "back", "back at its source"
        LET_GO = "let_go", "let go"
        KEPT = "kept", "kept"
        SENT = "sent", "sent to a site"
        STOPPED = "stopped", "publication stopped"
        WENT_OUT = "went_out", "published"

    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    document = models.ForeignKey(Document, models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    before = models.CharField(max_length=20, choices=State, blank=True)
    after = models.CharField(max_length=20, choices=State, blank=True)
    why = models.CharField(max_length=1000, blank=True)  # in the words of whoever did it
    text_hash = models.CharField(max_length=64, blank=True)  # of the text that it was about
    error = models.JSONField(null=True)  # ProviderError.saved(), of a publication that has stopped

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "entries"
        indexes = [models.Index(fields=["document", "at"], name="entry_of_document")]

    def __str__(self) -> str:
        return f"{self.document}: {self.get_kind_display()}"

    @property
    def failure(self) -> SavedError | None:
        return cast("SavedError | None", self.error)

"""What people say to a text, beside it: never a part of it. What was said at its source has its `source_id` there."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from articles.models.choices import new_uid
from worklist.models.document import Document


class Note(models.Model):
    """Words to a place, which is known by its quotation: also when the text around it has changed."""

    LONGEST, LONGEST_QUOTATION = 4000, 500  # characters

    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    document = models.ForeignKey(Document, models.CASCADE, related_name="notes")
    quotation = models.CharField(max_length=LONGEST_QUOTATION, blank=True)  # empty: about the whole text
    said = models.TextField(max_length=LONGEST)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    source_id = models.CharField(max_length=100, blank=True)
    writer = models.CharField(max_length=200, blank=True)  # as the source names them
    at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["document", "source_id"], condition=~Q(source_id=""), name="one_note_of_a_source"
            )
        ]

    def __str__(self) -> str:
        return self.said[:60]


class Reply(models.Model):
    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    note = models.ForeignKey(Note, models.CASCADE, related_name="replies")
    said = models.TextField(max_length=Note.LONGEST)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    source_id = models.CharField(max_length=100, blank=True)
    writer = models.CharField(max_length=200, blank=True)  # as the source names them
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "replies"
        constraints = [
            models.UniqueConstraint(
                fields=["note", "source_id"], condition=~Q(source_id=""), name="one_reply_of_a_source"
            )
        ]

    def __str__(self) -> str:
        return self.said[:60]

"""The addresses that are told what has ended, and what is on its way to them."""

from __future__ import annotations

import secrets as random
import uuid
from datetime import timedelta

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from articles.models.access import EVERYTHING, works_here
from articles.models.choices import new_uid
from publishing import secrets

MARK = "whsec_"  # in front of every secret, so that people and scanners of leaked secrets know it
SECRET_BYTES = 32


class Event(models.TextChoices):
    """What a webhook may be told of."""

    ARTICLE_DONE = "article.done", "An article is done"
    ARTICLE_STOPPED = "article.stopped", "An article has stopped"
    ARTICLE_CANCELLED = "article.cancelled", "An article was cancelled"
    PUBLICATION_COMPLETED = "publication.completed", "A publication is on its site"
    PUBLICATION_FAILED = "publication.failed", "A publication has failed, or was cancelled"
    BATCH_DONE = "batch.done", "A batch is done"
    BATCH_PAUSED = "batch.paused", "A batch is paused"
    BATCH_CANCELLED = "batch.cancelled", "A batch was cancelled"


TEST = "test"  # what the test button sends


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def listening_to(self, event: str) -> list[Webhook]:
        """The active ones that are told of this event, with their owners (one query)."""
        return [each for each in self.filter(active=True).select_related("owner") if event in each.events]


class Webhook(models.Model):
    """An address that is told what has ended, as far as its owner may see it."""

    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="webhooks", editable=False)
    address = models.CharField(max_length=500, validators=[URLValidator(["https", "http"])])
    encrypted_secret = models.TextField(editable=False)
    events = models.JSONField("is told", default=list)  # of Event
    active = models.BooleanField(default=True, help_text="Without it nothing is sent, and nothing is kept for later.")
    created_at = models.DateTimeField("made", default=timezone.now, editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.address

    def may_hear_of(self, owner_id: int) -> bool:
        """Of a row of this owner: its own owner may touch that."""
        return works_here(self.owner) and (self.owner_id == owner_id or self.owner.has_perm(EVERYTHING))

    def make_secret(self) -> str:
        """A new secret, to be shown once."""
        made = f"{MARK}{random.token_urlsafe(SECRET_BYTES)}"
        self.encrypted_secret = secrets.encrypt(made)
        return made

    @property
    def secret(self) -> str:
        """Raises secrets.Undecipherable."""
        return secrets.decrypt(self.encrypted_secret)


class Delivery(models.Model):
    """One event for one webhook. Written in the transaction of what has happened; its body is what was true then."""

    KEPT = timedelta(days=30)

    class State(models.TextChoices):
        OPEN = "open", "On its way"
        DELIVERED = "delivered", "Delivered"
        GIVEN_UP = "given_up", "Given up"

    uid = models.UUIDField("id", default=uuid.uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=30)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    created_at = models.DateTimeField("happened", default=timezone.now)
    next_at = models.DateTimeField("next try", default=timezone.now)  # while it is sent: when that is over
    tries = models.PositiveIntegerField(default=0)  # one more each time it is taken: a fencing token, too
    ended_at = models.DateTimeField("ended", null=True)
    answer = models.CharField(max_length=200, blank=True)  # of the last try, in words

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="open"), name="delivery_due"),
            models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
            models.Index(fields=["ended_at"], name="delivery_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.event}, {self.uid}"

    @classmethod
    def forget(cls) -> None:
        """Remove what ended long ago."""
        cls.objects.filter(ended_at__lt=timezone.now() - cls.KEPT).delete()

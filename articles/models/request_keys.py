"""Keys under which programs ask for something, so that asking twice is asking once."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

LONGEST_KEY = 100  # characters


class OtherRequest(Exception):
    """A key was used for another request within the day."""


class RequestKey(models.Model):
    """A key that a person's program has chosen, and what was asked for under it: for a day it is the same request."""

    DAYS = 1

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=LONGEST_KEY)
    asked = models.CharField(max_length=64)  # SHA-256 of what was asked for
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key

    @classmethod
    def before(cls, user: User, key: str, asked: str) -> Self | None:
        """The row of the same request of before. Raises OtherRequest."""
        found = cls._default_manager.filter(user=user, key=key)
        found.filter(at__lt=timezone.now() - timedelta(days=cls.DAYS)).delete()
        row = found.first()
        if row and row.asked != asked:
            raise OtherRequest("This Idempotency-Key was used for another request. Send a new key with a new request.")
        return row

    @classmethod
    def forget(cls) -> None:
        """Remove those that count no more."""
        cls._default_manager.filter(at__lt=timezone.now() - timedelta(days=cls.DAYS)).delete()


class ArticleKey(RequestKey):
    """Of an article that was handed in."""

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_article_per_key")]

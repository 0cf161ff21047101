"""Personal tokens: how a program asks the API in a person's name; and the keys of what people have not handed in.

Beside them, the machines that work.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from hmac import compare_digest

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.supervision.machines import Machine

__all__ = ["Machine", "Token", "TypedKey"]

MARK = "galley_"  # in front of every secret, so that people and scanners of leaked secrets know it
SECRET_BYTES = 32
SHOWN = 8  # characters of a secret by which its owner knows it again
LIFETIME = timedelta(days=365)
USE_NOTED = timedelta(minutes=1)  # the last use is written down once in so long, not with every request


def in_a_year() -> datetime:
    return timezone.now() + LIFETIME


class TokenQuerySet(models.QuerySet["Token"]):
    def valid(self) -> TokenQuerySet:
        """Those that open the door now: not expired, and of somebody who may log in."""
        lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(lasting, user__is_active=True)

    def of_secret(self, secret: str) -> Token | None:
        """The valid token with this secret, its last use noted; None for everything else (one query, two at most)."""
        digest = _hash(secret)
        token = self.valid().select_related("user").filter(sha256=digest).first()
        if token is None or not compare_digest(token.sha256, digest):
            return None
        token.note_use()
        return token


class Token(models.Model):
    """A token of one person. It may do what its owner may do; its secret is shown once and kept nowhere."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens", verbose_name="owner")
    name = models.CharField(max_length=100, help_text="What uses it, for example: nightly sweep.")
    prefix = models.CharField("begins with", max_length=SHOWN, editable=False)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField("made", default=timezone.now, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, editable=False)
    expires_at = models.DateTimeField("expires", null=True, blank=True, default=in_a_year)

    secret = ""  # no field: only the object that has just made it knows it

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at", "-pk"]
        # Nobody needs a right to have tokens: they carry no more than their owner's.
        default_permissions = ()
        permissions = [("read_metrics", "Can read the metrics of the whole desk")]

    def __str__(self) -> str:
        return self.name

    def make_secret(self) -> str:
        """A new secret, to be shown once. Kept are its hash, and the few characters by which it is known again."""
        random = secrets.token_urlsafe(SECRET_BYTES)
        self.secret = f"{MARK}{random}"
        self.prefix, self.sha256 = random[:SHOWN], _hash(self.secret)
        return self.secret

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def note_use(self) -> None:
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > USE_NOTED:
            Token.objects.filter(pk=self.pk).update(last_used_at=now)
            self.last_used_at = now


def random_key() -> str:
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


class TypedKey(models.Model):
    """Opens what browsers keep of somebody's typing. It lies here as it is: it opens nothing that is at the desk."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=44, default=random_key, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"key of {self.user}"


def _hash(secret: str) -> str:
    """Of 256 random bits: no salt and no slow hash are needed, nobody can guess them."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()

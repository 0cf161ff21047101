"""The sites that articles go to."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
from django.db import models

from publishing import secrets


def is_clean_url(value: str) -> None:
    if "@" in value or "?" in value or "#" in value:
        raise ValidationError("Write only the address of the site, without a user, a question mark or a hash.")


class Site(models.Model):
    """A WordPress, and the user whose drafts the articles become."""

    class Kind(models.TextChoices):
        APP_PASSWORD = "app-password", "Application password"
        JWT = "jwt", "User name and password, by the JWT plugin"

    name = models.CharField(
        max_length=50,
        unique=True,
        validators=[RegexValidator(r"\A[\w][\w .-]*\Z", "Use letters, digits, spaces, dots and hyphens.")],
    )
    url = models.CharField(
        "address",
        max_length=300,
        validators=[URLValidator(["https", "http"]), is_clean_url],
        help_text="For example https://magazine.example.org",
    )
    user = models.CharField(max_length=100, help_text="The WordPress user: it needs the role Author or Editor.")
    kind = models.CharField("signs in by", max_length=20, choices=Kind, default=Kind.APP_PASSWORD)
    encrypted_secret = models.TextField(editable=False)
    categories = models.CharField(
        max_length=300,
        blank=True,
        help_text="Names of categories for every draft, separated by commas. Missing ones are made.",
    )
    time_limit = models.PositiveSmallIntegerField(
        "longest request",
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(250)],
        help_text="Seconds that the site may work on one request. So long Galley waits after a lost answer, too.",
    )

    # Of one that was rebuilt, to be filled in: the address that its backup tells, or its name. Nothing is sent there.
    rebuilt_from = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def provider(self) -> str:
        """Its id in the ledger of calls: the name may change at any time."""
        return f"wordpress:{self.pk}"

    @property
    def address(self) -> str:
        """Where it is, in one spelling."""
        return self.url.rstrip("/")

    @property
    def in_clear(self) -> str:
        """A warning where the password is sent in clear; empty for an address with https."""
        if self.url.lower().startswith("https:"):
            return ""
        return f"The password of “{self}” travels in clear: whoever is on the way reads it. Give an address with https."

    @property
    def secret(self) -> str:
        """The password in plain text. Raises secrets.Undecipherable."""
        return secrets.decrypt(self.encrypted_secret)

    @secret.setter
    def secret(self, secret: str) -> None:
        self.encrypted_secret = secrets.encrypt(secret)

    @property
    def category_names(self) -> list[str]:
        return [name for part in self.categories.split(",") if (name := part.strip())]

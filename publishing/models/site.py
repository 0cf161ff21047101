"""The sites that articles go to, and what their browsers keep."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
from django.db import models

from articles.models import Design
from publishing import secrets
from publishing.options import Options


class Way(models.TextChoices):
    """How an article gets onto a site."""

    HYBRID = "hybrid", "The best way that works"
    REST = "rest", "REST API"
    XMLRPC = "xmlrpc", "XML-RPC"
    PLAYWRIGHT = "playwright", "Browser"
    COMPUTER_USE = "computer_use", "Agent in a browser"
    PREVIEW = "preview", "A page at the desk"


# Those that a hybrid is made of.
SINGLE = (Way.REST.value, Way.XMLRPC.value, Way.PLAYWRIGHT.value, Way.COMPUTER_USE.value)


def is_clean_url(value: str) -> None:
    if "@" in value or "?" in value or "#" in value:
        raise ValidationError("Write only the address of the site, without a user, a question mark or a hash.")


def is_order(value: str) -> None:
    names = _names(value)
    if unknown := [name for name in names if name not in SINGLE]:
        raise ValidationError(f"“{unknown[0][:30]}” is no way. There are: {', '.join(SINGLE)}.")
    if not names:
        raise ValidationError(f"Give at least one of: {', '.join(SINGLE)}.")


def _names(value: str) -> list[str]:
    return [name for part in value.split(",") if (name := part.strip())]


class Site(models.Model):
    """A WordPress, and the user whose drafts the articles become."""

    class Kind(models.TextChoices):
        APP_PASSWORD = "app-password", "Application password"
        JWT = "jwt", "User name and password, by the JWT plugin"

    class Typography(models.TextChoices):
        THEME = "theme", "of the site's theme"
        MAGAZINE = "magazine", "of the magazine"

    class Hero(models.TextChoices):
        FEATURED = "featured", "On top, by the theme"
        TEXT = "text", "In the text"
        BOTH = "both", "Both"

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
    # Of the login page, which takes no application password; "" where nobody has given it.
    encrypted_web_secret = models.TextField(blank=True, default="", editable=False)
    categories = models.CharField(
        max_length=300,
        blank=True,
        help_text="Names of categories for every draft, separated by commas. Missing ones are made.",
    )
    typography = models.CharField(
        max_length=10, choices=Typography, default=Typography.THEME, help_text="Letters and sizes of the posts."
    )
    design = models.CharField(
        max_length=10,
        choices=Design,
        blank=True,
        help_text="Of articles for this site, where whoever hands them in chooses none.",
    )
    hero = models.CharField(
        "hero image",
        max_length=10,
        choices=Hero,
        default=Hero.FEATURED,
        help_text="Where readers see it. Most themes show the featured image by themselves: then once is enough.",
    )
    time_limit = models.PositiveSmallIntegerField(
        "longest request",
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(250)],
        help_text="Seconds that the site may work on one request. So long Galley waits after a lost answer, too.",
    )

    publisher = models.CharField(
        "way",
        max_length=20,
        choices=[(way.value, way.label) for way in Way if way != Way.PREVIEW],
        default=Way.HYBRID,
        help_text="Where nobody says otherwise. The best way is tried first, another one where it is closed.",
    )
    ways = models.CharField(
        "order of the ways",
        max_length=100,
        default="rest, xmlrpc, playwright, computer_use",
        validators=[is_order],
        help_text="Which is tried first where the best one is wanted, and which when that is closed, by commas.",
    )
    # How posts are there where nobody says otherwise: publishing.options.Options.
    standing = models.JSONField(default=dict, editable=False)

    # Ways that are closed there, until the site is edited: {"rest": "rest_no_route"}.
    closed_ways = models.JSONField(default=dict, editable=False)

    # What was found when it was tried last: {"at": …, "login": its login_version then, "findings": […]}.
    trial = models.JSONField(default=dict, blank=True, editable=False)

    # Of one that was rebuilt, to be filled in: the address that its backup tells, or its name. Nothing is sent there.
    rebuilt_from = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        BrowserSession.objects.using(self._state.db).filter(site=self).exclude(login=self.login_version).delete()

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
    def order(self) -> list[str]:
        """Ways by their names, the best first."""
        return _names(self.ways)

    @property
    def wishes(self) -> Options:
        """How a post shall be there where whoever publishes it says nothing."""
        return Options.read(self.standing)

    @property
    def secret(self) -> str:
        """The password in plain text. Raises secrets.Undecipherable."""
        return secrets.decrypt(self.encrypted_secret)

    @secret.setter
    def secret(self, secret: str) -> None:
        self.encrypted_secret = secrets.encrypt(secret)

    @property
    def web_secret(self) -> str:
        """The password of the login page in plain text, "" where nobody has given it. Raises secrets.Undecipherable."""
        if self.encrypted_web_secret:
            return secrets.decrypt(self.encrypted_web_secret)
        return self.secret if self.kind == self.Kind.JWT else ""  # the plugin takes the same one

    @web_secret.setter
    def web_secret(self, secret: str) -> None:
        self.encrypted_web_secret = secrets.encrypt(secret) if secret else ""

    @property
    def login_version(self) -> str:
        """Another one for another address, user or password: what was signed in before counts no more."""
        parts = (self.address, self.user, self.encrypted_secret, self.encrypted_web_secret)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def category_names(self) -> list[str]:
        return [name for part in self.categories.split(",") if (name := part.strip())]


class BrowserSession(models.Model):
    """What keeps a browser signed in at a site: as good as the password, and encrypted like it."""

    site = models.OneToOneField(Site, models.CASCADE, related_name="browser_session")
    login = models.CharField(max_length=64)  # the site's login_version when it was made
    encrypted_state = models.TextField(editable=False)
    kept_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"session at {self.site}"


class BrowserSlot(models.Model):
    """Room for one browser on a machine: each takes 650 MB there."""

    host = models.CharField(max_length=200)
    number = models.PositiveSmallIntegerField()
    holder = models.CharField(max_length=300, blank=True)  # host|pid|start time of a process; "" for nobody
    until = models.DateTimeField()  # when its holder is through at the latest

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "number"], name="one_slot_of_a_number")]

    def __str__(self) -> str:
        return f"browser {self.number} of {self.host}"

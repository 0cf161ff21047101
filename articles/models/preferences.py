"""What an editor always wants, and looks for."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models

from articles import bounds
from articles.models.choices import ACCENT, PRIMARY, Design, is_colour


def is_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"“{name}” is not a time zone. Choose one like Europe/Berlin.")


class Preferences(models.Model):
    """What an editor always wants: read whenever an article of theirs is written, or stops."""

    class StopMail(models.TextChoices):
        AT_ONCE = "at_once", "at once"
        DAILY = "daily", "once a day"
        NEVER = "never", "never"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="preferences")
    instructions = models.TextField(
        "standing instructions",
        blank=True,
        validators=[MaxLengthValidator(5000)],
        help_text="Sent to the text service with every idea of yours: tone, audience, words to avoid.",
    )
    style = models.CharField("usual writing style", max_length=200, blank=True)
    design = models.CharField(
        max_length=10, choices=Design, blank=True, help_text="Empty: as the site wants it, else Classic."
    )
    byline = models.CharField(
        max_length=bounds.LONGEST_BYLINE, blank=True, help_text="Printed above your articles. Empty: none."
    )
    brand_primary = models.CharField("main colour", max_length=7, default=PRIMARY, validators=[is_colour])
    brand_accent = models.CharField("accent colour", max_length=7, default=ACCENT, validators=[is_colour])

    stop_mail = models.CharField(
        "mail when an article stops",
        max_length=10,
        choices=StopMail,
        default=StopMail.AT_ONCE,
        help_text="Articles that stop for one reason come in one mail. Chief editors hear of the backups so, too.",
    )
    worklist_mail = models.BooleanField(
        "mail about the worklist",
        default=True,
        help_text="What is handed to you there, and what comes back to you: gathered for a quarter of an hour.",
    )

    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        validators=[is_zone],
        help_text="By its clock you type and read times, here and in mails. Days of limits and sums are the desk's.",
    )

    class Meta:
        verbose_name = verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"Preferences of {self.user}"

    @classmethod
    def zone_of(cls, person: int) -> ZoneInfo | None:
        """In which somebody reads; None: in the desk's, also where this machine does not know theirs."""
        name = cls.objects.filter(user=person).values_list("time_zone", flat=True).first()
        try:
            return ZoneInfo(name) if name else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None


class SavedFilter(models.Model):
    """A choice among the articles that somebody makes again and again: its name, and what stands in the address."""

    MOST = 20  # of one person

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    address = models.CharField(max_length=2000)  # from the question mark on

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_filter_per_name")]

    def __str__(self) -> str:
        return self.name

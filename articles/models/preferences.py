"""What an editor always wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models

from articles import bounds
from articles.models.choices import ACCENT, PRIMARY, Design, is_colour

if TYPE_CHECKING:
    pass


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

    class Meta:
        verbose_name = verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"Preferences of {self.user}"

"""What chief editors set for the desk as a whole, and what its calls have cost each day."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

MOST_DOLLARS = Decimal("999999.99")
MOST_DAYS = 3650


def _limit(label: str, help_text: str) -> models.DecimalField[Any, Any]:
    return models.DecimalField(
        label,
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(MOST_DOLLARS)],
        help_text=help_text,
    )


def _days(label: str, help_text: str) -> models.PositiveSmallIntegerField[Any, Any]:
    return models.PositiveSmallIntegerField(
        label, null=True, blank=True, validators=[MaxValueValidator(MOST_DAYS)], help_text=help_text
    )


class DeskSettings(models.Model):
    """One row. Limits in US dollars: null is no limit. Of the agent and the days null is what the environment says."""

    name = models.CharField(max_length=10, unique=True, default="desk", editable=False)
    limit_article = _limit("an article", "The most that one article may cost. One that would cost more stops.")
    limit_day = _limit("a day", "What would cost more waits until the next day.")
    limit_month = _limit("a month", "What would cost more waits until the next month.")
    limit_agent_run = _limit("an agent's run", "The most that a computer-use agent may spend in one go.")
    film_days = _days("pictures of publications", "Days that pictures of what browsers showed are kept.")
    film_failed_days = _days("… of those that stopped", "The same of publications that have stopped.")
    version = models.PositiveIntegerField(default=1, editable=False)  # one more with each change
    changed_at = models.DateTimeField(auto_now=True)

    LIMITS = ("limit_article", "limit_day", "limit_month", "limit_agent_run")
    DAYS = ("film_days", "film_failed_days")

    class Meta:
        verbose_name = verbose_name_plural = "limits"

    def __str__(self) -> str:
        return "Limits of the desk"

    @classmethod
    def now(cls) -> DeskSettings:
        """What holds now (one query)."""
        return cls.objects.filter(name="desk").first() or cls()

    @classmethod
    def row(cls) -> DeskSettings:
        """The row itself, made where nobody has set anything yet."""
        return cls.objects.get_or_create(name="desk")[0]

    @classmethod
    def change(cls, version: int, **values: Any) -> bool:
        """Set some of it, if it still is of this version; whether it was."""
        changed = cls.objects.filter(name="desk", version=version)
        return bool(changed.update(**values, version=version + 1, changed_at=Now()))

    @property
    def agent_dollars(self) -> Decimal:
        """For one publication; 0: there is no agent, whatever the row says, as the operator wants none."""
        said = Decimal(settings.GALLEY_AGENT_DOLLARS)
        return said if self.limit_agent_run is None or not said else self.limit_agent_run

    @property
    def keeps_film(self) -> int:
        """Days."""
        return settings.GALLEY_FILM_DAYS if self.film_days is None else self.film_days

    @property
    def keeps_film_of_failed(self) -> int:
        """Days."""
        return settings.GALLEY_FILM_FAILED_DAYS if self.film_failed_days is None else self.film_failed_days


class SpentDay(models.Model):
    """What the calls of one day of the desk have cost, and may cost besides: the sums of `Call.counted_on`."""

    day = models.DateField(unique=True)
    spent = models.DecimalField(max_digits=14, decimal_places=6, default=Decimal(0))
    reserved = models.DecimalField(max_digits=14, decimal_places=6, default=Decimal(0))

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return str(self.day)

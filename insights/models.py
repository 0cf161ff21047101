"""What is kept so that figures of many rows cost few: sums of days, and the marks of days to be summed anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from articles.models import Article, Stage
from articles.models.access import EVERYTHING, may_look


class ProviderMetricQuerySet(models.QuerySet["ProviderMetric"]):
    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Of the articles that this person may see and change."""
        if not may_look(user, Article):
            return self.none()
        return self if user.has_perm(EVERYTHING) else self.filter(owner=user)


class ProviderMetric(models.Model):
    """What one provider did on one day, for one person's articles, on one site, and that ended one way: sums alone, so
    that any choice of rows adds up. Written a whole day at a time (`insights.rollups`).

    Some hundred rows a day: on PostgreSQL it is a plain table, too, as partitions would gain nothing.
    """

    class Kind(models.TextChoices):
        """What was to be done."""

        PUBLISHER = "publisher", "Publications, by the way that was asked for"
        WAY = "way", "Each way that was gone, also one that another had to take over from"
        TEXT = "text", "A text"
        SECTION = "section", "A section of a text"
        PROMPTS = "prompts", "Prompts"
        IMAGE = "image", "A picture"
        FORMAT = "format", "A page laid out"
        AGENT = "agent", "A turn of an agent"

    class Outcome(models.TextChoices):
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed of its own accord"
        CANCELLED = "cancelled", "Somebody has stopped it, or given it up"
        OPEN = "open", "Under way"

    day = models.DateField()  # on which it was asked for, or sent the last time
    kind = models.CharField(max_length=10, choices=Kind)
    provider = models.CharField(max_length=100)  # a way onto sites, or the id of a service
    model = models.CharField(max_length=100, blank=True)  # that answered; "": none did, or it did not say
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    site = models.ForeignKey("publishing.Site", models.CASCADE, null=True, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome)
    cause = models.CharField(max_length=100, blank=True)  # of a failure: a code that has words, else its kind
    number = models.PositiveIntegerField()
    again = models.PositiveIntegerField()  # times that one was tried again, or sent again, after its first
    timed = models.PositiveIntegerField()  # those of which it is known how long they took
    microseconds = models.PositiveBigIntegerField()  # that these took together
    cost = models.DecimalField(max_digits=16, decimal_places=6, default=Decimal(0))  # US dollars, as far as known
    unknown = models.PositiveIntegerField()  # those whose cost nobody knows, or not all of it

    objects = ProviderMetricQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["day"], name="metric_by_day")]

    def __str__(self) -> str:
        return f"{self.day}, {self.provider}: {self.number} {self.outcome}"


class CostSumQuerySet(models.QuerySet["CostSum"]):
    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Of the articles that this person may see and change, also of those that are gone."""
        if not may_look(user, Article):
            return self.none()
        return self if user.has_perm(EVERYTHING) else self.filter(owner=user)


class CostSum(models.Model):
    """What the records of costs of one day come to that have all of these in common (`insights.rollups.paid`)."""

    day = models.DateField()
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100, blank=True)
    stage = models.CharField(max_length=10, choices=Stage)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    site = models.ForeignKey("publishing.Site", models.SET_NULL, null=True, related_name="+")
    batch = models.ForeignKey("articles.Batch", models.SET_NULL, null=True, related_name="+")
    cost = models.DecimalField(max_digits=16, decimal_places=6)  # US dollars, less than 0 if more was taken back
    unknown = models.IntegerField()
    answers = models.PositiveIntegerField()
    input_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()

    objects = CostSumQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["day"], name="cost_sum_by_day")]

    def __str__(self) -> str:
        return f"{self.day}, {self.provider}: {self.cost}"


class CostMark(models.Model):
    """Records of this day have changed since they were summed: until they are again, they count and its sums do not.
    Left by the database itself, as a `Mark` is.
    """

    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["day"], name="cost_mark_by_day")]

    def __str__(self) -> str:
        return f"{self.day}"


class Mark(models.Model):
    """Something has changed that counts to the day of this moment. Rows leave it by themselves, in the transaction that
    changes them (`insights.rollups.marks`): always a new one, so that nobody waits for another.
    """

    at = models.DateTimeField(null=True)  # null: of any day

    class Meta:
        indexes = [models.Index(fields=["at"], name="mark_by_time")]

    def __str__(self) -> str:
        return f"{self.at}" if self.at else "everything"


class Rollup(models.Model):
    """How far the sums are. There is one row, and whoever sums locks it."""

    name = models.CharField(max_length=10, unique=True, default="desk")
    zone = models.CharField(max_length=60, blank=True)  # by whose days they were made
    at = models.DateTimeField(null=True)  # what was committed before is in them

    def __str__(self) -> str:
        return f"Summed until {self.at}"


class StorageMeasure(models.Model):
    """How much something takes up, as it was measured on a day, the last time that day (`insights.storage`)."""

    class Part(models.TextChoices):
        TREES = "trees", "Backups of articles"
        PICTURES = "pictures", "Pictures that came within texts"
        FILM = "film", "Pictures of what browsers showed"
        FILES = "files", "Backups of files"
        DATABASE_BACKUPS = "database_backups", "Backups of the database"
        DATABASE = "database", "The database"

    day = models.DateField()
    part = models.CharField(max_length=20, choices=Part)
    at = models.DateTimeField()
    bytes = models.PositiveBigIntegerField()
    number = models.PositiveBigIntegerField(null=True)  # trees, pictures, objects; null: it is one thing
    # Of these, what retention removes within `storage.AHEAD`; null: nobody knows before.
    leaving_bytes = models.PositiveBigIntegerField(null=True)
    leaving = models.PositiveBigIntegerField(null=True)

    class Meta:
        ordering = ["day", "part"]
        constraints = [models.UniqueConstraint(fields=["day", "part"], name="one_measure_per_day")]

    def __str__(self) -> str:
        return f"{self.day}, {self.get_part_display()}: {self.bytes} bytes"

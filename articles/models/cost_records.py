"""What was paid, line by line: kept when its article, its ledger or its batch is gone."""

from __future__ import annotations

from datetime import date
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Sum
from django.utils import timezone

from articles.models.access import EVERYTHING, may_look
from articles.models.article import Article
from articles.models.batch import Batch
from articles.models.calls import Cost
from articles.models.choices import Stage
from backups.clocks import DESK


def today() -> date:
    """The day of the desk's own time zone."""
    return DESK.today()


class CostRecordQuerySet(models.QuerySet["CostRecord"]):
    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Of the articles that this person may see and change, also of those that are gone."""
        if not may_look(user, Article):
            return self.none()
        return self if user.has_perm(EVERYTHING) else self.filter(owner=user)

    def cost(self) -> Cost:
        """What they come to (one query)."""
        found = self.order_by().aggregate(known=Sum("cost"), unknown=Sum("unknown"))
        return Cost(found["known"] or Cost().known, found["unknown"] or 0)


class CostRecord(models.Model):
    """One change of what a call has cost. Written once, by `articles.cost_records`, and never changed.

    So sums are true for any choice of records: the cost of a call is the sum of its records, and a correction is one
    more of them. `unknown` counts calls that nobody knows (all of) the cost of: 1 where one becomes such, -1 where it
    is known after all. `day` is that to which the call counts (`Call.counted_on`), so a month here is the limits'.

    On PostgreSQL it lies in partitions, one a month (`backups.partitions`).
    """

    at = models.DateTimeField(default=timezone.now)
    day = models.DateField(default=today)
    article = models.CharField(max_length=32)  # its uid: the article itself may be gone
    key = models.CharField(max_length=60)  # of the call, as its generation
    generation = models.PositiveSmallIntegerField(default=1)
    number = models.PositiveSmallIntegerField(default=1)  # within the call
    stage = models.CharField(max_length=10, choices=Stage)
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100, blank=True)
    answered = models.BooleanField(default=False)  # an answer came; else what was known of an earlier one has changed
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)  # US dollars, less than 0 if taken back
    unknown = models.SmallIntegerField(default=0)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    site = models.ForeignKey("publishing.Site", models.SET_NULL, null=True, related_name="+")
    batch = models.ForeignKey(Batch, models.SET_NULL, null=True, related_name="+")

    objects = CostRecordQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["day"], name="cost_by_day"),
            models.Index(fields=["article", "key"], name="cost_of_article"),
        ]

    def __str__(self) -> str:
        return f"{self.key}, {self.day}: {self.cost}"

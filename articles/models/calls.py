"""Calls to the outside, and how fast each service may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django.db import models
from django.db.models import Count, Q, Sum
from django.utils import timezone

# Sent just now, and nothing has gone wrong yet: its answer will say what it costs.
IN_FLIGHT = Q(state="intent", lost_answers=0, article__status="running")


@dataclass(frozen=True)
class Cost:
    """What calls have cost: US dollars, as far as that is known, and how many calls nobody knows the cost of."""

    known: Decimal = Decimal(0)
    unknown: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.known + other.known, self.unknown + other.unknown)

    @property
    def dollars(self) -> Decimal | None:
        """At least so much; None where nothing of it is known."""
        return self.known if self.known or not self.unknown else None


class CallQuerySet(models.QuerySet["Call"]):
    # Of those whose cost nobody knows; what is in flight is not among them.
    UNKNOWN = Q(reserved__isnull=False) & ~IN_FLIGHT

    def cost(self) -> Cost:
        """What they have cost altogether (one query)."""
        found = self.order_by().aggregate(known=Sum("cost"), unknown=Count("pk", filter=self.UNKNOWN))
        return Cost(found["known"] or Decimal(0), found["unknown"])


class Call(models.Model):
    """One call to the outside that costs money or changes the world, and the ledger of what it cost.

    The intent is committed before the call, the raw answer before anything is read from it. A call that was sent
    and whose answer is not here may have been charged; `lost_answers` counts these.

    `cost` is what it is known to have cost. `reserved` is there as long as that is not all: the most that may have been
    charged besides, by what is in flight, by answers that were lost, and by those that do not say what they cost.
    """

    class State(models.TextChoices):
        INTENT = "intent", "Sent, no answer yet"
        RECEIVED = "received", "Answered"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CLOSED = "closed", "Given up"

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="calls")
    key = models.CharField(max_length=60)  # text, prompts, image:hero, format, media:hero, post
    generation = models.PositiveSmallIntegerField(default=1)  # one more each time it is asked anew
    provider = models.CharField(max_length=100)
    # Where it was sent, if it changes something there: a site may move, and what lay at its old address stays there.
    address = models.CharField(max_length=300, blank=True)
    model = models.CharField(max_length=100, blank=True)
    idempotency_key = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State, default=State.INTENT)
    sends = models.PositiveSmallIntegerField(default=0)
    lost_answers = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(null=True)  # raw, as the provider gave it
    error = models.JSONField(null=True)  # ProviderError.saved()
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True)  # US dollars; null: unknown
    reserved = models.DecimalField(max_digits=12, decimal_places=6, null=True)  # US dollars; null: `cost` is all
    # The day of the desk to which its money counts: that of its last sending. Null: it has cost nothing yet.
    counted_on = models.DateField(null=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["article"], condition=Q(state="intent"), name="call_without_answer"),
            models.Index(fields=["sent_at"], name="call_by_sending"),
            models.Index(fields=["received_at"], name="call_by_answer"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["article", "key", "generation"], name="one_call_per_generation"),
            models.CheckConstraint(
                condition=~Q(state__in=["received", "done"]) | Q(answer__isnull=False),
                name="call_received_has_an_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.get_state_display()})"

    @property
    def is_paid(self) -> bool:
        return self.state in (self.State.RECEIVED, self.State.DONE)

    def cost_is_unknown(self, *, in_hand: bool) -> bool:
        """Whether nobody knows (all of) what it has cost; `in_hand`: somebody works on its article. As UNKNOWN."""
        in_flight = in_hand and self.state == self.State.INTENT and not self.lost_answers
        return self.reserved is not None and not in_flight

    @property
    def raw(self) -> dict[str, Any]:
        """The raw answer of a call that has one."""
        return cast(dict[str, Any], self.answer)


class Pace(models.Model):
    """How fast a service may be asked, by all workers on all machines together (`articles.pipeline.rate_limits`)."""

    provider = models.CharField(max_length=100, unique=True)
    next_at = models.DateTimeField(default=timezone.now)  # the next free turn, where there is a limit
    closed_until = models.DateTimeField(null=True)  # it asked us to wait
    reason = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.provider

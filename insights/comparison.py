"""Who does what how well: ways onto sites, and services by model, each beside others that do the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Sum

from articles.failure_names import BY_KIND, SHORT
from articles.models import Cost
from insights.costs import Range
from insights.models import ProviderMetric, Rollup
from insights.models import ProviderMetricQuerySet as Metrics
from insights.prices import Price, What, prices
from insights.rates import Between, between

Kind, Outcome = ProviderMetric.Kind, ProviderMetric.Outcome
GROUPS = {  # whom one may choose between, and what they do
    "publishers": (Kind.PUBLISHER,),
    "ways": (Kind.WAY,),
    "text": (Kind.TEXT, Kind.SECTION, Kind.PROMPTS),
    "pictures": (Kind.IMAGE,),
    "layout": (Kind.FORMAT,),
    "agent": (Kind.AGENT,),
}
MEASURES = ("number", "again", "timed", "microseconds", "cost", "unknown")


class Who(NamedTuple):
    """Who did it, and what."""

    kind: str
    provider: str
    model: str = ""
    site: int | None = None


@dataclass
class Did:
    """What somebody did, in sums; None where of nothing there is no rate, no mean and no price."""

    number: int = 0
    completed: int = 0
    failed: int = 0  # of their own accord
    cancelled: int = 0
    again: int = 0
    timed: int = 0
    microseconds: int = 0
    cost: Cost = field(default_factory=Cost)
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def in_progress(self) -> int:
        return self.number - self.ended - self.cancelled

    @property
    def ended(self) -> int:
        """By themselves: the sample of a rate."""
        return self.completed + self.failed

    @property
    def success_rate(self) -> float | None:
        return self.completed / self.ended if self.ended else None

    @property
    def success_between(self) -> Between | None:
        return between(self.completed, self.ended)

    @property
    def mean(self) -> float | None:
        """Seconds, of those that were completed."""
        return self.microseconds / self.timed / 10**6 if self.timed else None

    @property
    def cost_each(self) -> Decimal | None:
        """US dollars for one that was completed, with what others cost that came to nothing."""
        return self.cost.known / self.completed if self.completed else None

    def __add__(self, other: Did) -> Did:
        return Did(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def count(self, outcome: str, cause: str, number: int, again: int, timed: int, took: int, cost: Cost) -> None:
        """Add a row of sums."""
        self.number += number
        self.completed += number if outcome == Outcome.COMPLETED else 0
        self.failed += number if outcome == Outcome.FAILED else 0
        self.cancelled += number if outcome == Outcome.CANCELLED else 0
        self.again += again
        self.timed += timed
        self.microseconds += took
        self.cost += cost
        if outcome == Outcome.FAILED:
            self.causes[cause] += number


@dataclass(frozen=True)
class Comparison:
    """`as_of`: what has happened before is in the figures; None: nothing was summed yet."""

    since: date | None
    as_of: datetime | None
    groups: dict[str, dict[Who, Did]]
    prices: dict[What, Price]


def comparison(user: AbstractBaseUser | AnonymousUser, range_: Range, today: date) -> Comparison:
    """What this person may know of (three queries)."""
    since = range_.since(today)
    did = did_by(within(ProviderMetric.objects.touchable_by(user), since, today))
    groups = {
        name: {who: each for who, each in did.items() if who.kind in kinds and who.provider}
        for name, kinds in GROUPS.items()
    }
    return Comparison(since, as_of(), groups, prices(user, since, today))


def within(metrics: Metrics, since: date | None, today: date) -> Metrics:
    """Those of a range of days, today among them; None: all that there are."""
    return metrics.filter(day__gte=since, day__lte=today) if since else metrics


def as_of() -> datetime | None:
    return Rollup.objects.values_list("at", flat=True).first()


def did_by(metrics: Metrics, *, sites: bool = False) -> dict[Who, Did]:
    """In the order of kinds, names and models (one query); by site, too, where that is asked for."""
    by = ["kind", "provider", "model", *(["site"] if sites else [])]
    sums = {name: Sum(name) for name in MEASURES}
    rows = metrics.order_by().values_list(*by, "outcome", "cause").annotate(**{f"all_{k}": v for k, v in sums.items()})
    did: dict[Who, Did] = {}
    for *who, outcome, cause, number, again, timed, took, cost, unknown in rows:
        did.setdefault(Who(*who), Did()).count(outcome, cause, number, again, timed, took, Cost(cost, unknown))
    return dict(sorted(did.items(), key=lambda item: [str(part or "") for part in item[0]]))


def cause_words(cause: str) -> str:
    """In two or three words."""
    return SHORT.get(cause) or BY_KIND.get(cause, "for another reason")

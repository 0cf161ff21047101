"""What calls cost and how long they take: what they did here lately, else what they usually do.

Of a model without a price nobody knows what it costs: that is never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings
from django.db.models import Avg, Case, CharField, F, Max, Value, When

from articles.call_keys import SEARCH, SECTION
from articles.models import Call, Cost

# Where nothing was paid yet, in US dollars: an article of usual length with the models of the settings' defaults.
GUESSES = {
    "text": Decimal("0.02"),
    "section": Decimal("0.005"),
    "prompts": Decimal("0.002"),
    "image": Decimal("0.03"),
    "format": Decimal("0.08"),
    "search": Decimal("0.002"),
}
SECONDS = {"text": 60, "section": 25, "prompts": 15, "image": 30, "format": 90, "upload": 10}
LATELY = 2000  # calls, the newest, whose mean cost is the estimate


def costs() -> dict[str, Decimal | None]:
    """US dollars for a call of each kind, None where nobody knows (two queries)."""
    newest = Call.objects.aggregate(pk=Max("pk"))["pk"] or 0
    of_kind = Case(
        When(key__startswith=SECTION, then=Value("section")),
        When(key__startswith=SEARCH, then=Value("search")),
        default=F("key"),
        output_field=CharField(max_length=60),
    )
    lately = Call.objects.filter(pk__gt=newest - LATELY, cost__isnull=False).annotate(kind=of_kind)
    means = lately.filter(kind__in=GUESSES).order_by().values("kind").annotate(mean=Avg("cost"))
    known = GUESSES | {row["kind"]: row["mean"] for row in means}
    prices = settings.GALLEY_PRICES
    models = dict.fromkeys(("text", "section", "prompts", "search"), settings.OPENAI_MODEL) | {
        "format": settings.ANTHROPIC_MODEL
    }
    priced = {kind: prices.knows(model) for kind, model in models.items()}
    found = {kind: dollars if priced.get(kind) else None for kind, dollars in known.items()}
    return found | {"image": prices.of_picture(settings.REPLICATE_MODEL)}


def cost_of(calls: Mapping[str, int], known: Mapping[str, Decimal | None]) -> Cost:
    """What so many calls of each kind will cost, by `costs`."""
    found = [(known[kind], number) for kind, number in calls.items() if number]
    return Cost(
        sum((dollars * number for dollars, number in found if dollars is not None), Decimal(0)),
        sum(number for dollars, number in found if dollars is None),
    )

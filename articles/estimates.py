"""What calls cost and how long they take: what they did here lately, else what they usually do."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db.models import Avg, Case, CharField, F, Max, Value, When

from articles.call_keys import SECTION
from articles.models import Call
from articles.providers import prices

# Where nothing was paid yet, in US dollars: an article of usual length with the models of the settings' defaults.
GUESSES = {
    "text": Decimal("0.02"),
    "section": Decimal("0.005"),
    "prompts": Decimal("0.002"),
    "image": Decimal("0.03"),
    "format": Decimal("0.08"),
}
SECONDS = {"text": 60, "section": 25, "prompts": 15, "image": 30, "format": 90, "upload": 10}
LATELY = 2000  # calls, the newest, whose mean cost is the estimate


def costs() -> dict[str, Decimal]:
    """US dollars for a call of each kind (two queries)."""
    newest = Call.objects.aggregate(pk=Max("pk"))["pk"] or 0
    of_kind = Case(
        When(key__startswith=SECTION, then=Value("section")), default=F("key"), output_field=CharField(max_length=60)
    )
    lately = Call.objects.filter(pk__gt=newest - LATELY, cost__isnull=False).annotate(kind=of_kind)
    means = lately.filter(kind__in=GUESSES).order_by().values("kind").annotate(mean=Avg("cost"))
    known = GUESSES | {row["kind"]: row["mean"] for row in means}
    return known | {"image": prices.of_picture(settings.REPLICATE_MODEL) or GUESSES["image"]}

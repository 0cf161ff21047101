"""Analytics in the API: what was paid, for whom and to whom."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from articles.api.asking import who_may_look
from articles.api.strict import REFUSALS, InQuery, Strict, one_of
from articles.models import Article
from backups.clocks import DESK
from insights import costs
from insights.costs import Paid, Range

router = Router(tags=["analytics"])


class PaidOut(Strict):
    """What some answers have cost and used."""

    cost: Decimal = Field(description="US dollars, as far as that is known")
    unknown: int = Field(description="calls with a cost that nobody knows; below 0 where more became known")
    answers: int
    input_tokens: int
    output_tokens: int


class OfDayOut(PaidOut):
    day: date = Field(description="in the desk's time zone as it was then")


class OfMonthOut(PaidOut):
    month: date = Field(description="its first day")


class OfNameOut(PaidOut):
    name: str | None = Field(description="null: of none, or of one that is gone")
    id: str | None = Field(description="of a site or a batch, of which several may have one name; else null")


class OfModelOut(PaidOut):
    provider: str
    model: str = Field(description="empty: it was not said")


class ThisMonthOut(Strict):
    """How this month goes, in US dollars."""

    spent: Decimal
    unknown: int
    forecast: Decimal | None = Field(description="by its last day, if it goes on like this; null on its first")
    limit: Decimal | None = Field(description="null: there is none")


class CostUsageOut(PaidOut):
    """All together, and told apart in each way. What an article has cost stays when it is deleted."""

    since: date | None = Field(description="null: since ever")
    this_month: ThisMonthOut
    by_day: list[OfDayOut] = Field(description="each day, also those that cost nothing")
    by_month: list[OfMonthOut]
    by_provider: list[OfNameOut]
    by_model: list[OfModelOut]
    by_stage: list[OfNameOut]
    by_person: list[OfNameOut]
    by_site: list[OfNameOut]
    by_batch: list[OfNameOut]


class Within(InQuery):
    """Of which days."""

    time_range: Annotated[Range, one_of(Range)] = Field(
        Range.MONTH, description="the last so many days, today among them"
    )


@router.get("/cost-usage", response={200: CostUsageOut, **REFUSALS}, operation_id="analytics_cost_usage")
def cost_usage(request: HttpRequest, wanted: Query[Within]) -> CostUsageOut:
    """What was paid, as far as this person may know: by day, month, provider, model, stage, person, site and batch."""
    found = costs.usage(who_may_look(request, Article), wanted.time_range, DESK.today())
    month = found.this_month
    named: dict[str, Any] = {
        f"by_{name}": [
            OfNameOut(name=key[0], id=next((str(id_) for id_ in key[1:] if id_), None), **_paid(paid))
            for key, paid in found.by[name].items()
        ]
        for name in ("provider", "stage", "person", "site", "batch")
    }
    return CostUsageOut(
        since=found.since,
        this_month=ThisMonthOut(
            spent=month.spent.known, unknown=month.spent.unknown, forecast=month.forecast, limit=month.limit
        ),
        by_day=[OfDayOut(day=key[0], **_paid(paid)) for key, paid in found.by["day"].items()],
        by_month=[OfMonthOut(month=key[0], **_paid(paid)) for key, paid in found.by["month"].items()],
        by_model=[
            OfModelOut(provider=str(key[0]), model=str(key[1]), **_paid(paid))
            for key, paid in found.by["model"].items()
        ],
        **named,
        **_paid(found.paid),
    )


def _paid(paid: Paid) -> dict[str, Any]:
    return {
        "cost": paid.cost.known,
        "unknown": paid.cost.unknown,
        "answers": paid.answers,
        "input_tokens": paid.input_tokens,
        "output_tokens": paid.output_tokens,
    }

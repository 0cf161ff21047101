"""Analytics in the API: who does what how well, and what somebody should do about it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from articles.api.asking import who_may_look
from articles.api.strict import REFUSALS, Strict
from articles.models import Article
from articles.providers.names import title_of
from backups.clocks import DESK
from insights import comparison, recommendations
from insights.api.analytics import Within
from insights.comparison import Did, Who
from insights.models import ProviderMetric
from insights.prices import Price, What
from insights.recommendations import FEWEST, Share
from publishing.models import Way

router = Router(tags=["analytics"])
WAYS = (ProviderMetric.Kind.PUBLISHER, ProviderMetric.Kind.WAY)


class CauseOut(Strict):
    code: str = Field(description="of the failure, or its kind; empty: it was not said")
    message: str
    tasks: int


class DidOut(Strict):
    """What one provider did. Null: of nothing there is no rate, no mean and no price."""

    provider: str
    name: str
    tasks: int
    completed: int
    failed: int = Field(description="of their own accord")
    cancelled: int = Field(description="somebody has stopped them, or given them up")
    in_progress: int
    tried_again: int = Field(description="times that one was tried or sent again after its first")
    sample: int = Field(description="completed and failed: what the rate is made of")
    success_rate: float | None = Field(description="completed among completed and failed, 0 to 1")
    success_low: float | None = Field(description="the true rate lies above this, in 95 of 100 cases")
    success_high: float | None = Field(description="and below this")
    mean_duration: float | None = Field(description="seconds, of those that were completed")
    cost: Decimal = Field(description="US dollars, as far as that is known")
    unknown: int = Field(description="tasks whose cost nobody knows, or not all of it")
    cost_each: Decimal | None = Field(description="US dollars for each completed one, the failed ones paid with them")
    causes: list[CauseOut] = Field(description="of failures, the most frequent first")


class ServiceOut(DidOut):
    kind: str = Field(description="what was to be done: text, section, prompts, image, format, agent")
    model: str = Field(description="that answered; empty: none did, or it did not say")


class PriceOut(Strict):
    """What articles of one kind have cost with one service and model. Null: of nothing there is no price."""

    work: str = Field(description="what was paid for: text, pictures, layout")
    article: str = Field(description="idea, long (section by section), manuscript, or gone: of which kind nobody knows")
    provider: str
    name: str
    model: str = Field(description="empty: no answer, or none was said")
    articles: int
    cost: Decimal = Field(description="US dollars, as far as that is known")
    unknown: int = Field(description="calls whose cost nobody knows; their articles are in no price")
    sample: int = Field(description="articles of which all is known: what cost_each is made of")
    cost_each: Decimal | None = Field(description="US dollars an article")
    sample_words: int = Field(description="those of the sample that have words: what the next is made of")
    words: int
    cost_per_1000_words: Decimal | None


class ComparisonOut(Strict):
    since: date | None = Field(description="the first day, by the desk's calendar; null: since ever")
    as_of: datetime | None = Field(description="until when the figures know; null: nothing was summed yet")
    by_publisher: list[DidOut] = Field(description="publications, by the way that was asked for")
    by_way: list[DidOut] = Field(description="each way that was gone, also those that another had to take over from")
    text: list[ServiceOut]
    pictures: list[ServiceOut]
    layout: list[ServiceOut]
    agent: list[ServiceOut]
    prices: list[PriceOut] = Field(description="the same kinds of article side by side")


class ShareOut(Strict):
    what: str
    failed: int
    sample: int


class PlaceOut(Strict):
    label: str
    url: str | None = Field(description="at the desk; null: that is for somebody with more rights")


class RecommendationOut(Strict):
    rule: str = Field(description="order, site or service")
    message: str
    figures: list[ShareOut]
    place: PlaceOut


class RecommendationsOut(Strict):
    since: date
    as_of: datetime | None
    recommendations: list[RecommendationOut]
    too_few: list[ShareOut] = Field(description=f"of which fewer than {FEWEST} have ended: nothing is said of these")


@router.get("/provider-comparison", response={200: ComparisonOut, **REFUSALS}, operation_id="analytics_comparison")
def provider_comparison(request: HttpRequest, wanted: Query[Within]) -> ComparisonOut:
    """Ways onto sites, and services by model, each beside others that do the same."""
    found = comparison.comparison(who_may_look(request, Article), wanted.time_range, DESK.today())
    ways = {
        name: [DidOut(**_did(who, did)) for who, did in found.groups[name].items()] for name in ("publishers", "ways")
    }
    services = {
        name: [ServiceOut(kind=who.kind, model=who.model, **_did(who, did)) for who, did in found.groups[name].items()]
        for name in ("text", "pictures", "layout", "agent")
    }
    return ComparisonOut(
        since=found.since,
        as_of=found.as_of,
        by_publisher=ways["publishers"],
        by_way=ways["ways"],
        **services,
        prices=[_price(what, price) for what, price in found.prices.items()],
    )


@router.get(
    "/recommendations", response={200: RecommendationsOut, **REFUSALS}, operation_id="analytics_recommendations"
)
def recommended(request: HttpRequest) -> RecommendationsOut:
    """What somebody should do, with the figures that say so, from the last thirty days."""
    advice = recommendations.advice(who_may_look(request, Article), DESK.today())
    return RecommendationsOut(
        since=advice.since,
        as_of=comparison.as_of(),
        recommendations=[
            RecommendationOut(
                rule=each.rule,
                message=each.sentence,
                figures=[_share(share) for share in each.figures],
                place=PlaceOut(label=each.place.label, url=each.place.url or None),
            )
            for each in advice.found
        ],
        too_few=[_share(share) for share in advice.silent],
    )


def _price(what: What, price: Price) -> PriceOut:
    return PriceOut(
        **what._asdict(),
        name=title_of(what.provider),
        articles=price.articles,
        cost=price.cost,
        unknown=price.unknown,
        sample=price.sample,
        cost_each=price.each,
        sample_words=price.worded,
        words=price.words,
        cost_per_1000_words=price.per_thousand_words,
    )


def _share(share: Share) -> ShareOut:
    return ShareOut(what=share.what, failed=share.failed, sample=share.of)


def _did(who: Who, did: Did) -> dict[str, Any]:
    low, high = did.success_between or (None, None)
    return {
        "provider": who.provider,
        "name": str(Way(who.provider).label) if who.kind in WAYS else title_of(who.provider),
        "tasks": did.number,
        "completed": did.completed,
        "failed": did.failed,
        "cancelled": did.cancelled,
        "in_progress": did.in_progress,
        "tried_again": did.again,
        "sample": did.ended,
        "success_rate": did.success_rate,
        "success_low": low,
        "success_high": high,
        "mean_duration": did.mean,
        "cost": did.cost.known,
        "unknown": did.cost.unknown,
        "cost_each": did.cost_each and round(did.cost_each, 6),
        "causes": [
            CauseOut(code=code, message=comparison.cause_words(code), tasks=number)
            for code, number in did.causes.most_common()
        ],
    }

"""What the desk may spend: on an article, a day, a month. Looked at before each call that costs, under one lock.

Whoever reserves money where there is a limit locks the row of the limits first, so of two at once the second sees what
the first has reserved. What is given back needs no lock: it only makes room.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from articles.formats import money
from articles.models import Article, Call, DeskSettings, SpentDay
from articles.models.calls import IN_FLIGHT
from articles.pipeline.rate_limits import NotYet
from articles.providers.errors import GALLEY, ProviderError, Refused
from articles.providers.prices import Bound
from backups.clocks import DESK

SOON = 15.0  # seconds until a call is thought of again that has no room beside those in flight
DAY, MONTH, ARTICLE, UNPRICED = "limit_day", "limit_month", "limit_article", "limit_unpriced"
MEND = "have a chief editor raise it (Limits)"


class Period(NamedTuple):
    """Of the desk's own calendar: since which day, and when the next one begins."""

    code: str
    name: str
    limit: Decimal | None
    since: date
    next: date

    @property
    def seconds_left(self) -> float:
        begins = DESK.at(self.next)
        return max((begins - timezone.now()).total_seconds(), 1)


def charged(since: date) -> Decimal:
    """US dollars that the calls since this day have cost, and may have cost besides (one query, a row a day)."""
    sums = SpentDay.objects.filter(day__gte=since).order_by().aggregate(spent=Sum("spent"), reserved=Sum("reserved"))
    return (sums["spent"] or Decimal(0)) + (sums["reserved"] or Decimal(0))


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def count(day: date | None, spent: Decimal, reserved: Decimal) -> None:
    """Add to the sums of a day, also of one that has passed."""
    if day is None or not (spent or reserved):
        return
    SpentDay.objects.get_or_create(day=day)
    SpentDay.objects.filter(day=day).update(spent=F("spent") + spent, reserved=F("reserved") + reserved)


def refusal(article: Article, most: Bound) -> ProviderError | None:
    """Why a limit has no room for a call, if one has not: within the transaction that reserves it."""
    row = DeskSettings.objects.select_for_update(no_key=True).filter(name="desk").first()
    if row is None or (row.limit_article, row.limit_day, row.limit_month) == (None, None, None):
        return None
    if not most.is_priced and settings.GALLEY_UNKNOWN_PRICES == "refuse":
        reason = "the price of a model is not known, and the desk has a limit"
        return Refused(GALLEY, reason, mend="have the operator tell its price", code=UNPRICED)
    if row.limit_article is not None and (spent := _of_article(article)) + most.dollars > row.limit_article:
        reason = (
            f"it would cost more than an article may: {money(spent)} of ${row.limit_article:,.2f} are spent, "
            f"and this may cost {money(most.dollars)}"
        )
        return Refused(GALLEY, reason, mend=MEND, code=ARTICLE)
    return next(filter(None, (_no_room(article, most, period) for period in _periods(row))), None)


def _periods(row: DeskSettings) -> list[Period]:
    today = DESK.today()
    month = first_of_month(today)
    following = first_of_month(month + timedelta(days=31))
    return [
        Period(MONTH, "a month", row.limit_month, month, following),
        Period(DAY, "a day", row.limit_day, today, today + timedelta(days=1)),
    ]


def _no_room(article: Article, most: Bound, period: Period) -> NotYet | None:
    if period.limit is None or (sum_ := charged(period.since)) + most.dollars <= period.limit:
        return None
    if sum_ - _in_flight(article, period.since) + most.dollars <= period.limit:
        reason = f"the limit of ${period.limit:,.2f} {period.name} has no room beside the calls that are being answered"
        return NotYet(GALLEY, reason, code=period.code, retry_after=SOON)
    reason = (
        f"the limit of ${period.limit:,.2f} {period.name} is reached: {money(sum_)} are spent, "
        f"and this may cost {money(most.dollars)}"
    )
    return NotYet(GALLEY, reason, mend=MEND, code=period.code, retry_after=period.seconds_left)


def _of_article(article: Article) -> Decimal:
    sums = Call.objects.filter(article=article.pk).order_by().aggregate(cost=Sum("cost"), reserved=Sum("reserved"))
    return (sums["cost"] or Decimal(0)) + (sums["reserved"] or Decimal(0))


def _in_flight(article: Article, since: date) -> Decimal:
    """What is reserved for calls of other articles that somebody waits for."""
    others = Call.objects.filter(IN_FLIGHT, counted_on__gte=since).exclude(article=article.pk)
    return others.order_by().aggregate(sum=Sum("reserved"))["sum"] or Decimal(0)


def change(version: int, values: dict[str, Any]) -> bool:
    """Set some of the desk's settings, if they still are of this version; whether they were. What waits for another day
    or month tries again at the next sweep, and waits on where it still finds no room.
    """
    with transaction.atomic():
        if not DeskSettings.change(version, **values):
            return False
        waiting = Article.objects.filter(status=Article.Status.WAITING, error__code__in=[DAY, MONTH])
        waiting.update(next_at=timezone.now())
    return True

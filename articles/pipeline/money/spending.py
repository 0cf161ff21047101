"""What calls cost and may cost, in sums that are kept with their batch; and whether its budget has room for one more.

A call that is sent reserves the most that it may cost. Its answer gives that back where it says what it has cost; where
nobody knows, as an answer was lost or says nothing, the reserve stays. So `Batch.spent` and `Batch.reserved` together
are never less than what was charged, as long as no call costs more than its bound; and a look at them costs the same
however large the batch is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet, Sum

from articles import cost_records
from articles.cost_records import Noted
from articles.formats import money
from articles.models import Article, Batch, Call
from articles.models.calls import IN_FLIGHT
from articles.pipeline import dispatch
from articles.pipeline.lease import HeldBack
from articles.pipeline.money import limits
from articles.pipeline.money.limits import SOON
from articles.pipeline.rate_limits import NotYet
from articles.providers import Answer
from articles.providers.errors import GALLEY
from articles.providers.prices import Bound


@contextmanager
def noting(article: Article, call: Call, answer: Answer | None = None) -> Iterator[Noted]:
    """A transaction that changes what a call has cost or may cost, by its `answer` if one has come: the sums of its
    article and batch follow, and a record that outlives them.

    Gives what its row says now. Locks the batch, then the article, then the call: everybody does so in this order.
    """
    with transaction.atomic():
        batch, row = _locked(article)
        before = _noted(call) or Noted()
        yield before
        after = _noted(call)
        cost_records.write(article, call, before, after or cost_records.without_its_row(call, answer), answer)
        if after is None or after[:2] == before[:2]:
            return
        spent, reserved = (after.cost or Decimal(0)) - (before.cost or Decimal(0)), after.open - before.open
        _count(before, after, spent)
        if article.batch_id:
            is_open = int(after.reserved is not None) - int(before.reserved is not None)
            row.update(spent=F("spent") + spent)
            batch.update(
                spent=F("spent") + spent, reserved=F("reserved") + reserved, open_costs=F("open_costs") + is_open
            )


def _count(before: Noted, after: Noted, spent: Decimal) -> None:
    """In the sums of the days: what was open goes along where the call now counts to another one."""
    if before.counted_on == after.counted_on:
        limits.count(after.counted_on, spent, after.open - before.open)
        return
    limits.count(before.counted_on, Decimal(0), -before.open)  # the earlier day first: everybody does so in this order
    limits.count(after.counted_on, spent, after.open)


def _locked(article: Article) -> tuple[QuerySet[Batch], QuerySet[Article]]:
    """The row of its batch, if it belongs to one, and its own."""
    batch, row = Batch.objects.filter(pk=article.batch_id or 0), Article.objects.filter(pk=article.pk)
    for locked in (batch, row):
        locked.select_for_update(no_key=True).values_list("pk").first()
    return batch, row


def _noted(call: Call) -> Noted | None:
    """None, where the article was deleted meanwhile."""
    row = Call.objects.select_for_update().filter(pk=call.pk)
    said = row.values_list("cost", "reserved", "state", "lost_answers", "counted_on").first()
    return Noted(*said) if said else None


@contextmanager
def reserving(article: Article, call: Call, most: Bound | None, thing: str) -> Iterator[dict[str, Any]]:
    """The transaction in which the intent of a call is written: gives what its row is to say of `most`, its bound.

    A call without a bound costs nothing, and reserves nothing. Where the batch's budget has no room, nothing is
    written: raises HeldBack, with the batch paused; NotYet, where there may be room once others are answered, and
    where a limit of the desk has none for now; Refused, where a limit has none for this article.
    """
    with transaction.atomic(durable=True):  # nothing is sent that a transaction around it could still undo
        if most is None:
            yield {}
            return
        with noting(article, call) as noted:
            if beyond := limits.refusal(article, most):
                beyond.thing = thing
                raise beyond
            refused = _refusal(article, most)
            if refused is None:
                yield noted.with_more(most)
                return
    if refused.passes:
        raise NotYet(GALLEY, refused.reason, code="budget", retry_after=SOON, thing=thing)
    dispatch.pause(refused.batch, refused.reason, refused.cause)
    raise HeldBack


@dataclass(frozen=True)
class _Refusal:
    """Why a batch has no room for a call, and whether that may pass by itself."""

    batch: int
    reason: str
    passes: bool = False
    cause: str = ""


def _refusal(article: Article, most: Bound) -> _Refusal | None:
    """None: there is room, or no limit. The batch is locked."""
    if article.alone:  # whoever asked for it has seen what it costs
        return None
    batch = Batch.objects.only("budget", "spent", "reserved").filter(pk=article.batch_id or 0).first()
    if batch is None or batch.budget is None:
        return None
    if not most.is_priced and settings.GALLEY_UNKNOWN_PRICES == "refuse":
        said = "The price of a model is not known, and this batch has a budget. Next: have the operator tell its price."
        return _Refusal(batch.pk, said)
    if batch.spent + batch.reserved + most.dollars <= batch.budget:
        return None
    if batch.spent + batch.reserved - _in_flight(article) + most.dollars <= batch.budget:
        return _Refusal(batch.pk, "the budget has no room beside the calls that are being answered", passes=True)
    reserved = f", up to {money(batch.reserved)} by calls that did not say what they cost" if batch.reserved else ""
    return _Refusal(
        batch.pk,
        f"The next sections would spend more than the budget of ${batch.budget:,.2f}: {money(batch.spent)} are spent"
        f"{reserved}, and the next call may cost {money(most.dollars)}. Next: raise the budget, then resume.",
        cause=Batch.BUDGET,
    )


def _in_flight(article: Article) -> Decimal:
    """What is reserved for calls of other articles of the batch that somebody waits for."""
    others = Call.objects.filter(IN_FLIGHT, article__batch=article.batch_id).exclude(article=article.pk)
    return others.order_by().aggregate(sum=Sum("reserved"))["sum"] or Decimal(0)

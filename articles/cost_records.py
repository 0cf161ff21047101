"""What a call has cost, written down for good in the transaction that changes its row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from articles import call_keys
from articles.models import Article, Call, CostRecord
from articles.providers import Answer
from articles.providers.prices import Bound
from backups import partitions
from backups.clocks import DESK

NOTHING = Decimal(0)


class Noted(NamedTuple):
    """What the row of a call says: US dollars that it is known to have cost, and that it may have cost besides; and to
    which day they count.
    """

    cost: Decimal | None = None
    reserved: Decimal | None = None
    state: str = Call.State.INTENT
    lost_answers: int = 0
    counted_on: date | None = None

    @property
    def open(self) -> Decimal:
        return self.reserved or NOTHING

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows (all of) what it has cost; of one that is in flight, its answer will say it."""
        return self.reserved is not None and (self.state != Call.State.INTENT or self.lost_answers > 0)

    def with_more(self, most: Bound) -> dict[str, Any]:
        """The change of a row that is sent (once more): what is open of it counts to today."""
        return {"reserved": self.open + most.dollars, "counted_on": DESK.today()}

    def with_less(self, most: Bound | None) -> dict[str, Decimal | None]:
        """The change of a row of which one sending is settled: what was reserved for it is free again."""
        rest = self.open - (most.dollars if most else Decimal(0))
        return {"reserved": rest if rest > 0 else None}

    def answered(self, answer: Answer, most: Bound | None) -> dict[str, Any]:
        """The change of a row by an answer: where that does not say what it has cost, at least what it cannot have."""
        if answer.cost is not None:
            return {"cost": (self.cost or Decimal(0)) + answer.cost, **self.with_less(most)}
        if answer.at_most is not None and most and answer.at_most < most.dollars:
            return self.with_less(Bound(most.dollars - answer.at_most))
        return {}

    def finished(self, answer: Answer, most: Bound) -> dict[str, Any]:
        """The change of a row whose work went on after its answer, by what is known of its cost at last."""
        if self.cost and answer.cost is None:
            return {"cost": (self.cost - most.dollars) or None, **self.with_more(most)}
        return self.answered(answer, most) if self.cost is None else {}


def write(article: Article, call: Call, before: Noted, after: Noted, answer: Answer | None) -> None:
    """Write down how what is known of a call has changed; nothing, where it has not and no answer has used anything."""
    cost = (after.cost or NOTHING) - (before.cost or NOTHING)
    unknown = int(after.is_unknown) - int(before.is_unknown)
    used = answer or Answer({}, call.model)
    if cost or unknown or used.input_tokens or used.output_tokens:
        day = after.counted_on or call.counted_on
        _create(article, call, timezone.now(), used, day, cost=cost, unknown=unknown, answered=answer is not None)


def write_rebuilt(article: Article, call: Call) -> None:
    """What its calls have cost that no record tells, as they were lost with the ledger; on the day when it was made."""
    records = CostRecord.objects.filter(article=article.uid)
    told = records.order_by().aggregate(cost=Sum("cost"), unknown=Sum("unknown"))
    cost = (article.calls.order_by().aggregate(sum=Sum("cost"))["sum"] or NOTHING) - (told["cost"] or NOTHING)
    unknown = int(call.reserved is not None and not told["unknown"])
    if cost > 0 or unknown:
        _create(article, call, article.created_at, Answer({}), cost=max(cost, NOTHING), unknown=unknown)


def close(calls: QuerySet[Call]) -> None:
    """Give calls up: whoever asks next asks anew. Of those in flight nobody will say any more what they cost."""
    with transaction.atomic(savepoint=False):
        in_flight = calls.filter(state=Call.State.INTENT, reserved__isnull=False, lost_answers=0)
        for call in in_flight.select_related("article").select_for_update(of=("self",)):
            _create(call.article, call, timezone.now(), Answer({}, call.model), call.counted_on, unknown=1)
        calls.update(state=Call.State.CLOSED)


def _create(article: Article, call: Call, at: datetime, used: Answer, day: date | None = None, **what: Any) -> None:
    """`day`: to which the call counts, as the sums of the limits have it; None: that of the moment."""
    day = day or DESK.day(at)
    partitions.make_room(CostRecord._meta.db_table, [day], DEFAULT_DB_ALIAS)
    of_call = {"article": article.uid, "key": call.key, "generation": call.generation}
    CostRecord.objects.create(
        **of_call,
        **what,
        at=at,
        day=day,
        number=CostRecord.objects.filter(**of_call).count() + 1,
        stage=call_keys.stage_of(call.key),
        provider=call.provider,
        model=used.model,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        reasoning_tokens=used.reasoning_tokens,
        owner_id=article.owner_id,
        site_id=article.site_id,
        batch_id=article.batch_id,
    )


def without_its_row(call: Call, answer: Answer | None) -> Noted:
    """What a call would say that was deleted with its article: an answer that came after that was paid all the same."""
    if answer is None:
        return Noted()
    return Noted(answer.cost, call.reserved if answer.cost is None else None, Call.State.CLOSED)

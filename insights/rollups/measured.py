"""What the rows of a day come to: publish tasks by what was asked for and by each way gone, calls by who answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KeyTextTransform

from articles import call_keys
from articles.failure_names import SHORT
from articles.models import Call
from insights.models import ProviderMetric
from publishing.models import PublishTask, Way

Kind, Outcome = ProviderMetric.Kind, ProviderMetric.Outcome
MICROSECOND = timedelta(microseconds=1)
# By what their keys begin with; the first that fits counts. Calls of other kinds cost nothing and have no choice.
KINDS = {
    call_keys.SECTION: Kind.SECTION,
    call_keys.TEXT: Kind.TEXT,
    call_keys.PROMPTS: Kind.PROMPTS,
    call_keys.IMAGE: Kind.IMAGE,
    call_keys.FORMAT: Kind.FORMAT,
    "agent:": Kind.AGENT,
}


class Of(NamedTuple):
    """By what figures are told apart."""

    kind: str
    provider: str
    model: str
    owner_id: int
    site_id: int | None
    outcome: str
    cause: str = ""


@dataclass(frozen=True)
class Sums:
    number: int = 0
    again: int = 0
    timed: int = 0
    microseconds: int = 0
    cost: Decimal = Decimal(0)
    unknown: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.number + other.number,
            self.again + other.again,
            self.timed + other.timed,
            self.microseconds + other.microseconds,
            self.cost + other.cost,
            self.unknown + other.unknown,
        )


def sums_of(since: datetime, until: datetime | None, using: str) -> dict[Of, Sums]:
    """Of all that counts to the time from one moment to another (two queries)."""
    sums = defaultdict[Of, Sums](Sums)
    tasks = PublishTask.objects.using(using).filter(created_at__gte=since)
    calls = Call.objects.using(using).filter(sent_at__gte=since)
    if until is not None:
        tasks, calls = tasks.filter(created_at__lt=until), calls.filter(sent_at__lt=until)
    for of, part in (*_of_tasks(tasks), *_of_calls(calls)):
        sums[of] += part
    return sums


# Publish tasks


class _Task(NamedTuple):
    publisher: str
    way: str
    turns: list[dict[str, Any]]
    owner_id: int
    site_id: int | None
    status: str
    cancelled: bool
    error: dict[str, Any] | None
    retry_count: int
    started_at: datetime | None
    completed_at: datetime | None
    cost: Decimal


COLUMNS = ["article__owner" if name == "owner_id" else name.removesuffix("_id") for name in _Task._fields]


def _of_tasks(tasks: QuerySet[PublishTask]) -> Iterator[tuple[Of, Sums]]:
    for row in tasks.order_by().values_list(*COLUMNS).iterator():
        task = _Task(*row)
        outcome = _ended(task)
        failed = cause_of(task.error) if outcome == Outcome.FAILED else ""
        timed = _timed(task, outcome)
        at = (task.owner_id, task.site_id)
        yield (
            Of(Kind.PUBLISHER, task.publisher, "", *at, outcome, failed),
            Sums(1, task.retry_count, *timed, cost=task.cost),
        )
        for turn in task.turns:
            if turn["from"]:
                yield Of(Kind.WAY, turn["from"], "", *at, Outcome.FAILED, cause_of(turn)), Sums(1)
        if task.way:
            cost = task.cost if task.way == Way.COMPUTER_USE else Decimal(0)
            yield Of(Kind.WAY, task.way, "", *at, outcome, failed), Sums(1, 0, *timed, cost=cost)


def _ended(task: _Task) -> ProviderMetric.Outcome:
    if task.status == PublishTask.Status.COMPLETED:
        return Outcome.COMPLETED
    if task.status != PublishTask.Status.FAILED:
        return Outcome.OPEN
    return Outcome.CANCELLED if task.cancelled else Outcome.FAILED


def _timed(task: _Task, outcome: ProviderMetric.Outcome) -> tuple[int, int]:
    """Of one that was completed: 1, and how long it took."""
    if outcome != Outcome.COMPLETED or not (task.started_at and task.completed_at):
        return 0, 0
    return 1, max((task.completed_at - task.started_at) // MICROSECOND, 0)


def cause_of(error: dict[str, Any] | None) -> str:
    """Of a failure: its code where that has words, else its kind. So there are only so many, whatever services say."""
    code, kind = ((error or {}).get(name) or "" for name in ("code", "kind"))
    return str(code if code in SHORT else kind)[:100]


# Calls


TOOK = ExpressionWrapper(F("received_at") - F("sent_at"), output_field=DurationField())
# An answer that was given up later was good when it came; what is sent once more is open again.
ENDED = Case(
    When(state=Call.State.INTENT, then=Value(Outcome.OPEN.value)),
    When(error__isnull=False, then=Value(Outcome.FAILED.value)),
    When(received_at__isnull=False, then=Value(Outcome.COMPLETED.value)),
    default=Value(Outcome.CANCELLED.value),
)
IS_UNKNOWN = Q(reserved__isnull=False) & (~Q(state=Call.State.INTENT) | Q(lost_answers__gt=0))
IS_TIMED = Q(outcome=Outcome.COMPLETED) & Q(received_at__gte=F("sent_at"))


def _of_calls(calls: QuerySet[Call]) -> Iterator[tuple[Of, Sums]]:
    kinds = Case(
        *(When(key__startswith=begins, then=Value(kind.value)) for begins, kind in KINDS.items()), default=None
    )
    rows = calls.order_by().annotate(kind=kinds, outcome=ENDED, **_of_error()).exclude(kind=None)
    by = ("kind", "provider", "model", "article__owner", "outcome", "code", "error_kind")
    for kind, provider, model, owner, outcome, code, error_kind, *sums in rows.values_list(*by).annotate(
        number=Count("pk"),
        sent=Sum("sends"),
        timed=Count("pk", filter=IS_TIMED),
        took=Sum(TOOK, filter=IS_TIMED),
        dollars=Sum("cost"),
        unknown=Count("pk", filter=IS_UNKNOWN),
    ):
        number, sent, timed, took, dollars, unknown = sums
        cause = cause_of({"code": code, "kind": error_kind}) if outcome == Outcome.FAILED else ""
        yield (
            Of(kind, provider, model, owner, None, outcome, cause),
            Sums(
                number,
                max(sent - number, 0),
                timed,
                (took or timedelta()) // MICROSECOND,
                dollars or Decimal(0),
                unknown,
            ),
        )


def _of_error() -> dict[str, KeyTextTransform]:
    return {"code": KeyTextTransform("code", "error"), "error_kind": KeyTextTransform("kind", "error")}

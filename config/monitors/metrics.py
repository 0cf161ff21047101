"""`/metrics`: how the desk does, in Prometheus' text format, read from the rows at each scrape.

Nothing is counted in memory: web servers and workers are many processes on many machines, and the rows are the truth
about all of them. What would grow with the tables is told of the last hour only, and its name says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, CharField, Count, DurationField, ExpressionWrapper, F, Max, Sum, Value, When
from django.db.models.expressions import CombinedExpression
from django.db.models.fields.json import KeyTextTransform
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from ninja.errors import HttpError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from articles import call_keys
from articles.models import Article, Call, CallQuerySet, Event, StageRecord
from articles.pipeline import worker_health
from backups.health.report import Facts, remembered
from backups.health.states import STATES
from config.api import CHALLENGE, who
from config.models import Machine

HOUR = timedelta(hours=1)
MOST_SERIES = 100  # of one metric: services may answer with any code
LONGEST_LABEL = 100  # characters
OTHER = "other"
UNFINISHED = [Article.Status.QUEUED, Article.Status.RUNNING, Article.Status.WAITING, Article.Status.FAILED]

# By metric: its help, and the fact of a part that it tells.
BACKUPS: dict[str, tuple[str, Callable[[Facts], int | None]]] = {
    "galley_backup_pending_rows": (
        "Rows that were not yet backed up when Galley last looked; none: a backup was made since, or nobody knows",
        lambda facts: facts.pending,
    ),
    "galley_backup_read_percent": (
        "Percent of the stored objects that were read and hashed within thirty days",
        lambda facts: facts.read_percent,
    ),
    "galley_backup_drill_differences": (
        "What did not come back as it was when a restore was last tried; none: no restore was tried yet",
        lambda facts: facts.differences,
    ),
    "galley_backup_damaged": (
        "Backups that are damaged, those among them that nothing needs, too",
        lambda facts: facts.damaged,
    ),
    "galley_backup_drifted_rows": (
        "Rows that had changed without a backup noticing",
        lambda facts: facts.drifted,
    ),
    "galley_backup_orphans": (
        "Stored objects that belong to no backup; none: nobody has verified",
        lambda facts: facts.orphans,
    ),
    "galley_backup_unfinished_uploads": (
        "Uploads that were begun more than a day ago and never finished; none: nobody knows",
        lambda facts: facts.unfinished,
    ),
}

Labels = tuple[str, ...]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For the token, or the session, of somebody with the right to read them."""
    try:
        if not who(request).has_perm("config.read_metrics"):
            raise HttpError(403, "This needs the right “Can read the metrics of the whole desk”.")
    except HttpError as exc:
        headers = CHALLENGE if exc.status_code == 401 else {}
        return HttpResponse(f"{exc}\n", status=exc.status_code, headers=headers, content_type="text/plain")
    return HttpResponse(generate_latest(Desk(timezone.now())), content_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True)
class Tally:
    """How often something happened, how many seconds all of it took, and the longest of it."""

    number: float = 0
    seconds: float = 0
    longest: float = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.number + other.number, self.seconds + other.seconds, max(self.longest, other.longest))

    @property
    def mean(self) -> float:
        return self.seconds / self.number if self.number else 0


class Desk(Collector):
    """The metrics at one moment (some twenty queries)."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.hour_ago = now - HOUR

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self.articles()
        yield from self.stages()
        yield from self.setbacks()
        yield from self.calls()
        yield from self.machines()
        yield from self.backups()

    def machines(self) -> Iterator[GaugeMetricFamily]:
        heard = Machine.objects.with_silence().filter(role=Machine.Role.WORKERS)
        help_ = "Seconds since the workers of a machine were heard of, by machine; all at long tasks, they say nothing"
        rows = (((each.host,), each.silence.total_seconds()) for each in heard)  # type: ignore[attr-defined]
        yield gauge("galley_machine_heard_seconds", help_, ["machine"], rows)

    def articles(self) -> Iterator[GaugeMetricFamily]:
        counted = Article.objects.filter(status__in=UNFINISHED).order_by().values_list("status")
        now = dict.fromkeys(UNFINISHED, 0) | dict(counted.annotate(Count("pk")))
        help_ = "Articles that are not finished, by status (failed: stopped until a person acts)"
        yield gauge("galley_articles", help_, ["status"], (((status,), number) for status, number in now.items()))

        oldest = worker_health.queued_since()
        help_ = "Seconds for which the oldest queued article has waited to be taken; 0 when none is queued"
        age = (self.now - oldest).total_seconds() if oldest else 0
        yield gauge("galley_oldest_queued_seconds", help_, [], [((), age)])

        ended = Article.objects.filter(ended_at__gte=self.hour_ago).order_by().values_list("status")
        help_ = "Articles that were finished, stopped or cancelled in the last hour and still are so, by status"
        rows = (((status,), number) for status, number in ended.annotate(Count("pk")))
        yield gauge("galley_articles_ended_last_hour", help_, ["status"], rows)

    def backups(self) -> Iterator[GaugeMetricFamily]:
        report = remembered(self.now)
        help_ = "How the backups do, by part: 0 ok, 1 could be better, 2 missing, too old or not restorable, 3 damaged"
        states = (((part.name,), STATES.index(part.state)) for part in report.parts)
        yield gauge("galley_backup_state", help_, ["part"], states)
        ages = {part.name: part.age for part in report.parts}
        help_ = "Seconds since the last good backup, or the last restore that was tried; none: there was none"
        rows = (((name,), age) for name, age in ages.items() if age is not None)
        yield gauge("galley_backup_age_seconds", help_, ["part"], rows)
        for name, (help_, fact) in BACKUPS.items():
            values = ((part.name, fact(part.facts)) for part in report.parts)
            yield gauge(name, help_, ["part"], (((part,), value) for part, value in values if value is not None))

    def stages(self) -> Iterator[GaugeMetricFamily]:
        done = StageRecord.objects.filter(finished_at__gte=self.hour_ago, started_at__isnull=False).order_by()
        took = lasted(F("finished_at") - F("started_at"))
        rows = done.values_list("stage", "maker").annotate(number=Count("pk"), total=Sum(took), longest=Max(took))
        found = bounded(((stage, maker), tally(number, *times)) for stage, maker, number, *times in rows)
        what = "stages that were finished in the last hour, by who made it (model, formatter or way)"
        yield from timed("galley_stages_finished", what, ["stage", "maker"], found)

    def setbacks(self) -> Iterator[GaugeMetricFamily]:
        """Stops and waits from the timeline, which keeps them when somebody has pressed Recover since."""
        events = Event.objects.filter(at__gte=self.hour_ago, kind__in=["stopped", "waiting"]).order_by()
        rows = list(events.values_list("kind", "stage", "provider").annotate(Count("pk")))
        for kind, name, help_ in (
            ("stopped", "galley_stages_stopped_last_hour", "Stages that stopped in the last hour"),
            ("waiting", "galley_stages_waited_last_hour", "Waits of the last hour, each before one more try by itself"),
        ):
            found = bounded((row[1:3], Tally(row[3])) for row in rows if row[0] == kind)
            yield gauge(name, f"{help_}, by who caused it", ["stage", "provider"], counts(found))

        stopped = Article.objects.filter(status=Article.Status.FAILED, ended_at__gte=self.hour_ago).order_by()
        facts = stopped.values_list(*(KeyTextTransform(name, "error") for name in ("stage", "provider", "code")))
        found = bounded(([label or "" for label in labels], Tally(n)) for *labels, n in facts.annotate(Count("pk")))
        help_ = "Articles that stopped in the last hour and are still stopped, by what stopped them"
        yield gauge("galley_articles_stopped_last_hour", help_, ["stage", "provider", "code"], counts(found))

    def calls(self) -> Iterator[GaugeMetricFamily]:
        names = ["stage", "provider"]
        sent = Call.objects.filter(sent_at__gte=self.hour_ago).order_by().annotate(at_stage=stage_of_call())
        rows = list(sent.values_list("at_stage", "provider").annotate(Count("pk"), Sum("sends"), Sum("lost_answers")))
        again = bounded(((stage, provider), Tally(sends - n)) for stage, provider, n, sends, _ in rows if sends > n)
        help_ = "Times that calls of the last hour were sent again after the first"
        yield gauge("galley_call_retries_last_hour", help_, names, counts(again))
        lost = bounded(((stage, provider), Tally(lost)) for stage, provider, _, _, lost in rows)
        help_ = "Answers to calls of the last hour that were lost: these calls may have been charged twice"
        yield gauge("galley_lost_answers_last_hour", help_, names, counts(lost))

        failed_calls = sent.filter(error__isnull=False).values_list(
            "at_stage", "provider", KeyTextTransform("code", "error")
        )
        failed = bounded(((*labels, code or ""), Tally(n)) for *labels, code, n in failed_calls.annotate(Count("pk")))
        help_ = "Calls of the last hour that failed for good, by the code of their failure"
        yield gauge("galley_calls_failed_last_hour", help_, [*names, "code"], counts(failed))

        answered = Call.objects.filter(received_at__gte=self.hour_ago, sent_at__isnull=False).order_by()
        took = lasted(F("received_at") - F("sent_at"))
        paid = answered.annotate(at_stage=stage_of_call()).values_list("at_stage", "provider")
        of_cost = {"dollars": Sum("cost"), "unknown": Count("pk", filter=CallQuerySet.UNKNOWN)}
        rows = list(paid.annotate(number=Count("pk"), total=Sum(took), longest=Max(took), **of_cost))
        found = bounded(((stage, provider), tally(n, total, most)) for stage, provider, n, total, most, *_ in rows)
        yield from timed("galley_calls_answered", "calls that were answered in the last hour", names, found)
        known = [(row[:2], row[-2]) for row in rows if row[-2] is not None]
        costs = bounded((labels, Tally(float(dollars))) for labels, dollars in known)
        help_ = "US dollars that the calls answered in the last hour cost, as far as it is known"
        yield gauge("galley_cost_dollars_last_hour", help_, names, counts(costs))
        doubtful = bounded((row[:2], Tally(row[-1])) for row in rows if row[-1])
        help_ = "Calls answered in the last hour whose cost is not known, or not all of it"
        yield gauge("galley_unknown_costs_last_hour", help_, names, counts(doubtful))


# From rows to series


def bounded(found: Iterable[tuple[Iterable[str], Tally]]) -> dict[Labels, Tally]:
    """By their labels, the most frequent first; what is beyond MOST_SERIES comes together under "other"."""
    by_labels: dict[Labels, Tally] = {}
    for labels, added in found:
        key = tuple(label[:LONGEST_LABEL] or "none" for label in labels)
        by_labels[key] = by_labels.get(key, Tally()) + added
    ordered = sorted(by_labels, key=lambda key: (-by_labels[key].number, key))
    for key in ordered[MOST_SERIES:]:
        rest = (OTHER,) * len(key)
        by_labels[rest] = by_labels.get(rest, Tally()) + by_labels.pop(key)
    return by_labels


def gauge(name: str, help_: str, names: list[str], rows: Iterable[tuple[Labels, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=names)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def counts(found: dict[Labels, Tally]) -> Iterator[tuple[Labels, float]]:
    return ((labels, added.number) for labels, added in found.items())


def timed(name: str, what: str, names: list[str], found: dict[Labels, Tally]) -> Iterator[GaugeMetricFamily]:
    """Three metrics of one thing: how many, how long in the mean, how long at most."""
    yield gauge(f"{name}_last_hour", f"{what[:1].upper()}{what[1:]}", names, counts(found))
    means = ((labels, added.mean) for labels, added in found.items())
    yield gauge(f"{name}_mean_seconds_last_hour", f"Mean seconds of {what}", names, means)
    longest = ((labels, added.longest) for labels, added in found.items())
    yield gauge(f"{name}_max_seconds_last_hour", f"Most seconds of {what}", names, longest)


def tally(number: int, total: timedelta | None, longest: timedelta | None) -> Tally:
    return Tally(number, total.total_seconds() if total else 0, longest.total_seconds() if longest else 0)


# From columns to labels


def lasted(difference: CombinedExpression) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(difference, output_field=DurationField())


def stage_of_call() -> Case:
    kinds = [When(key__startswith=kind, then=Value(stage.value)) for kind, stage in call_keys.STAGE_OF.items()]
    return Case(*kinds, default=Value(OTHER), output_field=CharField())

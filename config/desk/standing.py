"""What the desk stands on: whether each part of it does what it is there for, and what to do where one does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import storages
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Schedule

from articles import formats
from articles.models import Article
from articles.pipeline import worker_health
from backups.health import report as backups_health
from backups.health import wording
from backups.health.report import KIT, Part, Report
from backups.storage.port import SECOND
from config.databases import standby
from insights import comparison
from recovery.models import Mail
from webhooks.models import Delivery

OVERDUE = timedelta(minutes=5)  # of what has its time: workers look every half minute
SUMMED = timedelta(minutes=20)  # of sums that are made every five minutes
UNTAKEN = timedelta(minutes=2)
BACKUPS = {"ok": "are well", "look": "could be better", "alarm": "raise an alarm", "damaged": "are damaged"}
SERVICES = {"OPENAI_API_KEY": "text", "REPLICATE_API_TOKEN": "pictures", "ANTHROPIC_API_KEY": "layout"}


@dataclass(frozen=True)
class Fact:
    """`wrong` is a sentence on what to do; "" where nothing is."""

    name: str
    said: str
    wrong: str = ""


def facts() -> list[Fact]:
    backups = backups_health.remembered(timezone.now())
    parts = {part.name: part for part in backups.parts}
    said = [_articles(), _messages(), _schedules(), _sums(), _mails(), _webhooks(), _database(), _storage()]
    if standby.STANDBY in settings.DATABASES:
        said.append(_standby())
    said += [_backups(backups), *([_second(parts[SECOND])] if SECOND in parts else [])]
    return [*said, _kit(parts[KIT]), _services()]


def _articles() -> Fact:
    queued = Article.objects.filter(status=Article.Status.QUEUED).count()
    since = worker_health.queued_since()
    said = f"{queued:,} queued" + (f", the oldest since {formats.clock(since)}" if since else "")
    late = since and since < timezone.now() - UNTAKEN and worker_health.nobody_works()
    return Fact("Articles", said, "Nobody takes them: start workers (manage.py worker)." if late else "")


def _messages() -> Fact:
    kind = "Redis" if settings.Q_CLUSTER.get("redis") else "the database"
    number = _asked(lambda: get_broker().queue_size())
    if number is None:
        return Fact("Queue", f"{kind} does not answer", "Articles go on without it, a little later. Start it again.")
    return Fact("Queue", f"{formats.count(number, 'message')}, in {kind}")


def _schedules() -> Fact:
    every = Schedule.objects.exclude(repeats=0)
    late = every.filter(next_run__lt=timezone.now() - OVERDUE).order_by("next_run")
    wrong = f"{late[0].name} should have begun {formats.past(late[0].next_run)}: do workers run?" if late else ""
    return Fact("Schedules", f"{formats.count(every.count(), 'schedule')}, {len(late) or 'none'} overdue", wrong)


def _mails() -> Fact:
    waiting = Mail.objects.filter(state=Mail.State.OPEN, next_at__lt=timezone.now() - OVERDUE)
    failed = (
        Mail.objects.filter(state=Mail.State.OPEN).exclude(error="").order_by("-pk").values_list("error", flat=True)
    )
    wrong = f"The mail server: {failed[0]}." if failed else "Do workers run?" if waiting.exists() else ""
    return Fact("Mail", "sent as it comes" if not wrong else f"{formats.count(waiting.count(), 'mail')} waits", wrong)


def _database() -> Fact:
    executor = MigrationExecutor(connection)
    to_come = executor.migration_plan(executor.loader.graph.leaf_nodes())
    wrong = "Run manage.py migrate: this program needs tables that are not there yet." if to_come else ""
    applied: datetime | None = MigrationRecorder(connection).Migration.objects.aggregate(last=Max("applied"))["last"]
    since = f", its tables as they are since {formats.clock(applied)}" if applied else ""
    to_do = f", {formats.count(len(to_come), 'migration')} to come" if to_come else ""
    return Fact("Database", f"{connection.display_name}{since}{to_do}", wrong)


def _standby() -> Fact:
    """As this web server sees it."""
    if standby.look.may_be_read():
        return Fact("Standby", f"read from, at most {standby.look.seconds:.0f} s behind")
    seconds = standby.look.seconds
    said = "nobody knows how far it is behind" if seconds is None else f"{seconds:.0f} s behind"
    return Fact("Standby", said, "The first database answers in its place: does it run, and does it follow?")


def _storage() -> Fact:
    storage = storages["backups"]
    unwritable = getattr(storage, "unwritable", None)
    if unwritable is None:
        return Fact("Storage", "a bucket; the page of the backups says how it does")
    wrong = "It cannot be written: articles wait until it can." if unwritable() else ""
    return Fact("Storage", "a folder", wrong)


def _sums() -> Fact:
    at = comparison.as_of()
    late = at and at < timezone.now() - SUMMED
    said = f"know of all until {formats.clock(at)}" if at else "are not made yet"
    return Fact("Sums of Insights", said, "They should be made every five minutes: do workers run?" if late else "")


def _webhooks() -> Fact:
    late = Delivery.objects.filter(state=Delivery.State.OPEN, created_at__lt=timezone.now() - OVERDUE)
    number = late.count()
    wrong = "A receiver fails: its webhook says how, and the others get theirs." if number else ""
    said = f"{formats.count(number, 'delivery', 'deliveries')} not taken yet" if number else "sent as it happens"
    return Fact("Webhooks", said, wrong)


def _backups(found: Report) -> Fact:
    wrong = "See the page of the backups." if found.needs_somebody else ""
    return Fact("Backups", BACKUPS[found.state], wrong)


def _second(part: Part) -> Fact:
    """How far the second storage is behind the first."""
    lacks = [
        formats.count(number, thing)
        for number, thing in ((part.facts.behind, "backup"), (part.facts.trees_behind, "tree"))
        if number
    ]
    since = formats.duration(timedelta(seconds=part.facts.behind_seconds or 0))
    said = f"lacks {' and '.join(lacks)}, the first since {since}" if lacks else "has all that the first has"
    return Fact("Second storage", said, " ".join(wording.sentences(part)))


def _kit(part: Part) -> Fact:
    """Whether what opens the backups is kept elsewhere, as it is now."""
    printed = "" if part.age is None else f"printed {formats.past(timezone.now() - timedelta(seconds=part.age))}"
    return Fact("Recovery kit", printed or "never printed", " ".join(wording.sentences(part)))


def _services() -> Fact:
    lacking = [what for name, what in SERVICES.items() if not getattr(settings, name)]
    has = [what for name, what in SERVICES.items() if getattr(settings, name)]
    said = f"there for {', '.join(has)}" if has else "none"
    return Fact("Keys of services", said + (f"; none for {', '.join(lacking)}" if has and lacking else ""))


def _asked(question: Callable[[], int]) -> int | None:
    from redis import RedisError  # a sixth of a second that most processes do not need

    try:
        return question()
    except (Error, OSError, RedisError):
        return None

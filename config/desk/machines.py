"""The page *Machines*: who works for the desk, what waits, and whether what all of it stands on does its part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import storages
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Schedule
from redis import RedisError

from articles import formats
from articles.models import Article
from articles.pipeline import worker_health
from backups.health import report as backups_health
from config.supervision.machines import HEARD, Machine
from recovery.models import Mail

OVERDUE = timedelta(minutes=5)  # of what has its time: workers look every half minute
UNTAKEN = timedelta(minutes=2)
BACKUPS = {"ok": "are well", "look": "could be better", "alarm": "raise an alarm", "damaged": "are damaged"}


@dataclass(frozen=True)
class Fact:
    """`wrong` is a sentence on what to do; "" where nothing is."""

    name: str
    said: str
    wrong: str = ""


@dataclass(frozen=True)
class Host:
    """A machine with workers; `held` articles are in their hands."""

    machine: Machine
    silence: timedelta
    held: int

    @property
    def is_silent(self) -> bool:
        """Where all of its workers are at long tasks, nobody is left to say anything."""
        is_full = self.machine.busy >= self.machine.workers
        return self.silence > HEARD + (timedelta(seconds=settings.TASK_SECONDS) if is_full else timedelta())

    @property
    def state(self) -> str:
        if self.is_silent:
            return "not heard of"
        machine = self.machine
        hanging = f", {machine.silent} {'hangs' if machine.silent == 1 else 'hang'}" if machine.silent else ""
        return f"{machine.busy} of {formats.count(machine.workers, 'worker')} at work{hanging}"


@dataclass(frozen=True)
class MachinesPage:
    at: datetime
    hosts: list[Host]
    facts: list[Fact]

    @property
    def releases(self) -> int:
        return len({host.machine.release for host in self.hosts if not host.is_silent})


def machines_page() -> MachinesPage:
    """From rows alone, but for a word with the queue (a dozen queries)."""
    machines = Machine.objects.with_silence()
    running = Article.objects.filter(status=Article.Status.RUNNING).values_list("lease_owner", flat=True)
    held = Counter(owner.partition("|")[0] for owner in running)
    hosts = [Host(each, each.silence, held[each.name]) for each in machines]  # type: ignore[attr-defined]
    facts = [_articles(), _messages(), _schedules(), _mails(), _database(), _storage(), _backups()]
    return MachinesPage(timezone.now(), hosts, facts)


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
    number = formats.count(len(to_come), "migration")
    return Fact(
        "Database", f"{connection.display_name}, {f'{number} to come' if to_come else 'as it should be'}", wrong
    )


def _storage() -> Fact:
    storage = storages["backups"]
    unwritable = getattr(storage, "unwritable", None)
    if unwritable is None:
        return Fact("Storage", "a bucket; the page of the backups says how it does")
    wrong = "It cannot be written: articles wait until it can." if unwritable() else ""
    return Fact("Storage", "a folder", wrong)


def _backups() -> Fact:
    found = backups_health.remembered(timezone.now())
    wrong = "See the page of the backups." if found.needs_somebody else ""
    return Fact("Backups", BACKUPS[found.state], wrong)


def _asked(question: Callable[[], int]) -> int | None:
    try:
        return question()
    except (Error, OSError, RedisError):
        return None

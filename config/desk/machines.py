"""The page *Machines*: who works for the desk, what waits, and whether what all of it stands on does its part.

What it stands on is in `config.desk.standing`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from articles import formats
from articles.models import Article
from config.desk.standing import Fact, facts
from config.supervision.machines import HEARD, Machine


@dataclass(frozen=True)
class Host:
    """The workers of a machine, with `held` articles in their hands, or its web server."""

    machine: Machine
    silence: timedelta
    held: int

    @property
    def is_web(self) -> bool:
        return self.machine.role == Machine.Role.WEB

    @property
    def is_silent(self) -> bool:
        """Where all of its workers are at long tasks, nobody is left to say anything."""
        is_full = not self.is_web and self.machine.busy >= self.machine.workers
        return self.silence > HEARD + (timedelta(seconds=settings.TASK_SECONDS) if is_full else timedelta())

    @property
    def state(self) -> str:
        if self.is_silent:
            return "not heard of"
        if self.is_web:
            return "web server"
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
        return len({host.machine.release for host in self.heard})

    @property
    def heard(self) -> list[Host]:
        return [host for host in self.hosts if not host.is_silent]

    @property
    def any_workers(self) -> bool:
        return any(not host.is_web for host in self.hosts)

    @property
    def deploy(self) -> str:
        """When the newest program of those that are heard of came, and how many of them run it."""
        if not self.heard:
            return ""
        newest = max(self.heard, key=lambda host: host.machine.since).machine
        run = sum(host.machine.release == newest.release for host in self.heard)
        came = min(host.machine.since for host in self.heard if host.machine.release == newest.release)
        return f"{newest.release[:8]}, since {formats.clock(came)}, run by {run} of {len(self.heard)}"


def machines_page() -> MachinesPage:
    """From rows alone, but for a word with the queue (some forty queries)."""
    machines = Machine.objects.with_silence()
    running = Article.objects.filter(status=Article.Status.RUNNING).values_list("lease_owner", flat=True)
    held = Counter(owner.partition("|")[0] for owner in running)
    hosts = [Host(each, each.silence, held[each.name]) for each in machines]  # type: ignore[attr-defined]
    return MachinesPage(timezone.now(), hosts, facts())

"""Which machines work for the desk: a row for the workers of a machine and one for its web server, each written by
itself, for people who look.

Times are of the database, one clock for all machines. Nothing is decided by these rows. Who holds an article is said by
its lease, and whether workers hang by their notes (`articles.pipeline.worker_health`), which only their machine can
read.
"""

from __future__ import annotations

import hashlib
import socket
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from articles.pipeline import worker_health
from articles.processes import this_machine

HEARD = timedelta(minutes=2)  # a machine is taken to be as it said: an idle worker says so each half minute
FORGET = timedelta(days=7)  # after its last note
PROGRAM = (".py", ".html", ".txt", ".toml", ".css", ".js")


SILENCE = models.ExpressionWrapper(Now() - models.F("seen_at"), models.DurationField())


class MachineQuerySet(models.QuerySet["Machine"]):
    def with_silence(self) -> MachineQuerySet:
        """With `silence`, a timedelta: for how long nothing was heard of each."""
        return self.annotate(silence=SILENCE)

    def remove_silent(self, longer: timedelta) -> None:
        silent = self.annotate(silence=SILENCE).filter(silence__gt=longer)
        Machine.objects.filter(pk__in=list(silent.values_list("pk", flat=True))).delete()


class Machine(models.Model):
    """How a machine was when one of its workers, or its web server, has said so last."""

    class Role(models.TextChoices):
        WORKERS = "workers"
        WEB = "web", "web server"

    name = models.CharField(max_length=300, unique=True)  # articles.processes.this_machine, and WEB
    host = models.CharField(max_length=200)
    role = models.CharField(max_length=10, choices=Role, default=Role.WORKERS, db_default=Role.WORKERS)
    release = models.CharField(max_length=12)  # of its program, in hex digits: the same for the same program
    since = models.DateTimeField()  # it works with this program
    seen_at = models.DateTimeField()
    workers = models.PositiveSmallIntegerField()
    busy = models.PositiveSmallIntegerField()  # of these, at a task
    silent = models.PositiveSmallIntegerField()  # of these, for longer than their task may take

    objects = MachineQuerySet.as_manager()

    class Meta:
        ordering = ["host", "name"]
        default_permissions = ()  # for whoever may see the backups

    def __str__(self) -> str:
        return self.host


def note() -> None:
    """Write down how the workers of this machine are (a query, a few more with its first)."""
    found = worker_health.health()
    said = {"workers": len(found.alive), "busy": len(found.busy), "silent": len(found.silent)}
    _say(this_machine(), Machine.Role.WORKERS, said)


def note_web() -> None:
    """Write down that this machine has a web server."""
    _say(_web(), Machine.Role.WEB, {"workers": 0, "busy": 0, "silent": 0})


def _say(name: str, role: str, how: dict[str, int]) -> None:
    said: dict[str, Any] = {**how, "seen_at": Now(), "release": release()}
    if Machine.objects.filter(name=name, release=said["release"]).update(**said):
        return
    host = socket.gethostname()[:200]
    # What this host was before it was started anew says nothing more.
    Machine.objects.filter(host=host, role=role).exclude(name=name).remove_silent(HEARD)
    Machine.objects.update_or_create(name=name, defaults={**said, "host": host, "role": role, "since": Now()})


def leave() -> None:
    """The workers of this machine have ended in order: where no others run here, its row goes."""
    if not worker_health.health().alive:
        Machine.objects.filter(name=this_machine()).delete()


def leave_web() -> None:
    """The web server ends in order. Another process of it that lives says so again."""
    Machine.objects.filter(name=_web()).delete()


def _web() -> str:
    return f"{this_machine()} {Machine.Role.WEB}"


def forget() -> None:
    """Remove what nobody has heard of for long."""
    Machine.objects.remove_silent(FORGET)


@cache
def release() -> str:
    """Of the program that this process runs, from its files: no number that somebody would have to keep."""
    rooms = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR]
    digest = hashlib.sha256()
    for room in sorted([*rooms, settings.BASE_DIR / "templates"]):
        for path in sorted(path for path in room.rglob("*") if path.suffix in PROGRAM):
            digest.update(f"{path.relative_to(settings.BASE_DIR)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

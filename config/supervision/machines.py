"""Which machines work for the desk: a row a machine, written by its own workers, for people who look.

Nothing is decided by these rows. Who holds an article is said by its lease, and whether workers hang by their notes
(`articles.pipeline.worker_health`), which a machine can read of itself alone.
"""

from __future__ import annotations

import hashlib
import socket
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils import timezone

from articles.pipeline import worker_health
from articles.processes import this_machine

HEARD = timedelta(minutes=2)  # a machine is taken to be as it said: an idle worker says so each half minute
FORGET = timedelta(days=7)  # after its last note
PROGRAM = (".py", ".html", ".txt", ".toml", ".css", ".js")


class Machine(models.Model):
    """How a machine was when one of its workers has said so last."""

    name = models.CharField(max_length=300, unique=True)  # articles.processes.this_machine
    host = models.CharField(max_length=200)
    release = models.CharField(max_length=12)  # of its program, in hex digits: the same for the same program
    since = models.DateTimeField()  # it works with this program
    seen_at = models.DateTimeField()
    workers = models.PositiveSmallIntegerField()
    busy = models.PositiveSmallIntegerField()  # of these, at a task
    silent = models.PositiveSmallIntegerField()  # of these, for longer than their task may take

    class Meta:
        ordering = ["host", "name"]
        default_permissions = ()  # for whoever may see the backups

    def __str__(self) -> str:
        return self.host


def note() -> None:
    """Write down how this machine is (a query, a few more with its first)."""
    found, now = worker_health.health(), timezone.now()
    said = {
        "seen_at": now,
        "workers": len(found.alive),
        "busy": len(found.busy),
        "silent": len(found.silent),
        "release": release(),
    }
    name = this_machine()
    if Machine.objects.filter(name=name, release=said["release"]).update(**said):
        return
    host = socket.gethostname()[:200]
    # What this host was before it was started anew says nothing more.
    Machine.objects.filter(host=host, seen_at__lt=now - HEARD).exclude(name=name).delete()
    Machine.objects.update_or_create(name=name, defaults={**said, "host": host, "since": now})


def leave() -> None:
    """The workers of this machine have ended in order: where no others run here, its row goes."""
    if not worker_health.health().alive:
        Machine.objects.filter(name=this_machine()).delete()


def forget() -> None:
    """Remove what nobody has heard of for long."""
    Machine.objects.filter(seen_at__lt=timezone.now() - FORGET).delete()


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

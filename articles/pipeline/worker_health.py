"""Which workers are alive on this machine, and whether each of them is well, seen from outside.

A worker leaves a note when it starts and takes it away when it ends in order. The note's time says until when nothing
need be heard of it: for a while when it is idle, for as long as its task may take when it is at one, whatever that is.
So a worker may be at a backup for hours, and one that hangs is told from one that works.

Whether anybody works, on whatever machine, shows in the rows: articles are queued, and nobody takes them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import util
from pathlib import Path

from django.conf import settings
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from articles.models import Article, Attempt, Event
from articles.processes import is_alive, this_machine, this_process

UNCLAIMED = timedelta(seconds=75)  # with a look every half minute, it is noticed within two minutes
IDLE_SECONDS = 30  # that an idle worker may be silent: it waits at most 20 for a database, and looks every second
GRACE_SECONDS = 60  # for a task to end when its time is up


@dataclass(frozen=True)
class Health:
    """Process ids of the workers that live on this machine; of those at a task; of those silent for too long."""

    alive: tuple[int, ...] = ()
    busy: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()


def announce() -> None:
    """Leave a note about this worker, to be taken away when it ends in order."""
    note = _note()
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    is_idle()
    util.Finalize(None, note.unlink, kwargs={"missing_ok": True}, exitpriority=100)


def is_idle() -> None:
    """Say that this worker lives and waits for a task. Say it again within `IDLE_SECONDS`."""
    _may_be_silent(IDLE_SECONDS)


def begins_a_task(seconds: float) -> None:
    """Say that this worker is at a task which may take so many seconds."""
    _may_be_silent(seconds + GRACE_SECONDS)


def _may_be_silent(seconds: float) -> None:
    # In seconds since the machine was started: nobody sets that clock.
    with contextlib.suppress(OSError):
        os.utime(_note(), (0, time.monotonic() + seconds))


def problem() -> str | None:
    """What is wrong with the workers of this machine, in a sentence; None when all is well."""
    found = health()
    if not found.alive:
        return "No worker runs on this machine."
    if found.silent:
        return "A worker hangs: nothing was heard of it for longer than its task may take. Start it anew."
    return None


def health() -> Health:
    """How the workers of this machine are; notes of those that are gone are swept up on the way."""
    alive, busy, silent, now = [], [], [], time.monotonic()
    for note, until in _notes():
        pid, _, started = note.name.partition("-")
        if not is_alive(f"{this_machine()}|{pid}|{started}"):
            note.unlink(missing_ok=True)
            continue
        alive.append(int(pid))
        if until > now + IDLE_SECONDS:
            busy.append(int(pid))
        if until < now:
            silent.append(int(pid))
    return Health(tuple(alive), tuple(busy), tuple(silent))


def nobody_works() -> bool:
    """Whether articles have been queued for longer than `UNCLAIMED`, on whatever machine, and nothing moves.

    Where all workers are busy, others may wait for long: that alone is no sign. (Three queries at most.)
    """
    long_ago, since = timezone.now() - UNCLAIMED, queued_since()
    if since is None or since >= long_ago:
        return False
    return not _somebody_holds_one() and not _something_happened_since(long_ago)


def queued_since() -> datetime | None:
    """Since when the oldest queued article has waited to be taken; None when none is queued.

    That is when the attempt was asked for, or was to begin, which has not begun: `queued_at` is made new when the
    article is put back.
    """
    waiting = Attempt.objects.filter(article=OuterRef("pk"), number=None, ended_at=None).order_by("-pk")
    asked = Coalesce(Subquery(waiting.values("asked_at")[:1]), F("queued_at"))
    since = Greatest(asked, Coalesce("scheduled_at", asked))
    return Article.objects.filter(status=Article.Status.QUEUED).order_by(since).values_list(since, flat=True).first()


def _somebody_holds_one() -> bool:
    """An article that runs: its lease holds, and its worker is not known to be dead."""
    held = Article.objects.filter(status=Article.Status.RUNNING, lease_until__gt=timezone.now())
    here = f"{this_machine()}|"
    return any(not owner.startswith(here) or is_alive(owner) for owner in held.values_list("lease_owner", flat=True))


def _something_happened_since(moment: datetime) -> bool:
    """Between two articles a busy pool holds none for an instant."""
    return Event.objects.filter(at__gte=moment, attempt__gt=0).exclude(kind="interrupted").exists()


def _notes() -> Iterator[tuple[Path, float]]:
    for note in sorted(_folder().glob("*-*")):
        with contextlib.suppress(OSError):  # it was just taken away
            yield note, note.stat().st_mtime


def _note() -> Path:
    """Of this process. An empty file, as a full disk has room for that."""
    _, pid, started = this_process().rsplit("|", 2)
    return _folder() / f"{pid}-{started}"


def _folder() -> Path:
    """On a disk that several machines or containers share, each has its own: process numbers mean nothing elsewhere."""
    return Path(settings.VAR_DIR) / "workers" / this_machine().replace("/", "-")

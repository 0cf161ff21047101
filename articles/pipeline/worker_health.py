"""Which workers are alive on this machine, seen from outside their pool.

A worker of the queue that is killed while it is idle may die holding the lock of the queue that it shares with its
neighbours: the pool looks healthy, starts a new worker, and never runs anything again (django-q2#23). So each worker
leaves a note when it starts and takes it away when it ends in order. A note whose process is gone means: killed; its
pool may be frozen and must be started anew. What it was working on, the sweep finds.

Whatever else may freeze a pool shows in the rows: articles are queued, and nobody takes them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import util
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from articles.models import Article, Attempt, Event
from articles.pipeline.processes import is_alive, this_machine, this_process

UNCLAIMED = timedelta(seconds=75)  # with a look every half minute, a frozen pool is noticed within two minutes


@dataclass(frozen=True)
class Health:
    """`alive` and `killed` are process ids of workers on this machine; `since` is when the first of the former came."""

    alive: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()
    since: datetime | None = None


def announce() -> None:
    """Leave a note about this worker, to be taken away when it ends in order."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    # Named by the pool, too: the notes of a pool that is gone altogether mean nothing.
    note = folder / f"{os.getppid()}-{os.getpid()}"
    note.write_text(f"{this_process(os.getppid())}\n{this_process()}\n")
    util.Finalize(None, note.unlink, kwargs={"missing_ok": True}, exitpriority=100)


def problem() -> str | None:
    """What is wrong with the workers of this machine, in a sentence; None when all is well."""
    return frozen() or (None if health().alive else "No worker runs on this machine.")


def frozen() -> str | None:
    """Why the pool of this machine must be started anew, in a sentence; None when it need not be."""
    found = health()
    if found.killed:
        return "A worker was killed, and its pool may be frozen. Start the pool anew."
    try:
        # A young pool has its chance first; starting it anew for ever would help nobody.
        if found.since and found.since < timezone.now() - UNCLAIMED and nobody_works():
            return "Articles are queued, and nobody takes them: the pool may be frozen. Start the pool anew."
    except (DatabaseError, InterfaceError):
        connection.close()  # no other pool could work without the database
    return None


def health() -> Health:
    """How the workers of this machine are; notes of pools that are gone are swept up on the way."""
    alive, killed, came = [], [], []
    for note, written, pool, worker in _notes():
        if not is_alive(pool):
            note.unlink(missing_ok=True)
        elif is_alive(worker):
            alive.append(int(worker.split("|")[1]))
            came.append(written)
        else:
            killed.append(int(worker.split("|")[1]))
    return Health(tuple(alive), tuple(killed), min(came, default=None))


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

    That is when the attempt was asked for, or was to begin, which has not begun: the sweep makes `queued_at` new
    whenever it gives a message again.
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


def _notes() -> Iterator[tuple[Path, datetime, str, str]]:
    for note in sorted(_folder().glob("*-*")):
        try:
            written = datetime.fromtimestamp(note.stat().st_mtime, UTC)
            pool, worker = note.read_text().splitlines()
        except (OSError, ValueError):
            continue  # just being written, or taken away
        yield note, written, pool, worker


def _folder() -> Path:
    """On a disk that several machines share, each has its own."""
    return Path(settings.VAR_DIR) / "workers" / socket.gethostname()

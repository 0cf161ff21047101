"""Which workers are alive on this machine, seen from outside their pool.

A worker of the queue that is killed while it is idle may die holding the lock of the queue that it shares with its
neighbours: the pool looks healthy, starts a new worker, and never runs anything again (django-q2#23). So each worker
leaves a note when it starts and takes it away when it ends in order. A note whose process is gone means: killed; its
pool may be frozen and must be started anew. What it was working on, the sweep finds.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import util
from pathlib import Path

from django.conf import settings

from articles.processes import is_alive, this_process


@dataclass(frozen=True)
class Health:
    """`alive` and `killed` are process ids of workers on this machine."""

    alive: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()

    @property
    def problem(self) -> str | None:
        """What is wrong, in a sentence; None when all is well."""
        if self.killed:
            return "A worker was killed, and its pool may be frozen. Start the pool anew."
        if not self.alive:
            return "No worker runs on this machine."
        return None


def announce() -> None:
    """Leave a note about this worker, to be taken away when it ends in order."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    # Named by the pool, too: the notes of a pool that is gone altogether mean nothing.
    note = folder / f"{os.getppid()}-{os.getpid()}"
    note.write_text(f"{this_process(os.getppid())}\n{this_process()}\n")
    util.Finalize(None, note.unlink, kwargs={"missing_ok": True}, exitpriority=100)


def health() -> Health:
    """How the workers of this machine are; notes of pools that are gone are swept up on the way."""
    alive, killed = [], []
    for note, pool, worker in _notes():
        if not is_alive(pool):
            note.unlink(missing_ok=True)
        elif is_alive(worker):
            alive.append(int(worker.split("|")[1]))
        else:
            killed.append(int(worker.split("|")[1]))
    return Health(tuple(alive), tuple(killed))


def _notes() -> Iterator[tuple[Path, str, str]]:
    for note in sorted(_folder().glob("*-*")):
        try:
            pool, worker = note.read_text().splitlines()
        except (OSError, ValueError):
            continue  # just being written, or taken away
        yield note, pool, worker


def _folder() -> Path:
    """On a disk that several machines share, each has its own."""
    return Path(settings.VAR_DIR) / "workers" / socket.gethostname()

"""A pool that is killed in every way, and kept running from outside as an init system does it."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from dataclasses import dataclass

from articles.pipeline import worker_health
from tests.journeys.installation import Workers


@dataclass
class Pool:
    """The workers of one installation. Their notes are read below this process's own `VAR_DIR`: set it to theirs."""

    processes: Workers
    started_anew: int = 0  # because the others might wait for ever for what a dead worker held

    @property
    def is_up(self) -> bool:
        return bool(worker_health.health().alive)

    def keep_running(self) -> None:
        """Start again what ended, and all of it when `articles.pipeline.worker_health` says that it may be frozen."""
        if self.processes.process is None or self.processes.process.poll() is not None:
            self.processes.kill()  # what may be left of it
            self.processes.start()
        elif worker_health.health().killed:
            self.started_anew += 1
            self.processes.kill()

    def kill_worker(self, chance: random.Random) -> None:
        _kill(chance.choice(worker_health.health().alive))

    def kill_sentinel(self, chance: random.Random) -> None:
        """The parent of the workers, which their notes name."""
        alive = worker_health.health().alive
        notes = (note.name.split("-") for note in self.processes.installation.folder.glob("workers/*/*-*"))
        _kill(chance.choice([int(sentinel) for sentinel, worker in notes if int(worker) in alive]))

    def kill_all(self) -> None:
        self.processes.kill()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

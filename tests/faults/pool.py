"""The workers of a machine, killed in every way, and kept running from outside as an init system does it."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from dataclasses import dataclass

from articles.pipeline import worker_health
from tests.journeys.installation import Workers
from tests.services.process import wait_until

PATIENCE = 300  # seconds until a worker is alive, on a busy machine


@dataclass
class Pool:
    """The workers of one installation. Their notes are read below this process's own `VAR_DIR`: set it to theirs."""

    processes: Workers

    @property
    def is_up(self) -> bool:
        return bool(worker_health.health().alive)

    def keep_running(self) -> None:
        """Start again what ended. Workers that die are their supervisor's to replace."""
        if self.processes.process is None or self.processes.process.poll() is not None:
            self.processes.kill()  # what may be left of it
            self.processes.start()

    def kill_worker(self, chance: random.Random) -> None:
        """One of those that are alive, as soon as one is: the last may have ended with its supervisor just now."""
        alive: list[int] = []

        def somebody_lives() -> bool:
            self.keep_running()
            alive[:] = worker_health.health().alive
            return bool(alive)

        wait_until(somebody_lives, PATIENCE)
        _kill(chance.choice(alive))

    def kill_supervisor(self) -> None:
        """Its workers end with it, when the calls in hand have their answers."""
        if self.processes.process:
            _kill(self.processes.process.pid)

    def kill_all(self) -> None:
        self.processes.kill()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

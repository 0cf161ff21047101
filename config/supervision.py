"""Programs that run together and are looked after: by `manage.py desk`, and by `manage.py worker` in a container."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from articles.pipeline import worker_health
from articles.pipeline.processes import die_with_parent

WORKER = "worker"
POOL = [sys.executable, "manage.py", "qcluster"]
PATIENCE = 6  # seconds, for a process to end by itself


class Processes:
    """Programs that run together: one that dies or freezes is started again, and at the end none is left."""

    def __init__(self, programs: dict[str, list[str]]) -> None:
        self.programs = programs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ending = False

    def run(self) -> None:
        """Until a signal says otherwise."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        try:
            while not self.ending:
                for name, command in self.programs.items():
                    self._keep(name, command)
                if problem := worker_health.frozen():
                    sys.stderr.write(f"{problem}\n")
                    self._kill(WORKER)
                time.sleep(0.5)
        finally:
            self._stop()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.ending = True

    def _keep(self, name: str, command: list[str]) -> None:
        process = self.running.get(name)
        if process and process.poll() is None:
            return
        if process:
            sys.stderr.write(f"The {name} ended ({process.returncode}); it is started again.\n")
            time.sleep(1)
        # A group of its own: Ctrl-C reaches this process alone, which ends the others in order.
        self.running[name] = subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_us)

    def _kill(self, name: str) -> None:
        """The next look finds it ended, and starts it again."""
        _kill_group(self.running[name])

    def _stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in self.running.values():
            # One in the middle of a long call is not waited for: what it has saved is safe, the next start goes on.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_with_us() -> None:
    die_with_parent(signal.SIGTERM)

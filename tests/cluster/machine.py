"""A machine: a host with a name, process numbers, mounts and a clock of its own, on which the shipped units run.

What systemd does with them is done from outside, as far as it matters here: what has ended is started again, and what
shall end is asked by SIGTERM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from articles.processes import die_with_parent
from tests.cluster.network import Host
from tests.journeys.installation import ROOT
from tests.services.units import Unit

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

# The first process of a machine, $1 its name, $2 its disk, $3 the program: what the units name is at its place, and
# what lies in memory is nobody else's. Then it collects those whose parents have ended, until the machine is no more.
START = """
set -e
cd "$3"; mount -t tmpfs none /opt; mkdir /opt/galley; mount --bind . /opt/galley
cd "$2"; mount -t tmpfs none /var/lib; mkdir /var/lib/galley; mount --bind . /var/lib/galley
mount -t tmpfs none /dev/shm
hostname "$1"
cd /; echo up
while :; do sleep 3600 & wait $!; done
"""


@dataclass
class Machine:
    """`given` is its /etc/galley/env; `ahead` how many seconds its clock is ahead of all others'."""

    host: Host
    unit: Unit
    disk: Path
    given: dict[str, str]
    ahead: int = 0
    _first: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _service: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _ended: float = field(default=0.0, repr=False)

    @property
    def log(self) -> Path:
        return self.disk / "log"

    @property
    def is_on(self) -> bool:
        return self._first is not None

    def switch_on(self) -> None:
        """A machine that starts: its numbers begin anew, and its unit is started."""
        self.disk.mkdir(exist_ok=True)
        own = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--mount"]
        words = [*own, "sh", "-c", START, "sh", self.host.name, str(self.disk), str(ROOT)]
        with self.host.entered(), self.log.open("ab") as log:
            self._first = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=log, preexec_fn=partial(die_with_parent, signal.SIGKILL)
            )
        assert self._first.stdout
        assert self._first.stdout.readline() == b"up\n", f"{self.host.name} does not start"
        self.start()

    def switch_off(self) -> None:
        """As a power cut would."""
        if self._first:
            os.kill(self._inner, signal.SIGKILL)  # the kernel ends all that is in it
            with self._first:
                self._first.wait()
        if self._service:
            self._service.wait()
        self._first = self._service = None

    def start(self) -> None:
        """Start the unit."""
        environment = {**self.unit.environment, **self.given}
        words = ["nsenter", "--target", str(self._inner), "--net", "--pid", "--mount", "--uts"]
        words += ["env", f"--chdir={self.unit.folder}", *self._clock(), *self.unit.words(self.given)]
        path = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("ab") as log:
            self._service = subprocess.Popen(
                words, env={**path, **environment, "PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, preexec_fn=partial(die_with_parent, signal.SIGKILL),
            )  # fmt: skip

    def keep_running(self) -> None:
        """`Restart=always`: what has ended is started again, after a pause."""
        if self._service is None or self._service.poll() is None:
            self._ended = 0.0
        elif not self._ended:
            self._ended = time.monotonic()
        elif time.monotonic() - self._ended > self.unit.pause:
            self.start()

    def ask_to_end(self) -> None:
        """As `systemctl restart` does: once the unit has ended it is started again."""
        if self._service and (main := _children(self._service.pid)):
            os.kill(main[0], signal.SIGTERM)

    @property
    def _inner(self) -> int:
        """The first process, as it is known outside of the machine."""
        assert self._first, f"{self.host.name} is off"
        return _children(self._first.pid)[0]

    def _clock(self) -> list[str]:
        """Has its programs read another clock; the one that nobody sets goes as it does, and so do times of files."""
        if not self.ahead:
            return []
        assert FAKETIME
        return [f"LD_PRELOAD={FAKETIME}", f"FAKETIME={self.ahead:+d}s", "DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]

    @contextmanager
    def running(self) -> Iterator[None]:
        self.switch_on()
        try:
            yield
        finally:
            self.switch_off()


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

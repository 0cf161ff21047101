"""A run that is killed leaves nothing behind: no process, no link, and no folder once the next one has begun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import network
from tests.cluster.cluster import folder
from tests.journeys.installation import ROOT
from tests.services.process import wait_until

RUN = """
import time
from contextlib import ExitStack
from tests.cluster.cluster import folder
from tests.cluster.machine import Machine
from tests.cluster.network import Network
from tests.services.units import Unit

with folder() as place, ExitStack() as closing:
    unit = Unit("sleeper", ["sleep", "1000"], "/opt/galley", {}, 1.0)
    machine = Machine(Network(closing).host("sleeper"), unit, place / "sleeper", {})
    machine.switch_on()
    print(place, flush=True)
    time.sleep(1000)
"""
PATIENCE = 60  # seconds


def of(place: str) -> list[int]:
    """Processes that see something of a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if place in (entry / "mountinfo").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_a_run_that_is_killed_leaves_nothing_behind() -> None:
    if reason := network.available():
        pytest.skip(reason)
    with subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        place = run.stdout.readline().strip()
        name = Path(place).name
        wait_until(lambda: len(of(name)) >= 3, PATIENCE)  # the first process, its sleep, and the unit's
        with folder():
            assert Path(place).exists(), "of a run that goes on"
        os.kill(run.pid, signal.SIGKILL)

    wait_until(lambda: not of(name), PATIENCE)
    with folder():
        assert not Path(place).exists()

"""How long a supervisor rests: until one of its programs ends, whatever that has become meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from config.supervision import supervisor
from config.supervision.supervisor import Supervisor
from tests.services.process import wait_until


def become_another() -> None:
    os.execv("/bin/sleep", ["sleep", "600"])  # noqa: S606


def stay() -> None:
    signal.pause()


@pytest.fixture(params=[become_another, stay])
def looked_after(request: pytest.FixtureRequest) -> Iterator[Supervisor]:
    made = Supervisor([("program", request.param)])
    made._start(0)
    [process] = made._running.values()
    if request.param is become_another:
        wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", 60)
    yield made
    process.kill()
    process.join()


def test_it_rests_until_one_ends(looked_after: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that became another program closed what the library watches: the supervisor took a whole processor."""
    found: list[list[Any]] = []
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(supervisor, "wait", lambda *args: found.append(list(wait(*args))))
    looked_after._wait()
    assert found == [[]]

    [process] = looked_after._running.values()
    process.kill()
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 60)
    looked_after._wait()
    assert len(found[1]) == 1

    process.join()
    looked_after._wait()
    assert len(found) == 2, "what has been buried is not waited for"

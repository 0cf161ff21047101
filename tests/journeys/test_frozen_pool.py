"""A worker that is killed while it is idle can freeze its whole pool without a word. It is noticed, and mended."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import MANUSCRIPT
from tests.journeys.installation import ROOT, Installation
from tests.services.process import free_port, wait_until

PATIENCE = 300  # seconds, on a busy machine


@pytest.fixture
def galley(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "var")
    made.folder.mkdir()
    made.prepare()
    return made


def _workers(galley: Installation) -> list[int]:
    return [int(note.name.partition("-")[2]) for note in galley.folder.glob("workers/*/*-*")]


def test_a_killed_worker_is_noticed(galley: Installation) -> None:
    assert "No worker runs" in galley.manage("worker_health", check=False).stderr
    with galley.workers():
        wait_until(lambda: len(_workers(galley)) == 2, PATIENCE)
        assert galley.manage("worker_health").stdout == "2 workers run on this machine.\n"

        os.kill(_workers(galley)[0], signal.SIGKILL)
        wait_until(lambda: galley.manage("worker_health", check=False).returncode == 1, PATIENCE)
        assert "may be frozen" in galley.manage("worker_health", check=False).stderr
    assert "No worker runs" in galley.manage("worker_health", check=False).stderr


def test_workers_that_end_in_order_leave_no_note(galley: Installation) -> None:
    with galley.workers() as workers:
        wait_until(lambda: len(_workers(galley)) == 2, PATIENCE)
        assert workers.process
        workers.process.send_signal(signal.SIGTERM)
        workers.process.wait(PATIENCE)

        assert _workers(galley) == []


TOLD_TO_END_WHILE_IT_STARTS = """
import os, signal, sys
from multiprocessing.synchronize import Event
from django.core.management import execute_from_command_line

process, is_set = os.getpid(), Event.is_set

def told_to_end(event):
    Event.is_set = is_set
    with event._cond:  # as within the real one
        os.kill(process, signal.SIGTERM)
        for _ in range(1000):  # a handler runs between two lines of Python
            pass
    return is_set(event)

Event.is_set = told_to_end
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
execute_from_command_line(["manage.py", "qcluster"])
"""


def test_a_pool_that_is_told_to_end_while_it_starts_ends(galley: Installation) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TOLD_TO_END_WHILE_IT_STARTS],
        cwd=ROOT, env=galley.environment, start_new_session=True,
    ) as pool:  # fmt: skip
        try:
            assert pool.wait(PATIENCE) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(pool.pid, signal.SIGKILL)
    assert _workers(galley) == []


def test_the_desk_starts_a_frozen_pool_anew(galley: Installation) -> None:
    (galley.folder / "m.md").write_text(MANUSCRIPT)
    with subprocess.Popen(
        [sys.executable, "manage.py", "desk", "--port", str(free_port())],
        cwd=ROOT, env=galley.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as desk:  # fmt: skip
        try:
            wait_until(lambda: len(_workers(galley)) == 2, PATIENCE)
            before = _workers(galley)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(_workers(galley)) == 2 and not set(_workers(galley)) & set(before), PATIENCE)
            said = galley.manage("submit", "--owner", "ada", "--manuscript", str(galley.folder / "m.md"), "--json")
            tree = galley.folder / "backups" / json.loads(said.stdout)["backup"]
            wait_until((tree / "05_final.html").exists, PATIENCE)
        finally:
            desk.send_signal(signal.SIGINT)
            told, _ = desk.communicate(timeout=PATIENCE)
    assert re.search(r"The worker ended \(-9\); it is started again", told)

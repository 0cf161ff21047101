"""A worker's death costs its own call and nobody else's; one that is asked to end costs none."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import MANUSCRIPT
from tests.faults.claims import answered, hand_in, holder, in_flight, repeated, statuses
from tests.journeys.installation import ROOT, Installation
from tests.journeys.stacks import Desk, desk
from tests.services.process import free_port, wait_until

PATIENCE = 300  # seconds, on a busy machine
LONG = 12.0  # seconds of a call, in which a worker can die four times

pytestmark = [pytest.mark.xdist_group("workers"), pytest.mark.dealt(2), pytest.mark.dealt_whole(3)]


@pytest.fixture
def galley(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "var")
    made.folder.mkdir()
    made.prepare()
    return made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One whose two workers are there for several tests: each leaves two behind."""
    made = Installation(tmp_path_factory.mktemp("running") / "var")
    made.folder.mkdir()
    made.prepare()
    with made.workers():
        wait_until(lambda: len(pids(made)) == 2, PATIENCE)
        yield made


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose machine has four workers, and a text service that takes long."""
    with desk("sqlite", tmp_path) as made:
        made.galley.settings["GALLEY_WORKERS"] = "4"
        made.services.configure(latency={"responses": LONG})
        yield made


def pids(galley: Installation) -> list[int]:
    """The processes of the workers, by their notes; a note stays until somebody finds its worker dead."""
    found = [int(note.name.partition("-")[0]) for note in galley.folder.glob("workers/*/*-*")]
    return [pid for pid in found if _command_line(pid)]


def _command_line(pid: int) -> bytes:
    """Empty for one that has ended, collected or not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


# Each by itself


def test_a_killed_worker_is_replaced_alone(running: Installation) -> None:
    assert running.manage("worker_health").stdout == "2 workers run on this machine.\n"
    victim, neighbour = pids(running)

    os.kill(victim, signal.SIGKILL)

    wait_until(lambda: len(pids(running)) == 2 and victim not in pids(running), PATIENCE)
    assert neighbour in pids(running)


def test_a_worker_that_hangs_is_replaced_alone(running: Installation) -> None:
    victim, neighbour = pids(running)

    os.kill(victim, signal.SIGSTOP)
    (note,) = running.folder.glob(f"workers/*/{victim}-*")
    os.utime(note, (0, 0))  # as if nothing had been heard of it for long

    wait_until(lambda: len(pids(running)) == 2 and victim not in pids(running), PATIENCE)
    assert neighbour in pids(running)


def test_a_supervisor_looks_after_its_own_workers_only(running: Installation) -> None:
    first = set(pids(running))
    with running.workers() as others:
        wait_until(lambda: len(pids(running)) == 4, PATIENCE)
        victim = next(pid for pid in pids(running) if pid not in first)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(pids(running)) == 4 and victim not in pids(running), PATIENCE)

        others.kill()
        wait_until(lambda: len(pids(running)) == 2, PATIENCE)
    assert set(pids(running)) == first


def test_each_schedule_runs_once(running: Installation) -> None:
    """Each worker looks at the schedules for itself."""
    now = "__import__('django.utils.timezone', fromlist=['now']).now()"
    schedules = "__import__('django_q.models', fromlist=['Schedule']).Schedule.objects"
    running.ask(f"{schedules}.create(func='builtins.print', args=\"'due'\", schedule_type='D', next_run={now}).pk")
    log = running.folder / "workers.log"
    for pid in pids(running):  # its successor looks at once
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda pid=pid: len(pids(running)) == 2 and pid not in pids(running), PATIENCE)  # type: ignore[misc]  # bound now
    wait_until(lambda: "due" in log.read_text().splitlines(), PATIENCE)

    assert log.read_text().splitlines().count("due") == 1


def test_an_article_that_computes_without_end_costs_its_worker_and_stops_alone(galley: Installation) -> None:
    """Half a million list marks, in three seconds of processor time; another manuscript waits behind them."""
    galley.settings |= {"GALLEY_STAGE_CPU_SECONDS": "3", "GALLEY_WORKERS": "1"}
    trees = [_handed_in(galley, "marks.md", "- a\n" * 500_000), _handed_in(galley, "calm.md", MANUSCRIPT)]

    with galley.workers():
        wait_until(lambda: len(pids(galley)) == 1, PATIENCE)
        (victim,) = pids(galley)
        wait_until((trees[1] / "05_final.html").exists, PATIENCE)
        assert victim not in pids(galley)

    stopped = galley.ask("list(Article.objects.values_list('status', 'crashes', 'attempt', 'error__code'))[-1]")
    assert stopped == ["failed", 0, 1, "too_long_at_work"]
    assert "The worker ended" not in (galley.folder / "workers.log").read_text(), "it has ended in order"


def _handed_in(galley: Installation, name: str, text: str) -> Path:
    """A manuscript, and the folder of its tree."""
    (galley.folder / name).write_text(text)
    said = galley.manage("submit", "--owner", "ada", "--manuscript", str(galley.folder / name), "--json")
    return galley.folder / "backups" / str(json.loads(said.stdout)["backup"])


# The end


def test_workers_that_end_in_order_leave_no_note(galley: Installation) -> None:
    with galley.workers() as workers:
        wait_until(lambda: len(pids(galley)) == 2, PATIENCE)
        assert workers.process
        workers.process.send_signal(signal.SIGTERM)
        workers.process.wait(PATIENCE)

        assert list(galley.folder.glob("workers/*/*-*")) == []


def test_workers_that_are_told_to_end_while_they_start_end(galley: Installation) -> None:
    """Here by the name that the queue's library gives them."""
    with subprocess.Popen(
        [sys.executable, "manage.py", "qcluster"], cwd=ROOT, env=galley.environment, start_new_session=True
    ) as supervisor:
        try:
            wait_until(lambda: list(galley.folder.glob("workers/*")), PATIENCE)
            supervisor.send_signal(signal.SIGTERM)
            assert supervisor.wait(PATIENCE) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(supervisor.pid, signal.SIGKILL)
    assert pids(galley) == []


def test_the_desk_replaces_its_workers(galley: Installation) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "desk", "--port", str(free_port())],
        cwd=ROOT, env=galley.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as running:  # fmt: skip
        try:
            wait_until(lambda: len(pids(galley)) == 2, PATIENCE)
            before = pids(galley)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(pids(galley)) == 2 and not set(pids(galley)) & set(before), PATIENCE)
            wait_until((_handed_in(galley, "m.md", MANUSCRIPT) / "05_final.html").exists, PATIENCE)
        finally:
            running.send_signal(signal.SIGINT)
            told, _ = running.communicate(timeout=PATIENCE)
    assert re.search(r"The worker ended \(-9\); it is started again", told)


# Calls


def test_only_the_article_that_kills_its_workers_is_stopped(four: Desk) -> None:
    """Three innocents are in a long call when a fourth comes, whose worker dies whenever it has claimed it."""
    with four.galley.workers():
        hand_in(four, "a calm idea", "a mild idea", "a kind idea")
        wait_until(lambda: in_flight(four) == 3, PATIENCE)
        hand_in(four, "poison")
        deaths = 0
        while "failed" not in statuses(four):
            if pid := holder(four, "poison"):
                os.kill(pid, signal.SIGKILL)
                deaths += 1
                wait_until(lambda pid=pid: holder(four, "poison") != pid, PATIENCE)  # type: ignore[misc]  # bound now
        wait_until(lambda: answered(four) >= 3, PATIENCE)

    assert deaths == 4
    assert {idea for idea, _ in repeated(four)} <= {"poison"}
    counted = four.rows("SELECT DISTINCT attempt, crashes FROM articles_article WHERE idea <> 'poison'")
    assert set(counted) <= {(1, 1), (1, 0)}, "1 is the claim itself; 0: it is done by now"


def test_a_deploy_costs_no_call(four: Desk) -> None:
    """Four calls are in flight when the workers are asked to end, and four others when they are asked once more."""
    hand_in(four, *(f"idea {n}" for n in range(4)))
    log = four.galley.folder / "workers.log"
    for ends, number in enumerate((signal.SIGTERM, signal.SIGINT), start=1):
        four.services.configure(latency={"responses": PATIENCE})
        with four.galley.workers() as workers:
            assert workers.process
            wait_until(lambda: in_flight(four) == 4, PATIENCE)
            workers.process.send_signal(number)
            wait_until(lambda ends=ends: log.read_text().count("finishes what it is at") == ends, PATIENCE)  # type: ignore[misc]  # bound now
            four.services.configure(latency={})
            assert workers.process.wait(PATIENCE) == 0
        assert in_flight(four) == 0
        assert statuses(four) == ["queued"] * 4

    assert answered(four) == 8
    assert repeated(four) == []
    assert four.rows("SELECT DISTINCT crashes FROM articles_article") == [(0,)]

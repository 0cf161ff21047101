"""What the end of a worker costs: paid calls that are made again, and seconds until the work goes on."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

from tests.benchmarks.limits import ROUNDS, say, verdict
from tests.faults.claims import hand_in, holder, in_flight, repeated, statuses
from tests.journeys.stacks import Desk, desk
from tests.services.process import wait_until

WORKERS = 4
LONG = {"responses": 5.0}  # seconds of a call
PATIENCE = 600  # seconds, on a busy machine
KILLED, DEPLOYED = 1.0, 0.0  # calls that may be made again for each worker that is killed, and for each deploy


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, desk("sqlite", Path(folder)) as running:
        running.galley.settings |= {"GALLEY_WORKERS": str(WORKERS), "GALLEY_LOG_LEVEL": "ERROR"}
        running.services.configure(image_width=512)
        _killed(running)
        _deployed(running)
        _resumed(running)


def _killed(running: Desk) -> None:
    """One of four workers is killed, each in a call."""
    before = _repeats(running)
    for turn in range(ROUNDS):
        ideas = _all_in_a_call(running, f"killed {turn}")
        with running.galley.workers():
            wait_until(lambda: in_flight(running) == WORKERS, PATIENCE)
            _kill_holder(running, ideas[0])
            _finish(running)
    _say("calls lost for each killed worker", (_repeats(running) - before) / ROUNDS, KILLED)


def _deployed(running: Desk) -> None:
    """All workers are asked to end while each is in a call, and started again."""
    before = _repeats(running)
    for turn in range(ROUNDS):
        _all_in_a_call(running, f"deployed {turn}")
        with running.galley.workers() as workers:
            wait_until(lambda: in_flight(running) == WORKERS, PATIENCE)
            assert workers.process
            workers.process.terminate()
            workers.process.wait(PATIENCE)
        with running.galley.workers():
            _finish(running)
    _say("calls lost for each deploy", (_repeats(running) - before) / ROUNDS, DEPLOYED)


def _resumed(running: Desk) -> None:
    """From kill -9 of the worker that has an article, beside idle ones, until its call is made again."""
    times = []
    with running.galley.workers():
        for turn in range(ROUNDS):
            idea = f"resumed {turn}"
            running.services.configure(latency=LONG)
            hand_in(running, idea)
            wait_until(lambda: in_flight(running) == 1, PATIENCE)
            sent, began = len(running.services.requests()), time.monotonic()
            _kill_holder(running, idea)
            wait_until(lambda sent=sent: len(running.services.requests()) > sent, PATIENCE)  # type: ignore[misc]  # bound now
            times.append(time.monotonic() - began)
            _finish(running)
    verdict("kill of a worker to resumed work", times, "resume")


def _all_in_a_call(running: Desk, name: str) -> list[str]:
    """As many articles as there are workers, whose first call takes long."""
    running.services.configure(latency=LONG)
    ideas = [f"{name}, {n}" for n in range(WORKERS)]
    hand_in(running, *ideas)
    return ideas


def _kill_holder(running: Desk, idea: str) -> None:
    pid = holder(running, idea)
    assert pid, "nobody has it"  # 0 would be this process and all beside it
    os.kill(pid, signal.SIGKILL)


def _finish(running: Desk) -> None:
    running.services.configure(latency={})
    wait_until(lambda: set(statuses(running)) == {"done"}, PATIENCE)


def _repeats(running: Desk) -> int:
    return sum(times for _, times in repeated(running))


def _say(what: str, lost: float, most: float) -> None:
    say(f"{what:<37}{lost:.2f}, {'within' if lost <= most else 'OVER'} {most:.1f}")

"""How many articles a minute workers make together, beside as many times what one of them makes.

Services take long for each call, and workers do little but wait for them: with the seconds that are handed to it
(`python -m tests.benchmarks efficiency 30`) as with fewer, as long as all that the processor has to do fits beside.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from tests.benchmarks.limits import say
from tests.faults.claims import hand_in, statuses
from tests.journeys.stacks import Desk, desk
from tests.services.process import wait_until

SECONDS = 5  # of a call
WORKERS = (1, 2, 4, 8)
EACH = 2  # articles for each worker
BAR = 0.9
PATIENCE = 3600  # seconds
SPAN = "SELECT min(started_at), max(ended_at) FROM articles_attempt WHERE article_id > {} AND number > 0"


def main(seconds: int = SECONDS) -> None:
    one = 0.0
    say(f"services that take {seconds} s for each call, {EACH} articles for each worker, on PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, desk("postgresql", Path(folder)) as running:
        running.services.configure(image_width=512)
        for workers in WORKERS:
            rate = _rate(running, workers, seconds)
            one = one or rate
            efficiency = rate / workers / one
            judged = "met" if efficiency >= BAR else "MISSED"
            say(f"  {workers} workers: {rate:5.2f} articles a minute, efficiency {efficiency:.2f}, bar {BAR}: {judged}")


def _rate(running: Desk, workers: int, seconds: int) -> float:
    """Articles a minute, from the moment that the first is begun until the last is done."""
    running.galley.settings |= {"GALLEY_WORKERS": str(workers), "GALLEY_LOG_LEVEL": "ERROR"}
    running.services.configure(latency={})
    with running.galley.workers():
        hand_in(running, *(f"first {n}" for n in range(2 * workers)))  # each has loaded what it needs
        _finish(running)
        first = max(pk for (pk,) in running.rows("SELECT id FROM articles_article"))
        running.services.configure(latency=dict.fromkeys(("responses", "create", "messages"), float(seconds)))
        hand_in(running, *(f"{n}" for n in range(EACH * workers)))
        _finish(running)
    [(began, ended)] = running.rows(SPAN.format(first))
    took: timedelta = ended - began
    return EACH * workers / (took / timedelta(minutes=1))


def _finish(running: Desk) -> None:
    wait_until(lambda: set(statuses(running)) == {"done"}, PATIENCE)

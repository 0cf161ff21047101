"""Batches: how fast their rows are there, and how fast they are written beside plain tasks with the same calls."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import requests

from tests.benchmarks.articles import named, services
from tests.benchmarks.limits import say, verdict
from tests.journeys.installation import Installation
from tests.services import postgres
from tests.services.process import wait_until

STYLES, SECTIONS = 60, 24
ARTICLES, ROOMS = 8, 12  # of a measured round
ROUNDS = 3
LEAST = 0.8  # of the sections a second of plain tasks
GROWTH = 1.1  # of a worker's memory over a batch
# Seconds before each answer. Real services take ten to fifty times as long: this is the stricter test.
LATENCY = {"responses": 0.5, "create": 0.05, "poll": 0.3, "deliver": 0.05}
_MADE = (
    "(b := Batch.objects.create(owner_id=1, name='{name}', key='{name}', images_per_style=0,"
    " images_per_section=1, brief='The {{{{section}}}} of a house in {{{{style}}}}',"
    " styles=chr(10).join(f'Style {{n}}' for n in range({styles})),"
    " sections=chr(10).join(f'Room {{n}}' for n in range({sections}))), t := __import__('time').perf_counter(),"
    " __import__('articles.batches.start', fromlist=['start_batch']).start_batch(b, b.owner),"
    " __import__('time').perf_counter() - t)[-1]"
)
_TASKS = (
    "[__import__('django_q.tasks', fromlist=['async_task']).async_task('tests.benchmarks.bare.section', a, s)"
    " for a in range({articles}) for s in range({rooms})] and 1"
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, ExitStack() as stack:
        places = {"SQLite": "", "PostgreSQL": stack.enter_context(postgres.postgres(Path(folder)))}
        url = stack.enter_context(services())
        for name, database in places.items():
            galley = _installation(Path(folder, name), url, database)
            times = [_ask(galley, f"plan {n}", STYLES, SECTIONS) for n in range(ROUNDS)]
            verdict(f"{STYLES * SECTIONS:,} sections planned, inserted, {name}", times, "plan")
        for latency in (LATENCY, {}):
            say(f"sections a second with {'answers after 0.05–0.5 s' if latency else 'instant answers'}, two workers")
            _beside_plain_tasks(Path(folder, "timed" if latency else "instant"), url, latency)


def _installation(folder: Path, url: str, database: str = "") -> Installation:
    galley = Installation(folder, named(url) | {"GALLEY_LOG_LEVEL": "ERROR", "DATABASE_URL": database})
    galley.folder.mkdir()
    galley.prepare()
    return galley


def _begin(url: str, latency: dict[str, float]) -> None:
    """Forget what was asked, and answer so late from now on."""
    said = {"latency": latency, "image_width": 1024, "image_bytes": 60_000}
    requests.post(f"{url}/_control/reset", timeout=10).raise_for_status()
    requests.post(f"{url}/_control/configure", json=said, timeout=10).raise_for_status()


def _ask(galley: Installation, name: str, styles: int, sections: int) -> float:
    """Plan and start a batch; how many seconds that took."""
    return float(galley.ask(_MADE.format(name=name, styles=styles, sections=sections)))


def _beside_plain_tasks(folder: Path, url: str, latency: dict[str, float]) -> None:
    folder.mkdir()
    rates: dict[str, list[float]] = {"plain": [], "Galley": []}
    memory: list[tuple[int, int]] = []
    for n in range(ROUNDS):
        plain = _installation(folder / f"plain-{n}", url)
        plain.ask(_TASKS.format(articles=ARTICLES, rooms=ROOMS))
        _begin(url, latency)
        rates["plain"].append(_rate(plain, url))
        galley = _installation(folder / f"galley-{n}", url)
        _ask(galley, "rooms", ARTICLES, ROOMS)
        _begin(url, latency)
        rates["Galley"].append(_rate(galley, url, memory))
    middle = {name: statistics.median(found) for name, found in rates.items()}
    ratio = statistics.median(ours / bare for ours, bare in zip(rates["Galley"], rates["plain"], strict=True))
    for name, rate in middle.items():
        say(f"  {name:<8}{rate:6.2f} a second ({min(rates[name]):.2f}–{max(rates[name]):.2f})")
    word = ("within" if ratio >= LEAST else "UNDER") + f" {LEAST}" if latency else "no bound"
    say(f"  Galley has {ratio:.2f} of the rate of plain tasks, {word}")
    growth = max(late / early for early, late in memory)
    say(f"  a worker's memory from the half to the end: {growth:.2f}, {'flat' if growth <= GROWTH else 'GROWS'}")


def _rate(galley: Installation, url: str, memory: list[tuple[int, int]] | None = None) -> float:
    """Sections a second, from the first request to the download of the last picture."""
    wanted = ARTICLES * ROOMS
    with galley.workers() as workers:
        assert workers.process
        # By now each worker has come through a whole article, and loaded all that it needs.
        wait_until(lambda: len(_delivered(url)) >= wanted // 2, 300)
        early = _memory(workers.process.pid)
        wait_until(lambda: len(_delivered(url)) >= wanted, 600)
        late = _memory(workers.process.pid)
    if memory is not None:
        memory.append((early, late))
    times = _delivered(url)
    return (wanted - 1) / (times[-1] - times[0])


def _delivered(url: str) -> list[float]:
    found = requests.get(f"{url}/_control/requests?operation=deliver", timeout=10).json()
    return [float(request["time"]) for request in found]


def _memory(group: int) -> int:
    """The largest resident set of a process of this group, in kilobytes: the busiest worker's."""
    return max(
        int(line.split()[1])
        for status in Path("/proc").glob("[0-9]*/status")
        if (text := _read(status)) and _group(status.parent) == group
        for line in text.splitlines()
        if line.startswith("VmRSS:")
    )


def _group(process: Path) -> int:
    stat = _read(process / "stat")
    return int(stat.rpartition(")")[2].split()[2]) if stat else 0


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it has ended
        return ""

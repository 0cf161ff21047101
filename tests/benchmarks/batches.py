"""Batches: what it costs that many watch one."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import requests

from tests.benchmarks.limits import say
from tests.journeys.installation import DATABASE, ROOT, Installation
from tests.services.process import HOST, Server, free_port

STYLES, SECTIONS = 60, 24
WATCHERS = 1000
CHANGES = 20  # a second
SECONDS = 20
EACH = 50  # watchers of one person, at most
_MAKE = """
import json
from django.contrib.auth.models import User
from tests.articles.batches.grid import batch_of
from tests.config.test_tokens import new_token
batch_of(User.objects.get(), {styles}, {sections})
people = [User.objects.create_superuser(f"person {{n}}", password=None) for n in range({people})]
print("=>" + json.dumps([new_token(person).secret for person in people]))
"""


def main(number: int = WATCHERS) -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        watchers(Path(folder), number)


# Watchers


@dataclass
class Watched:
    """What was measured while so many watched a batch that changes."""

    latencies: list[float]  # seconds from a commit until a watcher has it, for each change and watcher
    queries: float  # a second
    cpu: float  # cores
    memory: float  # MB, resident
    threads: int
    added: float  # MB of memory, since before they came


def watchers(folder: Path, many_of_them: int) -> None:
    """One batch of 1,440 sections that changes 20 times a second, on SQLite: seen by one, and by many."""
    galley = Installation(folder)
    galley.prepare()
    code = _MAKE.format(styles=STYLES, sections=SECTIONS, people=-(-many_of_them // EACH))
    secrets = json.loads(galley.manage("shell", "--verbosity", "0", "-c", code).stdout.rpartition("=>")[2])
    found = {}
    for number in (1, many_of_them):
        with _server(galley) as server:
            found[number] = _measured(galley, server, secrets, number)
    one, many = found[1], found[many_of_them]
    say(f"watching a batch, {CHANGES} changes a second         1 watcher   {many_of_them:,} watchers     ratio")
    for what, a, b, unit in (
        ("from commit to event, median", _middle(one), _middle(many), " ms"),
        ("from commit to event, 95 %", _late(one), _late(many), " ms"),
        ("queries a second", one.queries, many.queries, ""),
        ("CPU of the server, cores", one.cpu, many.cpu, ""),
        ("memory of the server", one.memory, many.memory, " MB"),
    ):
        say(f"  {what:<37}{a:12,.2f}{unit:<3}{b:12,.2f}{unit:<3}{b / a:9.2f}")
    say(f"  memory for each watcher {1000 * many.added / many_of_them:.0f} KB, {many.threads} threads")


def _middle(watched: Watched) -> float:
    return 1000 * statistics.median(watched.latencies)


def _late(watched: Watched) -> float:
    return 1000 * statistics.quantiles(watched.latencies, n=20)[-1]


@contextmanager
def _server(galley: Installation) -> Iterator[Server]:
    port = free_port()
    words = ["-m", "uvicorn", "tests.benchmarks.counting:application", "--port", str(port), "--log-level", "warning"]
    log = galley.folder / "web.log"
    server = Server([sys.executable, *words], port=port, log=log, env=galley.environment, cwd=ROOT)
    server.start(patience=60)
    try:
        yield server
    finally:
        server.stop()


def _measured(galley: Installation, server: Server, secrets: list[str], number: int) -> Watched:
    committed: list[tuple[int, float]] = []
    ending = threading.Event()
    changing = threading.Thread(target=_change, args=(galley, committed, ending))
    before = _memory(server)
    try:
        seen = asyncio.run(_watch(server, secrets, number, changing))
    finally:
        ending.set()
    changing.join()
    latencies = _latencies(committed, seen.arrivals)
    memory = _memory(server)
    return Watched(latencies, seen.queries, seen.cpu, memory, seen.threads, memory - before)


def _change(galley: Installation, committed: list[tuple[int, float]], ending: threading.Event) -> None:
    """As workers do, with less between: a section is done, or waits again, and when that was committed is noted."""
    database = sqlite3.connect(galley.folder / DATABASE, timeout=20, isolation_level=None)
    cells = database.execute("SELECT id FROM articles_section ORDER BY id").fetchall()
    done, due = 0, time.monotonic()
    while not ending.is_set():
        state = ("done", "pending")[done // len(cells) % 2]
        database.execute("BEGIN IMMEDIATE")
        [(revision,)] = database.execute(
            "UPDATE articles_batch SET revision = revision + 1 RETURNING revision"
        ).fetchall()
        change = "UPDATE articles_section SET state = ?, revision = ? WHERE id = ?"
        database.execute(change, (state, revision, *cells[done % len(cells)]))
        database.execute("COMMIT")
        committed.append((revision, time.monotonic()))
        done, due = done + 1, due + 1 / CHANGES
        ending.wait(max(due - time.monotonic(), 0))
    database.close()


@dataclass
class Seen:
    arrivals: list[list[tuple[int, float]]]  # of each watcher: the id of an event, and when it came
    queries: float = 0.0
    cpu: float = 0.0
    threads: int = 0


async def _watch(server: Server, secrets: list[str], number: int, changing: threading.Thread) -> Seen:
    seen = Seen([[] for _ in range(number)])
    tasks = [asyncio.create_task(_read(server, secrets[n // EACH], seen.arrivals[n])) for n in range(number)]
    while not all(seen.arrivals):
        assert not any(task.done() for task in tasks), "somebody was not let in"
        await asyncio.sleep(0.1)
    changing.start()
    await asyncio.sleep(2)
    for arrivals in seen.arrivals:
        arrivals.clear()
    queries, cpu, began = await asyncio.to_thread(_queries, server), _cpu(server), time.monotonic()
    await asyncio.sleep(SECONDS)
    took = time.monotonic() - began
    seen.queries = (await asyncio.to_thread(_queries, server) - queries) / took
    seen.cpu = (_cpu(server) - cpu) / took
    seen.threads = len(list(Path(f"/proc/{server.pid}/task").iterdir()))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return seen


async def _read(server: Server, secret: str, arrivals: list[tuple[int, float]]) -> None:
    reader, writer = await asyncio.open_connection(HOST, server.port, limit=2**20)
    request = f"GET /api/v1/batches/1/events HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n\r\n"
    writer.write(request.encode())
    with suppress(asyncio.IncompleteReadError):
        while event := await reader.readuntil(b"\n\n"):
            if event.startswith(b"id: "):
                arrivals.append((int(event[4 : event.index(b"\n")]), time.monotonic()))
    writer.close()


def _latencies(committed: list[tuple[int, float]], arrivals: list[list[tuple[int, float]]]) -> list[float]:
    """Of each change and watcher: from its commit to the first event with an id as great."""
    numbers = [revision for revision, _ in committed]
    found = []
    for events in arrivals:
        for (known, _), (told, at) in pairwise(events):
            new = committed[bisect_right(numbers, known) : bisect_right(numbers, told)]
            found += [at - moment for _, moment in new]
    return found


def _queries(server: Server) -> int:
    return int(requests.get(f"http://{HOST}:{server.port}/_queries", timeout=30).text)


def _cpu(server: Server) -> float:
    """Seconds of both kinds."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(server: Server) -> float:
    """Resident, in MB."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

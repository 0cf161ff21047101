"""The same work on very many things, in threads, with few of them waiting at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

THREADS = 16
Job = TypeVar("Job")
Done = TypeVar("Done")


def in_bulk(jobs: Iterable[Job], work: Callable[[Job], Done], *, threads: int = THREADS) -> Iterator[Done]:
    """What `work` makes of each job, as it is done, in no order; memory does not grow with the jobs.

    The first exception is raised here, after the jobs that had begun are done; no other begins.
    """
    source = iter(jobs)
    with ThreadPoolExecutor(threads, thread_name_prefix="bulk") as pool:
        running: set[Future[Done]] = set()
        try:
            while True:
                running |= {pool.submit(work, job) for job in islice(source, 2 * threads - len(running))}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            for each in running:
                each.cancel()

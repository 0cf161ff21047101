"""How far a long run is, on standard error, for people who look; for pipes and logs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]  # files and bytes, of each piece of work that is done
Started = Callable[[int, int], Progress]


def silent(_files: int, _bytes: int) -> Progress:
    """Shows nothing of a run that has so many files and bytes to work on."""
    return lambda _files, _bytes: None


@contextmanager
def shown(what: str, *, quiet: bool = False) -> Iterator[Started]:
    """Yields what a run is given as `started`. The time left is reckoned from the bytes of the last minute."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # a tenth of a second, for those who look
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Display

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Display(*columns, console=Console(stderr=True), speed_estimate_period=60) as display:

        def started(files: int, size: int) -> Progress:
            task, left = display.add_task(f"{what}: {files:,} files", total=size), [files]

            def done(files: int, size: int) -> None:
                left[0] -= files
                display.update(task, advance=size, description=f"{what}: {left[0]:,} files left")

            return done

        yield started

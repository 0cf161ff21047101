"""Following a batch in a terminal, on standard error, until it has ended or rests; and what is said of it in a line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from articles.batches import progress, stream
from articles.batches.completeness import COMPLETENESS
from articles.batches.progress import BatchProgress, ProgressFacts
from articles.formats import count, duration
from articles.models import Article, Batch

LINE_EVERY = 10.0  # seconds, where there is no terminal
UNCLAIMED_SECONDS = 10.0
FLEETING = {"per_minute", "per_minute_words", "left_seconds", "left_words", "summary_words"}
NOBODY = "Nobody works on it. Is `manage.py worker` running?"

Tell = Callable[[BatchProgress], None]


def follow_batch(batch_id: int, tell: Tell) -> BatchProgress:
    """How the batch stands once it has ended or is paused. `tell` hears of every change, first of how it stands now."""
    console, began = Console(stderr=True, highlight=False), time.monotonic()
    latest: BatchProgress | None = None
    with _bar(console) if console.is_terminal else _lines(console) as show:
        while True:
            found = _look(batch_id, latest)
            if latest is None or _known(found) != _known(latest):
                tell(found)
            show(found)
            latest = found
            if found.ended or found.facts["state"] in (Batch.State.PAUSED, Batch.State.DRAFT):
                return found
            if began and time.monotonic() - began > UNCLAIMED_SECONDS:
                if _nobody_works(batch_id):
                    console.print(NOBODY, soft_wrap=True)
                began = 0
            time.sleep(stream.EVERY)


def _known(found: BatchProgress) -> dict[str, object]:
    """Without what changes with every second that passes."""
    return {name: fact for name, fact in found.facts.items() if name not in FLEETING}


def _look(batch_id: int, latest: BatchProgress | None) -> BatchProgress:
    while True:
        try:
            known = (latest.revision, latest.counts) if latest else ()
            return progress.batch_progress(batch_id, *known)
        except (OperationalError, InterfaceError):
            if latest is None:
                raise
            connection.close()  # a database that restarts is back within seconds
            time.sleep(stream.EVERY)


def _nobody_works(batch_id: int) -> bool:
    """Its articles are queued, and nobody has any article in hand: a busy worker is no sign (two queries)."""
    queued = Article.objects.filter(batch=batch_id, status=Article.Status.QUEUED)
    return queued.exists() and not Article.objects.filter(status=Article.Status.RUNNING).exists()


@contextmanager
def _bar(console: Console) -> Iterator[Tell]:
    """Rich leaves the colours out where NO_COLOR is set."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rest]}"))
    with Progress(*columns, console=console) as shown:
        bar = shown.add_task("", rest="")

        def show(found: BatchProgress) -> None:
            sections, state = found.facts["sections"], f"{found.facts['name']}: {found.facts['state_words']}"
            rest = " · ".join(figures(found.facts))
            shown.update(bar, total=sections["total"], completed=sections["done"], description=state, rest=rest)

        yield show


@contextmanager
def _lines(console: Console) -> Iterator[Tell]:
    """For a log: a line when the state changes, else now and then."""
    state, at = "", 0.0

    def show(found: BatchProgress) -> None:
        nonlocal state, at
        if found.facts["state"] != state or time.monotonic() - at >= LINE_EVERY:
            state, at = found.facts["state"], time.monotonic()
            console.print(line(found.facts), soft_wrap=True, markup=False)

    yield show


def line(facts: ProgressFacts) -> str:
    """`Rooms: Running · 412 of 1,440 sections · 3 missing · 25.3 a minute · 41 min left · $12.30 of $110.00`."""
    there = f"{facts['sections']['done']:,} of {count(facts['sections']['total'], 'section')}"
    return f"{facts['name']}: {' · '.join([facts['state_words'], there, *figures(facts)])}"


def figures(facts: ProgressFacts) -> list[str]:
    found = [f"{facts['sections']['missing']:,} missing"] if facts["sections"]["missing"] else []
    if facts["per_minute"] and facts["state"] == Batch.State.RUNNING:
        found.append(f"{facts['per_minute']:g} a minute")
    if facts["left_seconds"] is not None:
        found.append(f"{duration(timedelta(seconds=facts['left_seconds']))} left")
    found.append(facts["spent_words"])
    return [*found, *filter(None, [facts["reason"], facts["slowed"]])]


def articles_line(facts: ProgressFacts) -> str:
    """`40 complete, 3 partial, 0 only basic content, 1 failed, 16 not begun`."""
    return ", ".join(f"{facts['articles'][key]:,} {name.lower()}" for key, name in COMPLETENESS.items())

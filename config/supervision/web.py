"""A web server says that it runs, each half minute, for people who look at the page of the machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from django.db import Error, connections

from config.supervision.machines import leave_web, note_web

EVERY = 30  # seconds
PATIENCE = 3  # seconds, at the end: nobody waits for a database that is away

log = structlog.get_logger("galley.web")


@asynccontextmanager
async def said_to_run() -> AsyncIterator[None]:
    """From now on, until the end."""
    task = asyncio.create_task(_go_on_saying())
    try:
        yield
    finally:
        task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(_quietly, leave_web), PATIENCE)


async def _go_on_saying() -> None:
    while True:
        await asyncio.to_thread(_quietly, note_web)
        await asyncio.sleep(EVERY)


def _quietly(said: Callable[[], None]) -> None:
    """Nothing depends on it: without a database the web server goes on."""
    try:
        said()
    except Error:
        log.warning("the database was not told of this web server", exc_info=True)
    finally:
        connections.close_all()

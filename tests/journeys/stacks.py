"""The stacks that Galley runs on, each with a site and the services' doubles: all of them real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.doubles.server import Doubles, doubles
from tests.journeys.installation import Installation
from tests.services import postgres, redis
from tests.services import wordpress as service
from tests.services.wordpress import WordPress


@dataclass(frozen=True)
class Stack:
    """An installation with everything that it speaks to. `database` is None on SQLite."""

    galley: Installation
    services: Doubles
    wordpress: WordPress
    database: postgres.Postgres | None


def missing_for(name: str) -> str | None:
    """Why there can be no such stack here; None if there can."""
    needed = [service.available]
    needed += [postgres.available] if "postgresql" in name else []
    needed += [redis.available] if "redis" in name else []
    return next((reason for available in needed if (reason := available())), None)


@contextmanager
def stack(name: str, folder: Path) -> Iterator[Stack]:
    """`name` says the database and the queue: "sqlite", "postgresql", "postgresql, redis"."""
    made = Installation(folder / "var")
    made.folder.mkdir()
    with ExitStack() as servers:
        database = None
        if "postgresql" in name:
            database = servers.enter_context(postgres.cluster(folder))
            made.settings["DATABASE_URL"] = database.url
        if "redis" in name:
            made.settings["GALLEY_BROKER_URL"] = servers.enter_context(redis.redis(folder))
        services = servers.enter_context(doubles())
        wordpress = servers.enter_context(service.wordpress(folder))
        made.with_services(services)
        made.prepare()
        made.add_site(wordpress)
        yield Stack(made, services, wordpress, database)

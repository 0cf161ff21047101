"""The stacks that Galley runs on, each with a site and the services' doubles: all of them real servers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.doubles.server import Doubles, doubles
from tests.journeys.installation import DATABASE, Installation
from tests.services import postgres, redis
from tests.services import wordpress as service
from tests.services.wordpress import WordPress


@dataclass(frozen=True)
class Desk:
    """An installation with its services. `database` is None on SQLite."""

    galley: Installation
    services: Doubles
    database: postgres.Postgres | None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a look from outside finds, quicker than any command. Raises the driver's errors."""
        if self.database is None:
            with closing(sqlite3.connect(self.galley.folder / DATABASE, timeout=20)) as file:
                return file.execute(sql).fetchall()
        with psycopg.connect(self.galley.settings["DATABASE_URL"], connect_timeout=2) as server:
            return server.execute(sql.encode()).fetchall()


@dataclass(frozen=True)
class Stack(Desk):
    """An installation with everything that it speaks to."""

    wordpress: WordPress


def missing_for(name: str, *, site: bool = True) -> str | None:
    """Why there can be no such stack here; None if there can."""
    needed = [service.available] if site else []
    needed += [postgres.available] if "postgresql" in name else []
    needed += [redis.available] if "redis" in name else []
    return next((reason for available in needed if (reason := available())), None)


@contextmanager
def desk(name: str, folder: Path) -> Iterator[Desk]:
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
        made.with_services(services)
        made.prepare()
        yield Desk(made, services, database)


@contextmanager
def stack(name: str, folder: Path) -> Iterator[Stack]:
    """A desk of that name, with a site."""
    with desk(name, folder) as made, service.wordpress(folder) as wordpress:
        made.galley.add_site(wordpress)
        yield Stack(made.galley, made.services, made.database, wordpress)

"""The databases that are backed up here, and how one instant of either is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections

from backups.database import postgresql, sqlite
from backups.database.snapshot import Snapshot
from backups.errors import Failed

OPENED = {"sqlite": sqlite.opened, "postgresql": postgresql.opened}


@contextmanager
def snapshot(alias: str = "default") -> Iterator[Snapshot]:
    """The database of an alias at this instant, on connections of its own, which block nobody.

    Raises Failed when the database does not answer, or is of a vendor that is not backed up.
    """
    wrapper = connections[alias]
    if wrapper.vendor not in OPENED:
        raise Failed(f"A {wrapper.display_name} database is not backed up here: SQLite and PostgreSQL are.")
    try:
        with OPENED[wrapper.vendor](wrapper) as seen:
            yield seen
    except (sqlite3.Error, DatabaseError, EOFError) as exc:
        raise Failed(f"The database cannot be read: {exc}") from exc

"""Databases beside the desk's own: a target of a restore, a scratch one of a drill."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from environ import Env

from backups.errors import Failed


@contextmanager
def connected(url: str) -> Iterator[str]:
    """An alias of the database of a URL, as long as it is needed. Raises Failed when it does not answer."""
    if urlsplit(url).scheme not in ("sqlite", "postgres", "postgresql"):
        raise Failed("That is no address of a database; say postgres://user@host/name or sqlite:////folder/file.")
    entry: dict[str, Any] = dict(Env.db_url_config(url))
    own = settings.DATABASES[DEFAULT_DB_ALIAS]
    if entry["ENGINE"] == own["ENGINE"]:
        options = {name: value for name, value in own.get("OPTIONS", {}).items() if name != "pool"}
        entry["OPTIONS"] = options | entry.get("OPTIONS", {})
    alias = f"beside-{secrets.token_hex(4)}"
    configured = connections.configure_settings({DEFAULT_DB_ALIAS: {}, alias: entry})
    connections.databases[alias] = configured[alias]
    try:
        connections[alias].ensure_connection()
        yield alias
    except DatabaseError as exc:
        raise Failed(f"The other database does not do what it should: {exc}") from exc
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


def prepare(alias: str) -> None:
    """Make the tables of an empty database, and bring those of another up to date."""
    call_command("migrate", database=alias, verbosity=0, interactive=False)

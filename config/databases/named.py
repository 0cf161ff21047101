"""The databases that the environment names: the one that decides, and a standby of it that may be read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.env import Environment

Database = dict[str, Any]

# A host that vanishes, or whose address moves to its standby, ends no connection: who waits for its answer might do so
# for ever. After 20 seconds it is an error, and what can is tried again.
QUIET: Database = {"connect_timeout": 5, "tcp_user_timeout": 20_000}  # seconds, milliseconds
QUIET |= {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3}
# No standby that has not taken over, which refuses each write.
LEADING = {"target_session_attrs": "read-write"}
# For a standby the first stands in: nobody waits for it for long.
HURRIED = {"connect_timeout": 2, "tcp_user_timeout": 5_000}


def databases(env: Environment, folder: Path) -> dict[str, Database]:
    """Django's DATABASES; out of the box a file in the folder."""
    first = env.database("DATABASE_URL", f"sqlite:///{folder / 'galley.sqlite3'}")
    pool = env.number("GALLEY_DATABASE_POOL", 0, least=0)  # connections
    standby = env.text("GALLEY_STANDBY_URL")
    if first["ENGINE"].endswith("sqlite3"):
        if standby:
            env.problem("GALLEY_STANDBY_URL", "needs PostgreSQL", "Set DATABASE_URL to the one that leads, as well.")
        return {"default": _file(first)}
    found = {"default": _server(first, {**QUIET, **LEADING}, pool)}
    # Behind PgBouncer a cursor of the server may be asked for on another connection than has it.
    found["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.flag("GALLEY_PGBOUNCER")
    if standby:
        found["standby"] = _server(env.database("GALLEY_STANDBY_URL", ""), {**QUIET, **HURRIED}, pool)
        found["standby"]["TEST"] = {"MIRROR": "default"}
    return found


def _file(config: Database) -> Database:
    # In deferred transactions a reader that turns writer fails at once with "database is locked".
    config.setdefault("OPTIONS", {}).update(transaction_mode="IMMEDIATE", timeout=20)  # seconds
    config["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;"
    return config


def _server(config: Database, options: Database, pool: int) -> Database:
    config["OPTIONS"] = {**options, **config.get("OPTIONS", {})}  # in the address: ?sslmode=
    if pool:
        # For threads of one web server. A pool must not be shared with forked workers, which take one connection each.
        config["OPTIONS"]["pool"] = {"min_size": 0, "max_size": pool, "timeout": 20}
        config["CONN_HEALTH_CHECKS"] = True  # one of a server that is gone is not given to anybody
    return config

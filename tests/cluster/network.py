"""Hosts that hang on one switch, each in a network namespace of its own, and the cuts between them.

A namespace belongs to a thread: whoever has entered one opens sockets there, and so does what it starts. None has a
name; each ends with the last that is in it. The links are Debian's iproute2's, the cuts and losses nftables'.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

PROGRAMS = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux", "nsenter": "util-linux"}
CLONE_NEWNET = 0x40000000  # Reference: namespaces(7)
HERE = "/proc/thread-self/ns/net"
NETWORK = "10.77.0"
WIDTH = 24
LINK = "eth0"
IPV4, ARP = 0x0800, b"\x08\x06"  # in a frame
TABLE = "bridge galley"


def available() -> str | None:
    """Why there can be no hosts here, and how to get them; None if there can."""
    if os.geteuid() != 0:
        return "needs root, for namespaces of the network: sudo make cluster"
    missing = sorted({package for name, package in PROGRAMS.items() if not shutil.which(name)})
    if missing:
        return f"needs {', '.join(missing)}: apt-get install {' '.join(missing)}"
    try:
        with ExitStack() as closing, Network(closing).host("probe").entered():
            pass
    except (OSError, subprocess.CalledProcessError) as exc:
        return f"needs a kernel that gives out namespaces and bridges ({exc})"
    return None


@dataclass(frozen=True)
class Namespace:
    """A network by itself. `handle` keeps it while nobody is in it."""

    handle: int

    @classmethod
    def new(cls, closing: ExitStack) -> Namespace:
        """One with nothing in it but a loopback."""
        with _coming_back():
            _check(_libc().unshare(CLONE_NEWNET))
            made = cls(_opened(HERE, closing))
            run("ip", "link", "set", "lo", "up")
        return made

    @property
    def path(self) -> str:
        """Where other programs find it."""
        return f"/proc/{os.getpid()}/fd/{self.handle}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and what it starts, is there."""
        with _coming_back():
            _check(_libc().setns(self.handle, CLONE_NEWNET))
            yield


@dataclass(frozen=True)
class Host(Namespace):
    """A namespace with a link to the switch."""

    name: str
    address: str

    def take(self, address: str) -> None:
        """Be the one that has this address too, and tell all others: theirs still know who had it."""
        with self.entered():
            run("ip", "address", "replace", f"{address}/{WIDTH}", "dev", LINK)
            _tell_all(address)

    def leave(self, address: str) -> None:
        with self.entered():
            run("ip", "address", "delete", f"{address}/{WIDTH}", "dev", LINK)


@dataclass
class Network:
    """The switch, and who hangs on it."""

    closing: ExitStack
    hosts: dict[str, Host] = field(default_factory=dict)
    _cuts: set[frozenset[str]] = field(default_factory=set)
    _loss: int = 0

    def __post_init__(self) -> None:
        self._switch = Namespace.new(self.closing)
        with self._switch.entered():
            run("ip", "link", "add", "switch", "type", "bridge")
            run("ip", "link", "set", "switch", "up")

    def host(self, name: str) -> Host:
        """One more."""
        number = len(self.hosts) + 1
        made = Host(Namespace.new(self.closing).handle, name, f"{NETWORK}.{100 + number}")
        with self._switch.entered():
            port = f"port{number}"
            run("ip", "link", "add", port, "type", "veth", "peer", "name", LINK, "netns", made.path)
            run("ip", "link", "set", port, "master", "switch", "up")
        with made.entered():
            run("ip", "address", "add", f"{made.address}/{WIDTH}", "dev", LINK)
            run("ip", "link", "set", LINK, "up")
        self.hosts[name] = made
        return made

    # What happens on the way

    def cut(self, one: str, other: str) -> None:
        """From now on nothing passes between two addresses, and nobody is told: no refusal, no end of a connection."""
        self._cuts.add(frozenset((one, other)))
        self._rule()

    def join(self, one: str, other: str) -> None:
        self._cuts.discard(frozenset((one, other)))
        self._rule()

    def lose(self, percent: int) -> None:
        """From now on so many of a hundred packets are lost, whoever sends them to whom."""
        self._loss = percent
        self._rule()

    def _rule(self) -> None:
        rules = [
            f"ip saddr {a} ip daddr {b} drop" for pair in self._cuts for a, b in (sorted(pair), sorted(pair)[::-1])
        ]
        rules += [f"meta protocol ip numgen random mod 100 < {self._loss} drop"] * bool(self._loss)
        chain = "\n".join(["type filter hook forward priority 0", *rules])
        with self._switch.entered():
            run(
                "nft",
                "-f",
                "-",
                given=f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\nchain way {{\n{chain}\n}}\n}}\n",
            )


def run(*words: str, given: str = "") -> None:
    subprocess.run(words, check=True, input=given, capture_output=True, text=True)


def _tell_all(address: str) -> None:
    """An address has moved here. Reference: RFC 826, RFC 5227 (an ARP announcement)."""
    told = socket.inet_aton(address)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((LINK, 0))
        own: bytes = raw.getsockname()[-1]
        kind = struct.pack("!HHBBH", 1, IPV4, 6, 4, 1)
        raw.send(b"\xff" * 6 + own + ARP + kind + own + told + bytes(6) + told)


@contextmanager
def _coming_back() -> Iterator[None]:
    """Whatever network this thread goes to meanwhile."""
    with ExitStack() as closing:
        before = _opened(HERE, closing)
        try:
            yield
        finally:
            _check(_libc().setns(before, CLONE_NEWNET))


def _opened(path: str, closing: ExitStack) -> int:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    closing.callback(os.close, handle)
    return handle


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

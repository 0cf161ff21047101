"""One time limit for a call as a whole, at every door: whatever trickles, and however slowly, it ends in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.conf import settings
from django.core.validators import MaxValueValidator

from articles.pipeline.lease import BUDGET_SECONDS, CALL_SECONDS, LEASE
from articles.providers import deadline
from articles.providers.claude import ClaudeClient
from articles.providers.errors import Unreachable
from articles.providers.replicate import PictureClient
from articles.providers.text import TextClient
from articles.stages.images import REQUEST_SECONDS
from publishing.models import Site
from publishing.wordpress.answers import Login
from publishing.wordpress.client import WordPress
from publishing.wordpress.line import GRACE_SECONDS
from publishing.xmlrpc.client import XmlRpc

SECONDS = 1.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SLOW_HEADERS = HEAD + b"X-Padding: " + b"x" * 1000 + b"\r\nContent-Length: 2\r\n\r\n{}"
SLOW_BODY = HEAD + b"Content-Length: 1000\r\n\r\n" + b" " * 1000
WITHOUT_LENGTH = HEAD + b"Connection: close\r\n\r\n" + b" " * 1000
AT_ONCE = {SLOW_HEADERS: 20, SLOW_BODY: len(HEAD) + 30, WITHOUT_LENGTH: len(HEAD) + 30}


@contextmanager
def _trickling(answer: bytes) -> Iterator[str]:
    """A server that sends the beginning of an answer, and from then on a byte every fifth of a second."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(answer[: AT_ONCE[answer]])
            for byte in answer[AT_ONCE[answer] :]:
                if over.wait(0.2):
                    return
                connection.sendall(bytes([byte]))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        server.close()


def _text(url: str, api: str) -> None:
    with TextClient(url, "sk", "m", api=api, allow_private=True, timeout=SECONDS) as client:  # type: ignore[arg-type]  # parametrized
        client.ask("Write", "this", name="article", schema={"type": "object"}, key="k")


def _claude(url: str) -> None:
    with ClaudeClient(url, "sk", "m", allow_private=True, timeout=SECONDS) as client:
        client.ask("Lay out", "this", key="k")


def _pictures(url: str) -> PictureClient:
    return PictureClient(url, "r8", "owner/model", allow_private=True, timeout=SECONDS)


def _wordpress(url: str) -> None:
    login = Login("wordpress:1", "Magazine", url, "desk", "secret", "app-password", SECONDS - GRACE_SECONDS)
    WordPress(login, allow_private=True).me()


def _xmlrpc(url: str) -> None:
    login = Login("wordpress:1", "Magazine", url, "desk", "secret", "app-password", SECONDS - GRACE_SECONDS)
    XmlRpc(login, allow_private=True).check()


DOORS: dict[str, Callable[[str], object]] = {
    "responses": lambda url: _text(url, "responses"),
    "chat": lambda url: _text(url, "chat"),
    "claude": _claude,
    "picture begun": lambda url: _pictures(url).create("Ships", "16:9", key="k"),
    "picture looked at": lambda url: _pictures(url).get("p1"),
    "picture fetched": lambda url: _pictures(url).download(f"{url}/1.jpg"),
    "site": _wordpress,
    "site by XML-RPC": _xmlrpc,
}


@pytest.mark.dealt(3)
@pytest.mark.parametrize("answer", [SLOW_HEADERS, SLOW_BODY, WITHOUT_LENGTH], ids=["headers", "body", "no length"])
@pytest.mark.parametrize("door", DOORS)
def test_a_trickle_ends_in_time_wherever_it_is(door: str, answer: bytes) -> None:
    """A whole answer would take minutes here."""
    began = time.monotonic()

    with _trickling(answer) as url, pytest.raises(Unreachable) as caught:
        DOORS[door](url)

    assert (caught.value.code, caught.value.lost) == ("timeout", True)
    assert time.monotonic() - began < 20


def test_what_is_not_over_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, deadline.within(60, "text"):
        deadline.watch(ours)
        theirs.sendall(b"whole")
        assert ours.recv(5) == b"whole"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with deadline.within(60, "text"):
            deadline.watch(ours)
        theirs.sendall(b"and so is what comes later")
        assert ours.recv(3) == b"and"


def test_no_single_request_outlasts_a_lease_and_no_call_its_task() -> None:
    limits = Site._meta.get_field("time_limit").validators
    longest_of_a_site = next(limit.limit_value for limit in limits if isinstance(limit, MaxValueValidator))
    longest = max(CALL_SECONDS, REQUEST_SECONDS, longest_of_a_site + GRACE_SECONDS)

    assert longest < LEASE.total_seconds()
    assert BUDGET_SECONDS + longest < settings.Q_CLUSTER["timeout"]

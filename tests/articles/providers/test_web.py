"""The one door for HTTP: where it does not go, and what it makes of hostile answers."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from articles.providers import Answer, storable, web
from articles.providers.errors import Garbled, ProviderError, Rejected, Unreachable
from articles.providers.text import TextClient


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *(
            "::1",
            "fe80::1",
            "fc00::1",
            "fec0::1",
            "ff02::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
        ),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::", "240.0.0.1"),
    ],
)
def test_addresses_inside_the_network(address: str) -> None:
    assert not web._is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"])
def test_addresses_outside(address: str) -> None:
    assert web._is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "2130706433", "0x7f.1", "017700000001", "[::1]", "[::ffff:7f00:1]"]
)
def test_a_name_for_this_machine_is_judged_by_what_it_is(host: str) -> None:
    with (
        web.session(allow_private=False) as session,
        pytest.raises(ProviderError) as raised,
        web.speaking_to("pictures"),
    ):
        session.get(f"http://{host}:9/", timeout=2)
    assert raised.value.code in ("private_address", "connect")
    assert not (raised.value.code == "connect" and host in ("localhost", "127.1", "[::1]"))


@pytest.mark.parametrize(
    "url", ["http://[::1/x", f"http://{'a' * 70}.example/", "http://a..example/", "http://\ud800/"]
)
def test_an_address_that_is_none(url: str) -> None:
    with (
        web.session(allow_private=True) as session,
        pytest.raises((Garbled, Unreachable)) as raised,
        web.speaking_to("pictures"),
    ):
        session.get(url, timeout=2)
    assert raised.value.code in ("bad_address", "connect", "broken")


class _Redirecting(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.headers['Host'].rpartition(':')[2]}/latest/meta-data")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def redirecting() -> Iterator[str]:
    _Redirecting.asked.clear()
    with HTTPServer(("127.0.0.1", 0), _Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_no_redirect_leads_a_client_elsewhere(redirecting: str) -> None:
    client = TextClient(redirecting, "sk", "m", allow_private=True, timeout=5)
    with pytest.raises(Rejected):
        client.ask("i", "p", name="article", schema={"type": "object"}, key="k")

    assert _Redirecting.asked == ["/responses"]


def test_what_no_database_takes_is_made_storable() -> None:
    deep: object = "end"
    for _ in range(2000):
        deep = [deep]
    answer = Answer({"a\x00": "b\x00", "deep": deep}, model="m\x00")

    assert "\x00" not in str(answer.raw) + answer.model
    assert len(str(answer.raw)) < 1000
    assert storable({"n": 1, "x": None, "l": [True, 1.5]}) == {"n": 1, "x": None, "l": [True, 1.5]}
    error = Rejected("P", "r\x00", code="c\x00" * 90, detail="d\x00\ud800")
    assert not any("\x00" in str(value) or "\ud800" in str(value) for value in error.saved().values())

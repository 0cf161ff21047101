"""The one door for HTTP: where it does not go, and what it makes of hostile answers."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from articles.providers import Answer, storable, web
from articles.providers.errors import Garbled, ProviderError, Rejected, Unreachable
from articles.providers.text import TextClient
from publishing.wordpress.answers import Login, Reply, failure


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
        *("168.63.129.16", "192.88.99.1", "::ffff:168.63.129.16", "2002:a83f:8110::", "64:ff9b::c058:6301"),
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
    with pytest.raises(Rejected), TextClient(redirecting, "sk", "m", allow_private=True, timeout=5) as client:
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


def _error(status: int, headers: dict[str, str] | None = None) -> ProviderError:
    return web.answer_error("text", status, "", headers or {}, credential="API key")


@pytest.mark.parametrize("status", range(400, 600))
def test_whether_a_request_may_have_done_its_work_is_told_alike_of_services_and_of_sites(status: int) -> None:
    login = Login("wordpress:1", "Magazine", "https://m.example.org", "desk", "secret", "app-password", 60)
    of_a_service, of_a_site = _error(status), failure(login, Reply(status, {}, {}, ""))

    lost = isinstance(of_a_service, Unreachable) and of_a_service.lost
    assert lost == (status in web.LOST)
    assert not lost or (isinstance(of_a_site, Unreachable) and of_a_site.lost)
    assert ("its answer was lost" in of_a_site.reason) == lost


def test_a_date_to_wait_until_is_understood() -> None:
    in_two_minutes = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)

    assert web.retry_after({"Retry-After": "30"}) == 30
    waits = web.retry_after({"retry-after": in_two_minutes})
    assert waits is not None
    assert 100 < waits <= 120
    assert web.retry_after({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}) == web.LONGEST_WAIT
    for nothing in ("", "soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct 2015", "nan", "9" * 400):
        assert web.retry_after({"Retry-After": nothing}) in (None, web.LONGEST_WAIT)
    assert web.retry_after({"Retry-After": "nan"}) is None
    assert _error(429, {"Retry-After": in_two_minutes}).retry_after is not None


def test_a_body_that_does_not_unpack_may_have_been_paid_for() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"oops")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(Unreachable) as caught, TextClient(address, "sk", "m", allow_private=True, timeout=5) as client:
        client.ask("Write", "this", name="article", schema={}, key="k")
    thread.join()
    server.server_close()

    assert caught.value.lost

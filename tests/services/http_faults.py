"""A server in front of another one, which passes every request on, or answers one of them in a way of its own.

It hands over method, path, headers and body as they came, the Host as well, so that signatures stay right.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .process import HOST

Asked = tuple[str, str]  # method, path with query
Said = tuple[int, dict[str, str], bytes]  # status, headers, body


@dataclass
class Faults:
    """Which requests go wrong. `answer` is a status, None breaks the connection. `after`: the other did its work."""

    url: str = ""
    chosen: Callable[[Asked], bool] = lambda _: False
    answer: int | None = 503
    after: bool = False
    cut: int = 0  # bytes that an answer's body lacks, its length told right
    times: int = 1
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    # What it answers in its own name, by method, path and headers (their names in small letters): its habits.
    habit: Callable[[str, str, Mapping[str, str]], Said | None] = lambda *_: None
    hides: frozenset[str] = frozenset()  # headers that it takes out of answers, in small letters
    drops: frozenset[str] = frozenset()  # and out of requests

    def strikes(self, asked: Asked) -> bool:
        with self.lock:
            self.asked.append(asked)
            if self.times == 0 or not self.chosen(asked):
                return False
            self.times -= 1
            return True


@contextmanager
def in_front_of(host: str, port: int) -> Iterator[Faults]:
    faults = Faults()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            strikes = faults.strikes((self.command, self.path))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if said := faults.habit(self.command, self.path, headers):
                self._say(*said)
                return
            if strikes and not faults.after and not faults.cut:
                self._fail()
                return
            connection = http.client.HTTPConnection(host, port, timeout=60)
            try:
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in faults.drops:
                        connection.putheader(name, value)
                connection.endheaders(body or None)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            if strikes and faults.after:
                self._fail()
                return
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"} | faults.hides:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content[: len(content) - faults.cut] if strikes else content)
            if strikes:
                self.close_connection = True

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for header in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(*header)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _fail(self) -> None:
            self.close_connection = True
            if faults.answer is not None:
                self.send_response_only(faults.answer)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    faults.url = f"http://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()

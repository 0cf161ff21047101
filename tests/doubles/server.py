"""One origin for all doubles: the socket, the log of requests and the script of faults.

In a test:

    with doubles() as d:
        d.fail("replicate", "create", "rate_limited", match="lighthouse")
        client = ImageClient(d.replicate_url, key="any")
        ...
        assert len(d.requests("replicate", "create")) == 2

In a process of its own, for many processes: `python -m tests.doubles.server --log FILE --state FILE`
prints its URL. There the same is asked for over HTTP:

    POST /_control/fail       {"provider", "operation", "kind", "times", "match"}
    POST /_control/configure  the fields of Settings
    POST /_control/reset
    GET  /_control/requests   ?provider=&operation=
"""

import argparse
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import Answer, Provider, Request, Settings, digest, pilot
from .anthropic import Anthropic
from .openai import OpenAI
from .replicate import Replicate

# What can happen to any answer on its way. The provider has done its work by then, and been paid for it.
#   hang       accepted, and never answered        half_body    half of the answer, then the end
#   reset      the connection is torn down         drip         a byte at a time: no single read is ever late
#   html       a page of somebody else, status 200 bad_gateway  the same, with status 502
PAGES = {"html": 200, "bad_gateway": 502}
TRANSPORT = frozenset({"hang", "half_body", "reset", "drip", *PAGES})
DRIP = 0.02  # seconds between two bytes

KEPT_HEADERS = ("content-type", "idempotency-key", "prefer", "user-agent", "x-stainless-retry-count")
KEY_HEADERS = ("authorization", "x-api-key")


@dataclass
class Fault:
    provider: str
    operation: str
    kind: str
    times: int | None  # None: until reset
    match: str


class Doubles:
    """The three providers on one port, with a log and a script. Safe for threads."""

    def __init__(
        self, port: int = 0, log: Path | None = None, state: Path | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.settings = Settings()
        self._anthropic = Anthropic()
        self._providers: list[Provider] = [OpenAI(), self._anthropic, Replicate(state)]
        self._requests: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._log = log.open("a", buffering=1) if log else None
        self._server = _Server((host, port), self)
        self.url = f"http://{host}:{self._server.server_port}"
        self.openai_url = f"{self.url}/openai/v1"
        self.anthropic_url = f"{self.url}/anthropic"
        self.replicate_url = f"{self.url}/replicate/v1"

    def fail(self, provider: str, operation: str, kind: str, times: int | None = 1, match: str = "") -> None:
        """Let the next `times` requests go wrong that contain `match` (in their JSON, keys sorted).

        First scripted, first used. A poll or a download contains the input of its prediction.
        Raises ValueError for a fault that the provider does not know.
        """
        known = {p.name: p.faults for p in self._providers}.get(provider, {}).get(operation)
        if known is None or kind not in known | TRANSPORT:
            raise ValueError(f"{provider} {operation} cannot fail by {kind!r}")
        with self._lock:
            self._faults.append(Fault(provider, operation, kind, times, match))

    def steer(self, script: pilot.Script) -> None:
        """Who asks Anthropic with tools is answered by this script."""
        self._anthropic.script = script

    def configure(self, **settings: Any) -> None:
        """Change some of the settings. Raises TypeError for one that does not exist."""
        self.settings = replace(self.settings, **settings)

    def requests(self, provider: str = "", operation: str = "") -> list[Request]:
        """What was received so far, answered or not, oldest first."""
        with self._lock:
            found = list(self._requests)
        return [r for r in found if provider in ("", r.provider) and operation in ("", r.operation)]

    def reset(self) -> None:
        """Back to the beginning: no requests, no faults, no predictions. The log file keeps what it has."""
        with self._lock:
            self._faults.clear()
            self.settings = Settings()
        self.forget()

    def forget(self) -> None:
        """No requests, no predictions; faults and settings stay."""
        with self._lock:
            self._requests.clear()
        for provider in self._providers:
            provider.reset()

    def provider_of(self, path: str) -> Provider | None:
        return next((p for p in self._providers if path.startswith(p.prefixes)), None)

    def received(self, provider: Provider, handler: "_Handler", body: Any) -> tuple[Request, str]:
        """Log a request and take the fault that waits for it, "" if none does."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            request = Request(
                number=len(self._requests) + 1,
                time=time.time(),
                provider=provider.name,
                operation=provider.operation(handler.command, urlsplit(handler.path).path),
                method=handler.command,
                origin=self.url,
                path=handler.path,
                headers={name: headers[name] for name in KEPT_HEADERS if name in headers},
                with_key=any(name in headers for name in KEY_HEADERS),
                digest=digest(body),
                body=body,
            )
            self._requests.append(request)
            if self._log:
                self._log.write(json.dumps(asdict(request)) + "\n")
            return request, self._take_fault(request, provider.subject(request))

    def _take_fault(self, request: Request, subject: str) -> str:
        for fault in self._faults:
            aimed = (fault.provider, fault.operation) == (request.provider, request.operation)
            if aimed and fault.match in subject:
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                return fault.kind
        return ""

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """Stop and cut every connection, those included that hang."""
        self._server.shutdown()
        self._server.cut_connections()
        self._server.server_close()
        if self._log:
            self._log.close()


@contextmanager
def doubles(log: Path | None = None, state: Path | None = None, host: str = "127.0.0.1") -> Iterator[Doubles]:
    """All doubles, served by threads of this process."""
    served = Doubles(log=log, state=state, host=host)
    thread = threading.Thread(target=served.serve, name="doubles", daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.stop()
        thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # benchmarks come with many processes at once

    def __init__(self, address: tuple[str, int], doubles: Doubles) -> None:
        super().__init__(address, _Handler)
        self.doubles = doubles
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self._open.discard(request)

    def shutdown_request(self, request: Any) -> None:
        # Without the orderly farewell of the parent class, which would make a reset look like an end.
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that is killed in the middle of an answer is what these tests are about, and not news.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def cut_connections(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: without this, 40 ms between them
    server: _Server

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def log_message(self, *args: Any) -> None:
        """Nothing: the log of requests says it all."""

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length)
        if len(sent) < length:  # its sender was killed in the middle
            self.close_connection = True
            return
        body = json.loads(sent) if sent else None
        if self.path.startswith("/_control/"):
            self._send(_control(self.server.doubles, self.path, body))
        elif provider := self.server.doubles.provider_of(self.path):
            self._answer_as(provider, body)
        else:
            self._send(Answer.json({"error": "no provider has this address"}, 404))

    def _answer_as(self, provider: Provider, body: Any) -> None:
        settings = self.server.doubles.settings
        request, fault = self.server.doubles.received(provider, self, body)
        slept = 0.0
        # As the settings say at each moment: whoever holds answers back may let them go.
        while (left := self.server.doubles.settings.latency.get(request.operation, 0.0) - slept) > 0:
            time.sleep(nap := min(left, 0.05))
            slept += nap
        answer = provider.answer(request, "" if fault in TRANSPORT else fault, settings)
        if fault == "hang":
            self.close_connection = True
            self.connection.recv(1)  # returns when the client leaves or the server stops
        elif fault == "reset":
            self.close_connection = True
            no_farewell = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_farewell)
        elif fault == "half_body":
            length = len(answer.body)
            self._send(replace(answer, body=answer.body[: length // 2], length=length))
        elif fault == "drip":
            self._drip(answer)
        elif fault in PAGES:
            page = b"<!doctype html><title>One moment</title><p>Checking</p>"
            self._send(Answer(PAGES[fault], page, {"content-type": "text/html; charset=utf-8"}))
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self._send_headers(answer)
        self.wfile.write(answer.body)

    def _send_headers(self, answer: Answer) -> None:
        length = len(answer.body) if answer.length is None else answer.length
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(length))
        self.end_headers()
        if length != len(answer.body):
            self.close_connection = True

    def _drip(self, answer: Answer) -> None:
        self._send_headers(answer)
        for byte in answer.body:
            self.wfile.write(bytes([byte]))
            time.sleep(DRIP)


def _control(doubles: Doubles, path: str, body: Any) -> Answer:
    address = urlsplit(path)
    try:
        match address.path:
            case "/_control/requests":
                found = doubles.requests(**dict(parse_qsl(address.query)))
                return Answer.json([asdict(request) for request in found])
            case "/_control/fail":
                doubles.fail(**body)
            case "/_control/configure":
                doubles.configure(**body)
            case "/_control/reset":
                doubles.reset()
            case _:
                return Answer.json({"error": "no such control"}, 404)
    except (TypeError, ValueError) as exc:
        return Answer.json({"error": str(exc)}, 400)
    return Answer.json({})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="JSON lines, one a request; appended to")
    parser.add_argument("--state", type=Path, help="JSON lines, the predictions; read at the start, appended to")
    options = parser.parse_args()
    served = Doubles(options.port, options.log, options.state)
    sys.stdout.write(f"{served.url}\n")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        served.serve()


if __name__ == "__main__":
    main()

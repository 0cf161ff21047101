"""A web server in this process that has finished screens to give, and nothing behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path

from django.contrib.staticfiles import finders

from tests.screens.pages import Screen

PASSED_ON = ("Content-Type", "Content-Security-Policy")


class Shelf:
    """Gives the screen that was put in front, and what belongs to any."""

    def __init__(self) -> None:
        self.front: Screen | None = None
        self.parts: dict[str, tuple[str, bytes]] = {}
        self.url = ""

    def answer(self, address: str) -> tuple[int, dict[str, str], bytes]:
        if self.front and address == self.front.address:
            return (
                200,
                {name: self.front.headers[name] for name in PASSED_ON if name in self.front.headers},
                self.front.html,
            )
        if address in self.parts:
            kind, body = self.parts[address]
            if kind.startswith("text/html"):
                body = body.replace(b"http://testserver", self.url.encode())
            return 200, {"Content-Type": kind}, body
        if address.startswith("/static/") and (file := finders.find(address.removeprefix("/static/"))):
            headers = {"Content-Type": guess_type(file)[0] or "font/woff2", "Cache-Control": "max-age=3600"}
            return 200, headers, Path(file).read_bytes()
        return 404, {"Content-Type": "text/plain"}, b""


@contextmanager
def serving(shelf: Shelf) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = shelf.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shelf.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()

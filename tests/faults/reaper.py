"""Counts what this process does to the world outside, and kills it before one of these touches.

Between two touches nothing changes for anybody else, so every instant of a process belongs to one of these moments.
What touches: a commit, a statement that writes outside of a transaction, a file that appears, a message for the queue
or from it, each request, one that may change something twice: before anything of it is sent, and when it is sent and
not answered, and each step of a browser (browser_touches).
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import urllib3
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django_q.brokers.redis_broker import Redis

from backups.storage.django_folder import LocalStorage
from tests.faults import browser_touches
from tests.services.process import children_of

WRITE = re.compile(r'(INSERT|UPDATE|DELETE)[^"]*"(\w+)"')
RENEWAL = 'UPDATE "articles_article" SET "lease_until" = %s WHERE'  # for how much longer, and nothing else
SENDING, SENT = "http11.send_request_headers.started", "http11.receive_response_headers.started"


class Reaper:
    """Kills this process at its touch number `moment`, counted from 0; never, where that is None.

    `dying` is called right before, with the touches that were, and the one that will not be.
    """

    def __init__(self, moment: int | None, dying: Callable[[list[str]], None]) -> None:
        self.moment, self._dying = moment, dying
        self.touches: list[str] = []
        self._request = ""  # the one that may be in flight: this process makes one at a time

    def watch(self) -> None:
        """From now on, and until this process ends."""
        connection.execute_wrappers.append(self._statement)
        self._before(BaseDatabaseWrapper, "commit", lambda _: self._touch("commit"))
        self._before(LocalStorage, "_save", lambda _, name, __: self._touch(f"begin {Path(name).name}"))
        self._before(os, "replace", lambda _, path: self._touch(f"complete {Path(path).name}"))
        self._before(Redis, "enqueue", lambda *_: self._touch("put a message"))
        self._before(Redis, "dequeue", lambda _: self._touch("take a message"))
        self._before(urllib3.connection.HTTPConnection, "request", lambda _, *words, **__: self._send(*words))
        self._before(urllib3.connection.HTTPConnection, "getresponse", lambda _: self._sent())
        self._before(httpx2.HTTPTransport, "handle_request", lambda _, request: self._follow(request))
        browser_touches.watch(self._touch)

    def _touch(self, what: str) -> None:
        if len(self.touches) == self.moment:
            self._dying([*self.touches, what])
            killed = [*(children_of(os.getpid()) if self.moment % 2 else []), os.getpid()]  # as systemd does, or alone
            for process in killed:
                os.kill(process, signal.SIGKILL)
        self.touches.append(what)

    def _before(self, owner: Any, name: str, touch: Callable[..., None]) -> None:
        original = getattr(owner, name)

        def touching(*args: Any, **kwargs: Any) -> Any:
            touch(*args, **kwargs)
            return original(*args, **kwargs)

        setattr(owner, name, touching)

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found = None if sql.startswith(RENEWAL) else WRITE.match(sql)
        if found and not connection.in_atomic_block:  # else nothing is there before its commit
            self._touch(f"{found[1]} {found[2]}")
        return execute(sql, params, many, context)

    def _send(self, method: str, url: str, *_: Any) -> None:
        self._request = f"{method} {url.partition('?')[0]}"
        self._touch(f"send {self._request}")

    def _sent(self) -> None:
        if self._request.startswith("POST"):
            self._touch(f"sent {self._request}")

    def _follow(self, request: httpx2.Request) -> None:
        """The SDKs' library tells by itself how far a request has come."""

        def told(event: str, _: Any) -> None:
            if event == SENDING:
                self._send(request.method, request.url.path)
            elif event == SENT:
                self._sent()

        request.extensions["trace"] = told

"""A mail server: it keeps what it takes, and fails as it is told to."""

# ruff: noqa: N802, ARG002  aiosmtpd finds its hooks by these names, and hands over more than each needs
from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from .process import HOST, free_port

PATIENCE = 60  # seconds, for a thread on a busy machine to come up
TURNS = 10  # of an event loop: more than one who was just accepted needs to get a transport, and to lose it
OK = "250 OK"


@dataclass
class Received:
    """A mail as it arrived."""

    sender: str
    to: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"]).strip()  # a long one begins on its second line

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """On a loopback port, which stays the same over `stop` and `start`.

    `refuse` maps addresses to what is answered to them, `answer` is given to every mail's text. `drop` breaks the
    connection off, "before" the mail is taken or "after" it. `on_mail` is called with what was taken, before it is
    answered.
    """

    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    sender_answer: str = OK
    answer: str = OK
    drop: str = ""
    connections: int = 0
    on_mail: Callable[[Received], None] = lambda _: None
    _controller: _Controller | None = None

    def start(self) -> None:
        self._controller = _Controller(_Handler(self), hostname=HOST, port=self.port, ready_timeout=PATIENCE)
        self._controller.start()
        self.connections = 0

    def stop(self) -> None:
        if self._controller is not None:
            asyncio.run_coroutine_threadsafe(self._controller.hang_up(), self._controller.loop).result(PATIENCE)
            self._controller.stop()
            self._controller = None

    @property
    def subjects(self) -> list[str]:
        return [mail.subject for mail in self.received]


class _Controller(Controller):
    """It closes the sockets of those who are connected when it stops, and leaves none to the garbage collector."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._opened: weakref.WeakSet[SMTP] = weakref.WeakSet()

    def factory(self) -> SMTP:
        made = SMTP(self.handler, **self.SMTP_kwargs)
        self._opened.add(made)
        return made

    async def hang_up(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        for listening in self.server.sockets:
            self.loop.remove_reader(listening)
        for _ in range(TURNS):
            for each in list(self._opened):
                if isinstance(each.transport, asyncio.WriteTransport):
                    each.transport.abort()
            await asyncio.sleep(0)


class _Handler:
    """The server's answers; called in its thread."""

    def __init__(self, server: MailServer) -> None:
        self._told = server
        self._lock = threading.Lock()

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self._told.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._told.sender_answer == OK:
            envelope.mail_from = address
        return self._told.sender_answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._told.refuse.get(address, OK)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        drop, answer = self._told.drop, self._told.answer
        if drop != "before" and answer == OK:
            content = envelope.content
            assert isinstance(content, bytes)
            mail = Received(envelope.mail_from or "", list(envelope.rcpt_tos), content)
            with self._lock:
                self._told.received.append(mail)
            # Elsewhere, so that others are served while one is held up.
            await server.loop.run_in_executor(None, self._told.on_mail, mail)
        if drop:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Yield a server that takes everything."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()

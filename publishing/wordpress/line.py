"""The line to one site: a request at a time, bounded in time and bytes, whichever of its doors is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from articles.providers.errors import Unreachable
from publishing.wordpress.answers import Login, Reply
from publishing.wordpress.transport import Direct, Transport

GRACE_SECONDS = 30  # how much longer than the site may work a request and its answer may be on the way


class Line:
    """Not for more than one thread. `headers` are those of every request."""

    def __init__(
        self,
        login: Login,
        *,
        allow_private: bool,
        before: Callable[[str], None] | None,
        transport: Transport | None = None,
    ) -> None:
        """`before` is called with the method of each request that is about to leave; what it raises holds it back.
        Without a `transport` they leave by a connection of our own.
        """
        self.login, self._before = login, before
        self.headers = {"Cache-Control": "no-cache"}  # a stale look-up would let something be sent twice
        seconds = login.time_limit + GRACE_SECONDS  # for a request as a whole
        self._transport = transport or Direct(login.provider, seconds=seconds, allow_private=allow_private)

    def ask(
        self, method: str, url: str, *, counts_as: str = "", headers: Mapping[str, str] | None = None, **request: Any
    ) -> Reply:
        """One request; redirects come back as they are. `counts_as`: what `before` is told in the method's place.

        Raises Unreachable, Garbled for an answer that is too large, Rejected for an address inside the network.
        """
        if self._before:
            self._before(counts_as or method)
        try:
            return self._transport.send(method, url, headers={**self.headers, **(headers or {})}, **request)
        except Unreachable as exc:
            exc.mend = exc.mend or f'see whether site "{self.login.name}" opens in your browser'
            raise

    def close(self) -> None:
        self._transport.close()

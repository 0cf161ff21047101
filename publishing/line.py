"""The line to one site: a request at a time, bounded in time and bytes, whichever of its doors is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from articles.providers import deadline, web
from articles.providers.errors import Unreachable
from publishing.answers import Login, Reply

ANSWER_BYTES = 16 * 1024 * 1024
GRACE_SECONDS = 30  # how much longer than the site may work a request and its answer may be on the way


class Line:
    """Not for more than one thread. `http` is its session, with the headers of every request."""

    def __init__(self, login: Login, *, allow_private: bool, before: Callable[[str], None] | None) -> None:
        """`before` is called with the method of each request that is about to leave; what it raises holds it back."""
        self.login, self._before = login, before
        self.http = web.session(allow_private=allow_private)
        self.http.headers["Cache-Control"] = "no-cache"  # a stale look-up would let something be sent twice
        self._seconds = login.time_limit + GRACE_SECONDS  # for a request as a whole

    def ask(self, method: str, url: str, *, counts_as: str = "", **request: Any) -> Reply:
        """One request; redirects come back as they are. `counts_as`: what `before` is told in the method's place.

        Raises Unreachable, Garbled for an answer that is too large, Rejected for an address inside the network.
        """
        if self._before:
            self._before(counts_as or method)
        timeout = (web.CONNECT_SECONDS, self._seconds)
        options: dict[str, Any] = {"timeout": timeout, "allow_redirects": False, "stream": True}
        try:
            with (
                deadline.within(self._seconds, self.login.provider),
                web.speaking_to(self.login.provider),
                self.http.request(method, url, **options, **request) as response,
            ):
                body = web.body_within(response, ANSWER_BYTES, self.login.provider)
        except Unreachable as exc:
            exc.mend = f'see whether site "{self.login.name}" opens in your browser'
            raise
        return Reply(response.status_code, response.headers, response.links, body.decode("utf-8-sig", "replace"))

    def close(self) -> None:
        self.http.close()

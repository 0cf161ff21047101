"""How a request to a site leaves: by a connection of our own, or within a browser that has signed in there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from articles.providers import deadline, web
from publishing.wordpress.answers import Reply

ANSWER_BYTES = 16 * 1024 * 1024


class Transport(Protocol):
    """Not for more than one thread."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
    ) -> Reply:
        """One request, without following where its answer leads. Raises ProviderError where none came."""

    def close(self) -> None: ...


class Direct:
    """By a connection of our own. `seconds` for a request as a whole."""

    def __init__(self, provider: str, *, seconds: float, allow_private: bool) -> None:
        self._provider, self._seconds = provider, seconds
        self._http = web.session(allow_private=allow_private)

    def send(self, method: str, url: str, **request: Any) -> Reply:
        timeout = (web.CONNECT_SECONDS, self._seconds)
        options: dict[str, Any] = {"timeout": timeout, "allow_redirects": False, "stream": True}
        with (
            deadline.within(self._seconds, self._provider),
            web.speaking_to(self._provider),
            self._http.request(method, url, **options, **request) as response,
        ):
            body = web.body_within(response, ANSWER_BYTES, self._provider)
        return Reply(response.status_code, response.headers, response.links, body.decode("utf-8-sig", "replace"))

    def close(self) -> None:
        self._http.close()

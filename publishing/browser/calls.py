"""The JSON calls of a page that is signed in: the REST API without an application password, for browsers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import orjson
import requests

from publishing.browser.window import Window
from publishing.wordpress.answers import Reply
from publishing.wordpress.client import WordPress
from publishing.wordpress.reading import Json

OLD_NONCE = "rest_cookie_invalid_nonce"  # also of a session that is over: then nobody's nonce was expected


class InWindow:
    """The transport of a WordPress: requests of the page."""

    def __init__(self, window: Window, before: Callable[[str], None] | None) -> None:
        self._window, self._before = window, before or (lambda _: None)
        self._nonce = ""

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
        """Repeated once when only the nonce was old: that answer comes before any work is done."""
        target = requests.Request("GET", url, params=params).prepare().url or url
        body: str | bytes | None = data if json is None else orjson.dumps(json).decode()
        headers = dict(headers) if json is None else {**headers, "Content-Type": "application/json"}
        self._nonce = self._nonce or self._window.nonce()
        reply = self._sent(method, target, headers, body)
        if reply.code == OLD_NONCE:
            self._nonce = self._window.nonce()
            self._before(method)
            reply = self._sent(method, target, headers, body)
        return reply

    def _sent(self, method: str, url: str, headers: dict[str, str], body: str | bytes | None) -> Reply:
        return self._window.fetch(method, url, headers={**headers, "X-WP-Nonce": self._nonce}, body=body)

    def close(self) -> None:
        self._window.close()


class Calls(WordPress):
    """The REST API as the user of the dashboard has it."""

    LACKS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, window: Window, *, before: Callable[[str], None] | None = None) -> None:
        """Closes the window when it is closed; `before` as in `WordPress`."""
        super().__init__(window.login, allow_private=False, before=before, transport=InWindow(window, before))
        self._window = window
        self._slugs: dict[int, str] = {}  # of the posts that were seen

    def check(self) -> None:
        """Signs in. Raises Refused where that fails, or the user may not write and upload."""
        super().check()
        self._window.show("signed_in", f"{self._window.admin}edit.php")

    def find_post(self, key: str, uid: str) -> Json | None:
        found = super().find_post(key, uid)
        return self._noted(found) if found else None

    def create_draft(self, key: str, fields: Json) -> Json:
        return self._drafted(super().create_draft(key, fields))

    def update_post(self, post_id: int, fields: Json) -> Json:
        """Raises Busy while somebody has the post open in the editor: the REST API would not mind."""
        self._refuse_locked(post_id)
        return self._drafted(super().update_post(post_id, fields))

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        media = super().upload(key, jpeg, alt_text)
        self._window.show("picture", media["source_url"])
        return media

    def _noted(self, post: Json) -> Json:
        self._slugs[post["id"]] = post["slug"]
        return post

    def _drafted(self, post: Json) -> Json:
        self._window.show("draft", f"{self.login.home}?p={post['id']}&preview=true")
        return self._noted(post)

    def _refuse_locked(self, post_id: int) -> None:
        if slug := self._slugs.get(post_id):
            self._window.refuse_locked(self._window.open(f"edit.php?post_status=all&name={quote(slug)}"))

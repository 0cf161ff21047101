"""What can be asked of a site, by whichever way one speaks to it.

Each way has the same questions and answers, so that one logic publishes by any of them (`publishers.posting`): what was
made by one is found by the others, and is never made twice.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from publishing.wordpress.answers import Login
from publishing.wordpress.reading import Json


class Channel(Protocol):
    """One site, one user. Not for more than one thread. Fields are named as in the REST API; answers are as
    `reading.as_post` and `reading.as_media` make them. Each method raises ProviderError.
    """

    LACKS: ClassVar[frozenset[str]]  # fields that cannot be said by this way
    login: Login

    def close(self) -> None: ...

    def check(self) -> None:
        """Raises Refused when the user cannot sign in, or may not write and upload."""

    def find_post(self, key: str, uid: str) -> Json | None:
        """The post of this slug, or with the mark of this article in its text, wherever it lies by now."""

    def create_draft(self, key: str, fields: Json) -> Json: ...

    def update_post(self, post_id: int, fields: Json) -> Json: ...

    def trash_post(self, post: Json) -> bool:
        """Move a post into the trash if it still is as it was answered; whether that was done."""

    def find_media(self, key: str) -> Json | None: ...

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json: ...

    def media_there(self, ids: list[int]) -> set[int]:
        """Those of these pictures that the site has."""

    def delete_media(self, media: Json) -> bool:
        """Delete a picture if it still is as it was answered; whether that was done."""

    def update_media(self, media_id: int, fields: Json) -> Json: ...

    def make_sizes(self, media_id: int) -> Json:
        """Make the smaller versions of a picture that a crash left without them."""

    def category(self, name: str) -> int | None:
        """The id of a category, made where it is missing. None: this user may not make one."""

    def tag(self, name: str) -> int | None: ...

    def author(self, name: str) -> int | None:
        """The id of a user who writes there, by name or login. None: there is none, or this user may not see it."""

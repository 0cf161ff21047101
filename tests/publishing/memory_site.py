"""A site in memory, behind the port of all ways: what it holds, and who fails how, says the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from articles.providers.errors import ProviderError
from publishing.models import Site
from publishing.publishers import posting
from publishing.sites import login_of
from publishing.wordpress import marks
from publishing.wordpress.answers import Login
from publishing.wordpress.marks import Marked
from publishing.wordpress.reading import Json

T = TypeVar("T")


class Died(BaseException):
    """As a killed process: nothing of ours catches it."""


@dataclass
class MemorySite:
    """Posts and pictures by their ids. `fails` raises before a method of a way works, `loses` after it has."""

    posts: dict[int, Json] = field(default_factory=dict)
    media: dict[int, Json] = field(default_factory=dict)
    fails: dict[tuple[str, str], ProviderError] = field(default_factory=dict)
    loses: dict[tuple[str, str], ProviderError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    dies_at: int | None = None  # the moment at which whoever asks dies: before a question, or with its answer in hand
    met: int = 0  # such moments

    def moment(self) -> None:
        self.met += 1
        if self.dies_at is not None and self.met > self.dies_at:
            raise Died

    def channel(self, way: str) -> Callable[[Site, Callable[[str], None] | None], MemoryChannel]:
        return lambda site, before: MemoryChannel(self, way, login_of(site), before)

    def ways(self, *ways: str) -> dict[str, Any]:
        """As `hybrid.WAYS`."""

        def publisher(way: str) -> Any:
            return lambda run, task, site: posting.publish(run, task, site, way, self.channel(way))

        return {way: publisher(way) for way in ways}

    def add_post(self, key: str, fields: Json) -> Json:
        number = len(self.posts) + 1
        blank = {"featured_media": 0, "categories": [], "tags": [], "excerpt": "", "comment_status": "open"}
        post = {"id": number, "slug": key, "status": "draft", "date_gmt": "", "link": f"https://site/?p={number}"}
        self.posts[number] = {**blank, **post, **fields}
        return _answered(self.posts[number])

    def add_media(self, key: str, alt_text: str) -> Json:
        number = 100 + len(self.media)
        shown = {"slug": key, "source_url": f"https://site/{key}.jpg", "alt_text": alt_text}
        self.media[number] = {"id": number, "modified": "", "width": 400, "has_sizes": True, **shown}
        return dict(self.media[number])

    def made(self, method: str) -> list[str]:
        """By which ways it was called."""
        return [way for way, name in self.asked if name == method]


class MemoryChannel:
    LACKS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, site: MemorySite, way: str, login: Login, before: Callable[[str], None] | None) -> None:
        self.site, self.way, self.login, self._before = site, way, login, before

    def _ask(self, name: str, method: str, work: Callable[[], T]) -> T:
        if self._before:
            self._before(method)
        self.site.asked.append((self.way, name))
        if failure := self.site.fails.get((self.way, name)):
            raise failure
        self.site.moment()
        done = work()
        self.site.moment()
        if loss := self.site.loses.pop((self.way, name), None):
            raise loss
        return done

    def close(self) -> None:
        pass

    def check(self) -> None:
        self._ask("check", "GET", lambda: None)

    def find_post(self, key: str, uid: str) -> Json | None:
        def found() -> Json | None:
            posts = self.site.posts.values()
            ours = (post for post in posts if post["slug"] == key or marks.is_of(uid, post["content"]))
            return next(map(_answered, ours), None)

        return self._ask("find_post", "GET", found)

    def create_draft(self, key: str, fields: Json) -> Json:
        return self._ask("create_draft", "POST", lambda: self.site.add_post(key, fields))

    def update_post(self, post_id: int, fields: Json) -> Json:
        def updated() -> Json:
            self.site.posts[post_id] |= fields
            return _answered(self.site.posts[post_id])

        return self._ask("update_post", "POST", updated)

    def trash_post(self, post: Json) -> bool:
        return self._ask("trash_post", "DELETE", lambda: bool(self.site.posts.pop(post["id"], None)))

    def find_media(self, key: str) -> Json | None:
        found = (item for item in self.site.media.values() if item["slug"] == key)
        return self._ask("find_media", "GET", lambda: next(map(dict, found), None))

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        assert jpeg
        return self._ask("upload", "POST", lambda: self.site.add_media(key, alt_text))

    def media_there(self, ids: list[int]) -> set[int]:
        return self._ask("media_there", "GET", lambda: set(ids) & self.site.media.keys())

    def delete_media(self, media: Json) -> bool:
        return self._ask("delete_media", "DELETE", lambda: bool(self.site.media.pop(media["id"], None)))

    def update_media(self, media_id: int, fields: Json) -> Json:
        def updated() -> Json:
            self.site.media[media_id] |= fields
            return dict(self.site.media[media_id])

        return self._ask("update_media", "POST", updated)

    def make_sizes(self, media_id: int) -> Json:
        return self._ask("make_sizes", "POST", lambda: self.site.media[media_id])

    def category(self, name: str) -> int | None:
        return self._ask("category", "GET", lambda: 1000 + len(name))

    def tag(self, name: str) -> int | None:
        return self._ask("tag", "GET", lambda: 2000 + len(name))

    def author(self, name: str) -> int | None:
        return self._ask("author", "GET", lambda: 3000 + len(name))


def _answered(post: Json) -> Json:
    text = Marked.read(post["content"])
    shown = {name: value for name, value in post.items() if name != "content"}
    return {**shown, "modified": "", "version": text.version, "found": text.found}

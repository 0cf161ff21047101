"""Which requests of a steered page leave: what its goal needs, and nothing else.

A page can hold any words, and the model reads them. So nothing hangs on what it was told: a request that is not on
these lists does not leave, whoever wanted it. Texts are known by the article's mark, which Galley alone puts in; one
post and one picture are all that a goal can send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from publishing.browser import guard
from publishing.wordpress import marks
from publishing.wordpress.answers import Login

READS = ("GET", "HEAD", "OPTIONS")
PAGES = (  # of a dashboard, that may be opened
    "",
    "index.php",
    "edit.php",
    "post.php",
    "post-new.php",
    "upload.php",
    "media-new.php",
    "media-upload.php",
    "admin-ajax.php",
    "load-scripts.php",
    "load-styles.php",
)
LOOKS = ("", "-1", "edit", "rest-nonce", "query-attachments", "get-attachment")  # actions that change nothing
# What makes a deed of an address; of the dashboard's, each that is one bears a nonce.
DEEDS = {"_method", "_wpnonce", "_ajax_nonce", "delete_all", "delete_all2", "bulk_edit"}
# What editors ask for by themselves.
AJAX = ("heartbeat", "query-attachments", "get-attachment", "sample-permalink", "wp-remove-post-lock")
SAVES = ("editpost", "post-quickdraft-save")
UNSEEN = ("", "draft", "auto-draft", "pending")  # states of a post that no reader sees
PROGRAMS = re.compile(
    r"(?<!/wp-includes/js/tinymce)/(?!index\.php)[^/]*\.php", re.IGNORECASE
)  # outside of the dashboard
REST = re.compile(r"/wp/v2/(posts|media)(?:/(\d+)(/autosaves)?)?/?")


class Asked(NamedTuple):
    """A request of a page; headers by their names in small letters."""

    method: str
    url: str
    body: str = ""
    headers: Mapping[str, str] = {}


class Saved(NamedTuple):
    """What a request would make of a post."""

    post: str  # its id
    content: str
    stays_unseen: bool  # by readers, and it is not thrown away


@dataclass
class Fence:
    """Of one goal: `sends` is `post`, `picture` or `page`; a page that is in the way is left by a form of its own."""

    login: Login
    admin: str  # the address of the dashboard, with a slash at its end
    sends: str
    uid: str  # of the article
    post: str = field(default="", init=False)  # the id of the one that was sent
    pictures: int = field(default=0, init=False)  # how many were sent

    def lets(self, asked: Asked, page: str) -> bool:
        """Whether a request of a page at this address may leave."""
        if asked.url.startswith(("data:", "blob:", "about:")):
            return True
        if not guard.may_go(self.login, asked.url):
            return False
        words = {name: values[-1] for name, values in parse_qs(urlsplit(asked.url).query).items()}
        if words.keys() & DEEDS or any(words.get(name, "") not in LOOKS + AJAX for name in ("action", "action2")):
            return False
        override = asked.headers.get("x-http-method-override", "POST")
        if asked.method in READS:
            return self._may_open(asked.url) and override == "POST"
        if asked.method not in ("POST", "PUT") or override not in ("POST", "PUT", "PATCH"):
            return False
        return self._may_send(asked, words, page)

    def _may_open(self, url: str) -> bool:
        name = self._in_dashboard(url)
        if name is None:
            return not PROGRAMS.search(urlsplit(url).path)
        is_asset = name.startswith(("css/", "js/", "images/"))
        return is_asset or name in PAGES or (self.sends == "page" and name == "admin.php")

    def _in_dashboard(self, url: str) -> str | None:
        """What of the dashboard is at an address; None for what lies elsewhere."""
        path, admin = urlsplit(url).path, urlsplit(self.admin).path
        return path[len(admin) :] if path.startswith(admin) else None

    def _may_send(self, asked: Asked, words: Mapping[str, str], page: str) -> bool:
        name = self._in_dashboard(asked.url)
        if name == "admin-ajax.php":
            said = _form(asked.body)
            return said.get("action", words.get("action")) in AJAX and "wp_autosave" not in asked.body
        rest = REST.fullmatch(words.get("rest_route") or _route(asked.url))
        if self.sends == "picture":
            return self._may_upload(name in ("async-upload.php", "media-new.php") or bool(rest and _is_new(rest)))
        if self.sends == "post":
            if rest:
                return rest[1] == "posts" and self._is_ours(_by_rest(rest[2] or "", asked.body))
            return name == "post.php" and self._is_ours(_by_form(asked.body))
        return name is not None and _address(asked.url) == _address(page)

    def _may_upload(self, is_upload: bool) -> bool:
        self.pictures += is_upload
        return is_upload and self.pictures == 1

    def _is_ours(self, saved: Saved) -> bool:
        if not saved.post or not saved.stays_unseen or not marks.is_of(self.uid, saved.content):
            return False
        self.post = self.post or saved.post
        return saved.post == self.post

    @property
    def has_sent(self) -> bool:
        return bool(self.post or self.pictures)


def _is_new(rest: re.Match[str]) -> bool:
    return rest[1] == "media" and not rest[2]


def _route(url: str) -> str:
    return urlsplit(url).path.partition("/wp-json")[2]


def _address(url: str) -> tuple[str, str]:
    """Of a page of the dashboard: its path, and which of a plugin's pages it is."""
    parts = urlsplit(url)
    return parts.path, parse_qs(parts.query).get("page", [""])[-1]


def _form(body: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _by_form(body: str) -> Saved:
    said = _form(body)
    draft = said.get("action") in SAVES and "publish" not in said and said.get("post_status", "") in UNSEEN
    return Saved(
        said.get("post_ID", ""), said.get("content", ""), draft and said.get("visibility", "public") == "public"
    )


def _by_rest(post: str, body: str) -> Saved:
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Saved("", "", stays_unseen=False)
    said = said if isinstance(said, dict) else {}
    content = said.get("content")
    text = content if isinstance(content, str) else ""
    return Saved(post, text, "_method" not in said and said.get("status", "") in UNSEEN)

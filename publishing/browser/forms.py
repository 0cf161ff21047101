"""The old forms of a dashboard, for a site that has no REST API at all: there the block editor cannot save either.

They do the same as `publishing.wordpress.client.WordPress`, and answer in the same shapes.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from articles.providers.errors import ProviderError, Refused, Unreachable
from publishing.browser import form_pages
from publishing.browser.screens import Seen, trouble
from publishing.browser.window import Window
from publishing.wordpress import marks
from publishing.wordpress.answers import Reply, failure
from publishing.wordpress.reading import Json, as_dict, as_dicts, as_media, as_post, id_of, plain

CANDIDATES = 5  # that a search may bring and that are opened: ours is the oldest
UPLOADER, NEW = "media-new.php?browser-uploader", "post-new.php?post_type=post"
DRAFTS = ("draft", "pending", "auto-draft")


class Forms:
    """One site, one user. Not for more than one thread."""

    LACKS: ClassVar[frozenset[str]] = frozenset({"author", "date_gmt", "meta"})

    def __init__(self, window: Window, *, before: Callable[[str], None] | None = None) -> None:
        """Closes the window when it is closed; `before` as in `WordPress`."""
        self.login, self._window, self._before = window.login, window, before or (lambda _: None)
        self._tags: dict[int, str] = {}  # their names, which a form takes
        self._old = ""  # what opens the old editor of this session

    def close(self) -> None:
        self._window.close()

    def check(self) -> None:
        """Signs in. Raises Refused where that fails, or the user may not write and upload."""
        self._window.without_scripts()
        self._window.open(UPLOADER)
        self._window.open("edit.php")
        self._window.show("signed_in")

    # Posts

    def find_post(self, key: str, uid: str) -> Json | None:
        """The post of this slug, or with the mark of this article: draft, published, renamed, in the trash.

        In the trash no text can be seen: there a post that the search brings is ours only by the beginning of its slug.
        """
        for query in (f"s={quote(uid)}", f"name={quote(key)}"):
            for post in self._listed(f"post_status=all&{query}")[:CANDIDATES]:
                found = self._post(post["id"])
                if found["slug"].startswith(key) or marks.is_of(uid, found["content"]["raw"]):
                    return as_post(found)
        for query in (f"s={quote(uid)}", f"name={quote(key)}__trashed"):
            for post in self._listed(f"post_status=trash&{query}"):
                if post["slug"].startswith(key):
                    return as_post({**post, "status": "trash"})
        return None

    def create_draft(self, key: str, fields: Json) -> Json:
        return self._saved(NEW, {**fields, "slug": key})

    def update_post(self, post_id: int, fields: Json) -> Json:
        """Raises Busy while somebody else has the post open in the editor."""
        return self._saved(_address(post_id), fields)

    def trash_post(self, post: Json) -> bool:
        """Move a post into the trash if it still is as it was answered; whether that was done."""
        now = as_post(self._editing(_address(post["id"])))
        if now is None or not _told(now) <= post.items():
            return False
        self._window.submit("#delete-action a.submitdelete")
        return True

    def _listed(self, query: str) -> list[Json]:
        """The oldest first."""
        self._ready()
        self._window.open(f"edit.php?post_type=post&{query}")
        return sorted(self._window.read(form_pages.posts_of), key=lambda post: int(post["id"]))

    def _editing(self, path: str) -> Json:
        """The post in the old editor, which is open now and takes a form."""
        seen = self._in_old_editor(path)
        self._window.refuse_locked(seen)
        return self._shown()

    def _in_old_editor(self, path: str) -> Seen:
        self._ready()
        try:
            seen = self._window.open(f"{path}{self._old}")
        except Refused:
            if not self._old:
                raise
            self._old = ""  # it was of an earlier session
            seen = self._window.open(path)
        if self._window.read(form_pages.has_old_editor):
            return seen
        self._old = self._window.read(form_pages.old_editor)
        if not self._old:
            raise trouble(self.login, seen)
        return self._window.open(f"{path}{self._old}")

    def _post(self, post_id: int) -> Json:
        """A post as it is now, whoever is at it."""
        self._in_old_editor(_address(post_id))
        post = self._shown()
        self._give_back()
        return post

    def _shown(self) -> Json:
        """The post that the editor shows, in the shape of the REST API: its tags as far as they were asked for."""
        post = self._window.read(form_pages.post_of)
        ids = {name: number for number, name in self._tags.items()}
        known = [ids[name] for name in post.pop("tag_names") if name in ids]
        return {**post, "tags": known, "link": f"{self.login.home}?p={post['id']}"}

    def _saved(self, path: str, fields: Json) -> Json:
        """The post as it is afterwards. A form that was too old, or came after the session's end, has done nothing."""
        post = self._editing(path)
        try:
            self._send(post, fields)
        except Unreachable as exc:
            if exc.code not in ("form_expired", "session_over"):
                raise
            self._window.sign_in()
            post = self._editing(path)
            self._send(post, fields)
        return self._read_back(post["id"])

    def _send(self, post: Json, fields: Json) -> None:
        tags = [self._tags[tag] for tag in fields["tags"] if tag in self._tags] if "tags" in fields else None
        fill = partial(form_pages.fill_post, fields=fields, tags=tags)
        stays_draft = post["status"] in DRAFTS and fields.get("status", "draft") in DRAFTS
        self._window.send("#post", "#save-post" if stays_draft else "#publish", fill)

    def _read_back(self, post_id: int) -> Json:
        post = as_post(self._post(post_id))
        if post is None or post["status"] == "auto-draft":
            raise self._unsure("the site does not show the post that was just saved")
        self._window.show("draft")
        return post

    def _give_back(self) -> None:
        """Else people are told for minutes that we have the post open."""
        with suppress(ProviderError):
            lock = self._window.read(form_pages.lock_of)
            if lock["active_post_lock"]:
                self._asked("wp-remove-post-lock", "POST", **lock)

    # Pictures

    def find_media(self, key: str) -> Json | None:
        """The picture of this slug, or one that a person renamed: its file keeps its name."""
        found = sorted(self._media(s=key, posts_per_page="20"), key=lambda media: id_of(media) or 0)
        return next((_read(media) for media in found if key in str(media.get("url"))), None)

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        self._ready()
        self._window.open(UPLOADER)
        self._window.submit("#html-upload", partial(form_pages.choose_file, name=f"{key}.jpg", jpeg=jpeg))
        media = self.find_media(key)
        if media is None:
            raise self._unsure("the site does not show the picture that was just uploaded")
        if alt_text and not media["alt_text"]:
            media = self.update_media(media["id"], {"alt_text": alt_text})
        self._window.show("picture", media["source_url"])
        return media

    def media_there(self, ids: list[int]) -> set[int]:
        """Those of these pictures that the site has."""
        if not ids:
            return set()
        wanted = {f"post__in][{at}": str(number) for at, number in enumerate(ids)}
        return {number for media in self._media(posts_per_page="-1", **wanted) if (number := id_of(media))}

    def update_media(self, media_id: int, fields: Json) -> Json:
        changes = {"alt_text": "changes[alt]", "title": "changes[title]", "caption": "changes[caption]"}
        given = {changes[name]: str(value) for name, value in fields.items() if name in changes}
        nonce = self._nonces(media_id).get("update", "")
        self._done("save-attachment", id=str(media_id), nonce=str(nonce), **given)
        return self._taken(self._done("get-attachment", id=str(media_id)))

    def delete_media(self, media: Json) -> bool:
        """Delete a picture if it still is as it was answered; whether that was done. Pictures have no trash."""
        now = self._done("get-attachment", id=str(media["id"]))
        if not self._taken(now).items() <= media.items():
            return False
        nonce = (as_dict(now.get("nonces")) or {}).get("delete", "")
        reply = self._asked("delete-post", "POST", id=str(media["id"]), _ajax_nonce=str(nonce))
        if reply.text.strip() != "1":
            raise failure(self.login, reply)
        return True

    def make_sizes(self, media_id: int) -> Json:
        """Make the smaller versions of a picture that a crash left without them."""
        self._ready()
        self._window.open(UPLOADER)
        nonce = self._window.read(form_pages.upload_nonce)
        made = self._done("media-create-image-subsizes", attachment_id=str(media_id), _wpnonce=nonce)
        return self._taken(made)

    def _media(self, **query: str) -> list[Json]:
        conditions = {"query[orderby]": "ID", "query[order]": "ASC"}
        reply = self._asked(
            "query-attachments", "GET", **conditions, **{f"query[{name}]": query[name] for name in query}
        )
        listed = as_dicts((as_dict(reply.json) or {}).get("data"))
        if reply.status != 200 or listed is None:
            raise failure(self.login, reply)
        return listed

    def _nonces(self, media_id: int) -> Json:
        return as_dict(self._done("get-attachment", id=str(media_id)).get("nonces")) or {}

    def _taken(self, answer: Json) -> Json:
        media = _read(answer)
        if media is None:
            raise self._unsure("the site does not show a picture that it has")
        return media

    # Categories and tags

    def category(self, name: str) -> int | None:
        """The id of a category, made where it is missing. None: this user may not make one."""
        try:
            return self._term("category", name)
        except Refused as exc:
            if exc.code != "rights":
                raise
        self._editing(NEW)  # where authors choose among those that there are
        return _called(name, self._window.read(form_pages.categories_of))

    def tag(self, name: str) -> int | None:
        """The id of a tag, made where it is missing. None: this user may not make one."""
        try:
            found = self._term("post_tag", name)
        except Refused as exc:
            if exc.code != "rights":
                raise
            return None
        if found:
            self._tags[found] = name
        return found

    def author(self, name: str) -> int | None:  # noqa: ARG002  the old form shows its users only to some
        return None

    def _term(self, taxonomy: str, name: str) -> int | None:
        if (found := self._listed_term(taxonomy, name)) is None:
            self._window.submit("#addtag #submit", lambda page: page.locator("#tag-name").fill(name))
            found = self._listed_term(taxonomy, name)
        return found

    def _listed_term(self, taxonomy: str, name: str) -> int | None:
        """WordPress keeps, and searches, names with their ampersands written as HTML."""
        self._ready()
        self._window.open(f"edit-tags.php?taxonomy={taxonomy}&s={quote(html.escape(name, quote=False))}")
        return _called(name, self._window.read(form_pages.terms_of))

    # How it is asked

    def _ready(self) -> None:
        self._window.without_scripts()

    def _done(self, action: str, **data: str) -> Json:
        """What a page of the dashboard would get. Raises what an answer means that is no success."""
        reply = self._asked(action, "POST", **data)
        answer = as_dict(reply.json) or {}
        done = as_dict(answer.get("data"))
        if reply.status != 200 or not answer.get("success"):
            raise failure(self.login, reply)
        return done or {}

    def _asked(self, action: str, method: str, **data: str) -> Reply:
        """An answer of admin-ajax.php, signed in anew where the session was over; `method` says what it does."""
        reply = self._sent(action, method, data)
        if reply.status == 400 and reply.text.strip() == "0":
            self._window.sign_in()
            reply = self._sent(action, method, data)
        return reply

    def _sent(self, action: str, method: str, data: dict[str, str]) -> Reply:
        address = f"{self._window.admin}admin-ajax.php"
        self._before(method)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._window.fetch("POST", address, headers=headers, body=urlencode({"action": action, **data}))

    def _unsure(self, reason: str) -> Unreachable:
        mend = f'see whether site "{self.login.name}" opens in your browser'
        return Unreachable(self.login.provider, reason, mend=mend, code="not_shown")


def _address(post_id: int) -> str:
    return f"post.php?post={post_id}&action=edit"


def _told(post: Json) -> Any:
    """What the forms tell of a post; they say neither when it was changed nor whose it is."""
    return {name: value for name, value in post.items() if name not in ("modified", "author")}.items()


def _called(name: str, terms: list[tuple[int, str]]) -> int | None:
    return next((number for number, told in terms if plain(told).casefold() == name.casefold()), None)


def _read(media: Json) -> Json | None:
    """A picture as the media library has it, in the shape of the REST API."""
    sizes = {name: size for name, size in (as_dict(media.get("sizes")) or {}).items() if name != "full"}
    changed = media.get("modified")  # milliseconds
    at = datetime.fromtimestamp(changed / 1000, UTC) if isinstance(changed, int | float) else None
    return as_media(
        {
            "id": media.get("id"),
            "slug": media.get("name"),
            "source_url": media.get("url"),
            "alt_text": media.get("alt"),
            "media_details": {"width": media.get("width"), "sizes": sizes},
            "modified_gmt": f"{at:%Y-%m-%dT%H:%M:%S}" if at else "",
        }
    )

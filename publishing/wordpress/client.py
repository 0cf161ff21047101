"""A WordPress by its REST API, safe to run twice: whatever is created carries a key and is looked up first.

Success is a 201 whose body parses as JSON and holds an id. What was clearly refused is an error for a person; anything
else means that nobody knows, and the next attempt looks the key up before it sends again.

Reference: the REST API handbook of WordPress; behaviour of 6.1.9 and 6.5.5 as seen on real servers.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from articles.providers.errors import Refused, Rejected
from backups import redaction
from publishing.wordpress import marks
from publishing.wordpress.answers import (
    Login,
    Reply,
    Who,
    failure,
    joined,
    moved_to,
    origin_of,
    sent_on_to,
    who_answered,
)
from publishing.wordpress.doubts import from_a_cache, kept_otherwise, lacks_rights
from publishing.wordpress.line import Line
from publishing.wordpress.reading import Json, as_dict, as_dicts, as_media, as_post, author_of, id_of, plain, token_of
from publishing.wordpress.transport import Transport

NO_HEAD = (400, 403, 405, 501)  # of servers that take no HEAD
API_REL = "https://api.w.org/"
POST_FIELDS = (
    "id,slug,status,title,featured_media,categories,tags,excerpt,comment_status,author,content,modified_gmt,"
    "date_gmt,link"
)
MEDIA_FIELDS = "id,slug,source_url,alt_text,media_details,modified_gmt"
HIDDEN = "rest_no_route"  # the code of what a plugin has taken out of the API, such as the users
T = TypeVar("T")


class WordPress:
    """One site, one user, by REST: a `publishing.channel.Channel`."""

    LACKS: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        login: Login,
        *,
        allow_private: bool,
        before: Callable[[str], None] | None = None,
        transport: Transport | None = None,
    ) -> None:
        """`before` is called with the method of each request that is about to leave; what it raises holds it back."""
        self.login = login
        self._line = Line(login, allow_private=allow_private, before=before, transport=transport)
        self._headers = self._line.headers
        self._headers["Accept"] = "application/json"  # a fatal error of PHP answers HTML otherwise
        self._root = self._slash = ""  # the API's address; what its addresses end with where the site insists
        if login.kind == "app-password":
            pair = base64.b64encode(f"{login.user}:{login.secret}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"

    def close(self) -> None:
        self._line.close()

    # What the stage asks for

    def check(self) -> None:
        """Raises Refused when the user cannot sign in, or may not write and upload."""
        try:
            capabilities = self.me().get("capabilities")
        except (Refused, Rejected) as exc:
            if exc.code != HIDDEN:
                raise
            self.posts_to_edit()  # what else the user may do shows when it is tried
            return
        check_rights(self.login, capabilities if isinstance(capabilities, dict) else {})

    def me(self) -> Json:
        """The user, with capabilities. A wrong password shows only here: public reads answer 200 all the same."""
        reply = self._send("GET", "users/me", params={"context": "edit", "_fields": "id,capabilities"})
        return self._judged(reply, 200, as_dict)

    def posts_to_edit(self) -> list[Json]:
        """A post as its editors see it: asks for a login as `me` does, of a site that hides its users."""
        return self._listed("posts", context="edit", per_page="1", _fields="id")

    def find_post(self, key: str, uid: str) -> Json | None:
        """The post of this slug, or with the mark of this article: draft, published, renamed, in the trash."""
        slugs = [key, f"{key}-2", f"{key}-3", f"{key}__trashed"]
        return self._first("posts", _named(slugs), status="any,trash", slug=",".join(slugs)) or (
            self._first("posts", _marked(uid), status="any,trash", search=uid)
        )

    def create_draft(self, key: str, fields: Json) -> Json:
        return self._write("posts", 201, json={**fields, "slug": key, "status": "draft"})

    def update_post(self, post_id: int, fields: Json) -> Json:
        return self._write(f"posts/{post_id}", 200, json=fields)

    def trash_post(self, post: Json) -> bool:
        """Move a post into the trash if it still is as it was answered; whether that was done."""
        reply = self._send("GET", f"posts/{post['id']}", params={"context": "edit", "_fields": POST_FIELDS})
        if not self._judged(reply, 200, as_post).items() <= post.items():
            return False
        self._judged(self._send("DELETE", f"posts/{post['id']}"), 200, as_dict)
        return True

    def find_media(self, key: str) -> Json | None:
        """The picture of this slug, or one that a person renamed: its file keeps its name."""
        slugs = [key, f"{key}-1", f"{key}-2"]
        return self._first("media", _named(slugs), slug=",".join(slugs)) or (
            self._first("media", lambda media: key in str(media.get("source_url")), search=f"{key}.jpg")
        )

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        headers = {"Content-Type": "image/jpeg", "Content-Disposition": f'attachment; filename="{key}.jpg"'}
        return self._write("media", 201, params={"slug": key, "alt_text": alt_text}, data=jpeg, headers=headers)

    def media_there(self, ids: list[int]) -> set[int]:
        """Those of these pictures that the site has."""
        wanted = ",".join(map(str, ids[:100]))
        listed = self._listed("media", include=wanted, per_page="100", _fields="id") if ids else []
        there = {number for item in listed if (number := id_of(item))}
        return there | (self.media_there(ids[100:]) if ids[100:] else set())

    def delete_media(self, media: Json) -> bool:
        """Delete a picture if it still is as it was answered; whether that was done. Pictures have no trash."""
        reply = self._send("GET", f"media/{media['id']}", params={"context": "edit", "_fields": MEDIA_FIELDS})
        if not self._judged(reply, 200, as_media).items() <= media.items():
            return False
        self._judged(self._send("DELETE", f"media/{media['id']}", params={"force": "true"}), 200, as_dict)
        return True

    def update_media(self, media_id: int, fields: Json) -> Json:
        return self._write(f"media/{media_id}", 200, json=fields)

    def make_sizes(self, media_id: int) -> Json:
        """Make the smaller versions of a picture that a crash left without them."""
        return self._write(f"media/{media_id}/post-process", 200, json={"action": "create-image-subsizes"})

    def category(self, name: str) -> int | None:
        """The id of a category, made where it is missing. None: this user may not make one."""
        return self._term("categories", name)

    def tag(self, name: str) -> int | None:
        """The same for a tag."""
        return self._term("tags", name)

    def author(self, name: str) -> int | None:
        """The id of a user who writes there, by name or login. None: there is none, or this user may not see it."""
        try:
            found = self._listed("users", who="authors", search=name, per_page="100", _fields="id,name,slug")
        except (Refused, Rejected):  # hidden, or not for this user to see
            return None
        return id_of(author_of(found, name, known_as=("name", "slug")))

    def _term(self, path: str, name: str) -> int | None:
        for term in self._listed(path, search=name, per_page="100", _fields="id,name"):
            if plain(term.get("name")).casefold() == name.casefold() and id_of(term):
                return id_of(term)
        reply = self._send("POST", path, json={"name": name})
        if reply.status == 400 and reply.code == "term_exists":  # the search does not see names with an ampersand
            return id_of(reply.json.get("data"), "term_id")
        if reply.status == 403 and reply.code.startswith("rest_"):
            return None
        return id_of(self._judged(reply, 201, lambda term: term if id_of(term) else None))

    def ask(self, method: str, route: str, **request: Any) -> Any:
        """Another route of the API, such as a plugin's: `seopress/v1/posts`; "" for the list of all. Its JSON."""
        return self._judged(self._signed(method, route, **request), 200, lambda answer: answer)

    # How it is asked

    def _first(self, path: str, ours: Callable[[Json], bool], **params: str) -> Json | None:
        """The oldest item that is ours by a second look: a site may leave out the condition, or search freely."""
        fields, read = KINDS[path]
        listed = self._listed(path, **{"context": "edit", "orderby": "id", "order": "asc", "_fields": fields, **params})
        return next(filter(None, (read(item) for item in listed if ours(item))), None)

    def _listed(self, path: str, **params: str) -> list[Json]:
        """What the site has now: only a list without anything in it means that there is nothing.

        What a cache has kept says nothing of now. So each question is one that nobody has asked before, and an answer
        that bears the marks of a cache all the same is none. Raises Unreachable for such a one.
        """
        reply = self._send("GET", path, params={**params, "_galley": secrets.token_hex(8)})
        if who_answered(reply) is Who.CACHE:
            raise from_a_cache(self.login, "its REST API (/wp-json/)")
        return self._judged(reply, 200, as_dicts)

    def _write(self, path: str, success: int, *, params: dict[str, str] | None = None, **request: Any) -> Json:
        """The post or the picture as it is afterwards. Raises Rejected where the site has made something else of it."""
        fields, read = KINDS[path.partition("/")[0]]
        reply = self._send("POST", path, params={"_fields": fields, **(params or {})}, **request)
        written = self._judged(reply, success, read)
        if otherwise := kept_otherwise(self.login, request.get("json", {}), as_dict(reply.json) or {}, reply.text):
            raise otherwise
        return written

    def _judged(self, reply: Reply, success: int, read: Callable[[Any], T | None]) -> T:
        answer = read(reply.json) if reply.status == success else None
        if answer is None:
            raise failure(self.login, reply)
        return answer

    def _send(self, method: str, path: str, **request: Any) -> Reply:
        return self._signed(method, f"wp/v2/{path}", **request)

    def _signed(self, method: str, route: str, **request: Any) -> Reply:
        """One request, repeated once when only the token had run out: that answer comes before any work is done."""
        if self.login.kind == "jwt" and "Authorization" not in self._headers:
            self._sign_in()
        reply = self._asked(method, route, **request)
        if self.login.kind == "jwt" and reply.code == "jwt_auth_invalid_token":
            self._sign_in()
            reply = self._asked(method, route, **request)
        return reply

    def _asked(self, method: str, route: str, **request: Any) -> Reply:
        """One request to the API. A site that spells the address of the same route otherwise sends it on before any
        work is done: it goes there, and so does all that follows.
        """
        reply = self._line.ask(method, f"{self._api()}{route}{self._slash}", **request)
        if route and self._learned(route, sent_on_to(self.login, reply)):
            reply = self._line.ask(method, f"{self._api()}{route}{self._slash}", **request)
        return reply

    def _learned(self, route: str, target: str) -> bool:
        before, found, after = urlsplit(target).path.partition(route)
        root = urlsplit(self.login.home)._replace(path=before).geturl()
        if not found or after not in ("", "/") or (root, after) == (self._root, self._slash):
            return False
        self._root, self._slash = root, after
        return True

    def _sign_in(self) -> None:
        self._headers.pop("Authorization", None)
        credentials = {"username": self.login.user, "password": self.login.secret}
        reply = self._asked("POST", "jwt-auth/v1/token", json=credentials)
        token = self._judged(reply, 200, token_of)
        redaction.know(token)
        self._headers["Authorization"] = f"Bearer {token}"  # the plugin knows no other spelling

    def _api(self) -> str:
        """Where the API is: its Link header says so, also for a site without pretty permalinks."""
        if not self._root:
            home = self.login.home
            reply = self._line.ask("HEAD", home)
            if reply.status in NO_HEAD:
                reply = self._line.ask("GET", home)
            if moved_to(self.login, reply):
                raise failure(self.login, reply)
            link = reply.links.get(API_REL, {}).get("url", "")
            said = joined(home, link) if link else ""
            if origin_of(said) != origin_of(home) or said == home:
                said = self._tried()  # a login is sent there: only to the very site that was named
            _, _, path, query, _ = urlsplit(said)
            self._root = urlsplit(home)._replace(path=path, query=query).geturl().rstrip("/") + "/"
        return self._root

    def _tried(self) -> str:
        """Where the API answers of a site whose Link header is taken away; the usual place where it answers nowhere."""
        usual, always = (f"{self.login.home}{place}" for place in ("wp-json/", "?rest_route=/"))
        if _is_index(self._line.ask("GET", usual)):
            return usual
        return always if _is_index(self._line.ask("GET", always)) else usual


def check_rights(login: Login, able: Json) -> None:
    """Raises Refused where the user lacks what publishing needs, by names and values of WordPress's capabilities."""
    needed = {"edit_posts": "write", "upload_files": "upload pictures"}
    if lacking := [words for name, words in needed.items() if not able.get(name)]:
        raise lacks_rights(login, lacking)


def _is_index(reply: Reply) -> bool:
    """Whether it is the list of all routes, or an error that WordPress itself gives in its place."""
    return "namespaces" in (as_dict(reply.json) or {}) or reply.code.startswith(("rest_", "jwt_auth"))


KINDS = {"posts": (POST_FIELDS, as_post), "media": (MEDIA_FIELDS, as_media)}


def _named(slugs: list[str]) -> Callable[[Json], bool]:
    return lambda item: item.get("slug") in slugs


def _marked(uid: str) -> Callable[[Json], bool]:
    return lambda post: marks.is_of(uid, str((as_dict(post.get("content")) or {}).get("raw")))

"""A WordPress by XML-RPC, with the methods and answers of the client of its REST API: either may be driven alike.

Name and password are in the body of each request, so they arrive where a web server drops the Authorization header.
What is created carries a key or a mark, as there, and is looked up first.

Reference: wp-includes/class-wp-xmlrpc-server.php; behaviour of 6.1.9 as seen on a real server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from articles.providers.errors import Refused, Rejected
from publishing.wordpress import marks
from publishing.wordpress.answers import Login, Reply, failure, is_from_a_cache, joined, origin_of, sent_on_to
from publishing.wordpress.doubts import from_a_cache, kept_otherwise, lacks_rights
from publishing.wordpress.line import Line
from publishing.wordpress.reading import Json, as_dict, as_dicts, as_media, as_post, author_of, plain
from publishing.wordpress.transport import Transport
from publishing.xmlrpc import terms, values
from publishing.xmlrpc.faults import DOOR, NAMING, NOT_THERE, Spoken
from publishing.xmlrpc.values import Value

BLOG = 1  # which WordPress does not read
FOUND = 10  # posts that a search is believed to need
LATEST = 200  # posts and pictures that are looked through for one that a search does not find
LIGHT: list[Value] = ["post_name", "guid"]
_EDIT_URI = re.compile(
    r"<link\b[^>]{0,200}\brel=[\"']EditURI[\"'][^>]{0,200}\bhref=[\"']([^\"'<>]{1,500})", re.IGNORECASE
)
READING, WRITING = "GET", "POST"  # as which a request counts; each is a POST
T = TypeVar("T")


class XmlRpc:
    """One site, one user. Not for more than one thread."""

    # What a site cannot be told this way: the alternative text of pictures, and to make their smaller versions anew.
    LACKS: ClassVar[frozenset[str]] = frozenset({"alt_text", "sizes"})

    def __init__(
        self,
        login: Login,
        *,
        allow_private: bool,
        before: Callable[[str], None] | None = None,
        transport: Transport | None = None,
    ) -> None:
        """`before` is called before each request, with "GET" where it only reads; what it raises holds it back."""
        self.login = login
        self._line = Line(login, allow_private=allow_private, before=before, transport=transport)
        self._line.headers["Content-Type"] = "text/xml; charset=UTF-8"
        self._url = f"{login.home}xmlrpc.php"
        self._now = datetime.now(UTC)  # by the clock of the site, once it has answered

    def close(self) -> None:
        self._line.close()

    # What the stage asks for

    def check(self) -> None:
        """Raises Refused when the user cannot sign in, or may not write and upload."""
        needed = {"write": "wp.getPosts", "upload pictures": "wp.getMediaLibrary"}
        if lacking := [word for word, method in needed.items() if not self._may(method)]:
            raise lacks_rights(self.login, lacking)

    def find_post(self, key: str, uid: str) -> Json | None:
        """The post with the mark of this article, or of this slug: draft, published, renamed by a person, in the trash.

        There is no search for a slug. Who takes the mark out of a post changes it, so it is among the latest.
        """
        slugs = [key, f"{key}-2", f"{key}-3", f"{key}__trashed"]
        among: dict[str, Value] = {"post_type": "post", "post_status": ["any", "trash"]}
        marked = [
            post
            for post in self._searched(uid, among, list(terms.READ))
            if marks.is_of(uid, str(post.get("post_content")))  # a site may leave out the condition, or search freely
        ]
        if marked:
            return as_post(self._told(min(marked, key=lambda post: post.get("post_name") not in slugs)))
        named = next((post for post in self._latest(among) if post.get("post_name") in slugs), None)
        return self._post(terms.number(named.get("post_id"))) if named else None

    def create_draft(self, key: str, fields: Json) -> Json:
        sent = {**fields, "slug": key, "status": "draft"}
        return self._kept(sent, self._made("wp.newPost", {"post_type": "post", **terms.written(sent)}))

    def update_post(self, post_id: int, fields: Json) -> Json:
        there = terms.custom_fields(self._struct(post_id, ["custom_fields"])) if fields.get("meta") else []
        self._do("wp.editPost", post_id, terms.written(fields, there))
        return self._kept(fields, post_id)

    def trash_post(self, post: Json) -> bool:
        """Move a post into the trash if it still is as it was answered; whether that was done."""
        now = self._post(post["id"])
        if not now.items() <= post.items():
            return False
        if now["status"] != "trash":  # from there it would go for good
            self._do("wp.deletePost", post["id"])
        return True

    def find_media(self, key: str) -> Json | None:
        """The picture of this file, or of this slug: both stay where a person gives it another title."""
        slugs = [name for number in ("", "-1", "-2") for name in (f"{key}{number}", f"{key}-jpg{number}")]
        among: dict[str, Value] = {"post_type": "attachment", "post_status": "inherit"}

        def is_ours(row: Json) -> bool:
            return row.get("post_name") in slugs or key in str(row.get("guid"))

        found = next(filter(is_ours, self._searched(key, among, LIGHT)), None)
        found = found or next(filter(is_ours, self._latest(among)), None)
        return self._media(terms.number(found.get("post_id"))) if found else None

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:  # noqa: ARG002  as XML-RPC has no word for it
        file: Value = {"name": f"{key}.jpg", "type": "image/jpeg", "bits": jpeg}
        return self._picture(self._call("wp.uploadFile", file, counts_as=WRITING, read=_as_item))

    def media_there(self, ids: list[int]) -> set[int]:
        """Those of these pictures that the site has."""
        return {number for number in ids if self._is_there(number)}

    def delete_media(self, media: Json) -> bool:
        """Delete a picture if it still is as it was answered; whether that was done. Pictures have no trash."""
        now = self._media(media["id"])
        if any(now[name] != media[name] for name in now.keys() - self.LACKS):
            return False
        self._do("wp.deletePost", media["id"])
        return True

    def update_media(self, media_id: int, fields: Json) -> Json:
        if struct := terms.written(fields):
            self._do("wp.editPost", media_id, struct)
        return self._media(media_id, counts_as=WRITING)

    def make_sizes(self, media_id: int) -> Json:
        """The picture as it is: WordPress makes its smaller versions with the upload, and never again this way."""
        return self._media(media_id)

    def category(self, name: str) -> int | None:
        """The id of a category, made where it is missing. None: this user may not make one."""
        return self._term("category", name)

    def tag(self, name: str) -> int | None:
        """The same of a tag."""
        return self._term("post_tag", name)

    def author(self, name: str) -> int | None:
        """The id of a user who writes there, by name or login. None: there is none, or this user may not see it."""
        try:
            people = self._call("wp.getAuthors", read=as_dicts)
        except (Refused, Rejected):  # hidden, or not for this user to see
            return None
        found = author_of(people, name, known_as=("display_name", "user_login"))
        return terms.number(found.get("user_id")) or None if found else None

    # Posts

    def _searched(self, words: str, among: dict[str, Value], fields: list[Value]) -> list[Json]:
        """The oldest first."""
        return self._listed({**among, "s": words, "orderby": "ID", "order": "ASC", "number": FOUND}, fields)

    def _latest(self, among: dict[str, Value]) -> list[Json]:
        """Names and files of what was changed last."""
        return self._listed({**among, "orderby": "modified", "order": "DESC", "number": LATEST}, LIGHT)

    def _listed(self, narrowed: dict[str, Value], fields: list[Value]) -> list[Json]:
        return self._call("wp.getPosts", narrowed, fields, read=as_dicts)

    def _struct(self, post_id: int, fields: list[Value], *, counts_as: str = READING) -> Json:
        return self._call("wp.getPost", post_id, fields, counts_as=counts_as, read=as_dict)

    def _told(self, struct: Json) -> Json:
        return terms.post(struct, self._now)

    def _post(self, post_id: int) -> Json:
        return self._call("wp.getPost", post_id, list(terms.READ), read=lambda struct: as_post(self._told(struct)))

    def _made(self, method: str, struct: dict[str, Value]) -> int:
        return self._call(method, struct, counts_as=WRITING, read=lambda answer: terms.number(answer) or None)

    def _kept(self, sent: Json, post_id: int) -> Json:
        """The post that was just written. Raises Rejected where the site has made something else of it."""
        struct = self._struct(post_id, list(terms.READ), counts_as=WRITING)
        told = self._told(struct)
        if otherwise := kept_otherwise(self.login, sent, told, str(struct)):
            raise otherwise
        return as_post(told) or {}

    # Pictures

    def _is_there(self, media_id: int) -> bool:
        try:
            return bool(self._call("wp.getMediaItem", media_id, read=_as_item))
        except Rejected as exc:
            if exc.code == NOT_THERE:
                return False
            raise

    def _media(self, media_id: int, *, counts_as: str = READING) -> Json:
        return self._picture(self._call("wp.getMediaItem", media_id, counts_as=counts_as, read=_as_item), counts_as)

    def _picture(self, item: Json, counts_as: str = WRITING) -> Json:
        """With the row that it has as a post: what XML-RPC says of a picture lacks its slug."""
        fields: list[Value] = ["post_name", "post_modified_gmt"]
        return self._call(
            "wp.getPost",
            terms.number(item.get("attachment_id")),
            fields,
            counts_as=counts_as,
            read=lambda row: as_media(terms.media(item, row)),
        )

    # Categories and tags

    def _term(self, taxonomy: str, name: str) -> int | None:
        if known := self._known_term(taxonomy, name):
            return known
        try:
            return self._made("wp.newTerm", {"taxonomy": taxonomy, "name": name})
        except Refused as exc:
            if exc.code == "rights":
                return None
            raise
        except Rejected:
            if known := self._known_term(taxonomy, name):  # another worker has made it meanwhile
                return known
            raise

    def _known_term(self, taxonomy: str, name: str) -> int:
        wanted = plain(name)
        searched = wanted.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # as names are stored
        found = self._call("wp.getTerms", taxonomy, {"search": searched}, read=as_dicts)
        same = (term for term in found if plain(term.get("name")).casefold() == wanted.casefold())
        return next(filter(None, (terms.number(term.get("term_id")) for term in same)), 0)

    # How it is asked

    def _may(self, method: str) -> bool:
        try:
            self._call(method, {"number": 1}, ["post_id"], read=as_dicts)
        except Refused as exc:
            if exc.code == "rights":
                return False
            raise
        return True

    def _do(self, method: str, *params: Value) -> None:
        self._call(method, *params, counts_as=WRITING, read=lambda answer: answer is True or None)

    def _call(
        self,
        method: str,
        *params: Value,
        read: Callable[[Any], T | None],
        counts_as: str = READING,
    ) -> T:
        """What the site answers, as `read` sees it. Raises ProviderError for all that is no answer."""
        body = values.call(method, BLOG, self.login.user, self.login.secret, *params)
        reply = Spoken.of(self._sent(body, counts_as), method)
        if is_from_a_cache(reply) and reply.status == 200:
            raise from_a_cache(self.login, "XML-RPC (/xmlrpc.php)")
        said = read(reply.value) if reply.status == 200 else None
        if said is not None:
            return said
        error = failure(self.login, reply, DOOR)
        if error.code == "login" and method in NAMING:
            self._may("wp.getPosts")  # raises the same where it is about the login
            error = failure(self.login, reply.about_what_it_names(), DOOR)
        raise error

    def _sent(self, body: bytearray, counts_as: str) -> Reply:
        reply = self._line.ask("POST", self._url, counts_as=counts_as, data=body)
        if (elsewhere := self._elsewhere(reply)) and elsewhere != self._url:
            self._url = elsewhere
            reply = self._line.ask("POST", self._url, counts_as=counts_as, data=body)
        try:
            self._now = parsedate_to_datetime(reply.headers.get("Date", "")).astimezone(UTC)
        except (ValueError, OverflowError):
            self._now = datetime.now(UTC)
        return reply

    def _elsewhere(self, reply: Reply) -> str:
        """Another address within the site: where a request is sent on to, or what the front page names.

        Only the path is taken, so that the password goes to the very site that was named.
        """
        target = sent_on_to(self.login, reply)
        if reply.status == 404 and self._url == f"{self.login.home}xmlrpc.php":
            front = self._line.ask("GET", self.login.home)
            found = _EDIT_URI.search(front.text)
            target = joined(self.login.home, found[1]) if found else ""
        path = urlsplit(target).path if origin_of(target) == origin_of(self.login.home) else ""
        return urlsplit(self.login.home)._replace(path=path).geturl() if path.endswith("/xmlrpc.php") else ""


def _as_item(answer: Any) -> Json | None:
    """A picture as XML-RPC tells it."""
    return answer if isinstance(answer, dict) and terms.number(answer.get("attachment_id")) else None

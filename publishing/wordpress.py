"""A WordPress by its REST API, safe to run twice: whatever is created carries a key and is looked up first.

Success is a 201 whose body parses as JSON and holds an id. What was clearly refused is an error for a person; anything
else means that nobody knows, and the next attempt looks the key up before it sends again.

Reference: the REST API handbook of WordPress; behaviour of 6.1.9 and 6.5.5 as seen on real servers.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

import orjson
from requests.auth import HTTPBasicAuth

from articles.providers import web
from articles.providers.errors import Busy, ProviderError, Refused, Rejected, Unreachable

ANSWER_BYTES = 16 * 1024 * 1024
GRACE_SECONDS = 10  # how much longer than the site may work its answer may be on the way
API_REL = "https://api.w.org/"
POST_FIELDS = "id,slug,status,featured_media,categories"
MEDIA_FIELDS = "id,slug,source_url,alt_text,media_details"
Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Login:
    """How to sign in at which site. `provider` is its id in the ledger, "wordpress:3", `name` what people call it.

    `time_limit` in seconds, for one request there.
    """

    provider: str
    name: str
    url: str
    user: str
    secret: str = field(repr=False)
    kind: Literal["app-password", "jwt"]
    time_limit: float

    @property
    def home(self) -> str:
        return self.url.rstrip("/") + "/"

    def black_out(self, text: str) -> str:
        """Without the password, for a site that repeats in its answer what it was sent."""
        basic = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        for secret in filter(None, (self.secret, self.secret.replace(" ", ""), basic)):
            quoted = json.dumps(secret)[1:-1]
            for form in (secret, quoted, quoted.replace("/", r"\/"), orjson.dumps(secret).decode()[1:-1]):
                text = text.replace(form, "…")
        return re.sub(r"\b(Basic|Bearer) [\w.~+/=-]+", r"\1 …", text).replace("\x00", "")


@dataclass(frozen=True)
class Reply:
    """What came back, whatever it is. Links by their relation."""

    status: int
    headers: Mapping[str, str]
    links: Mapping[str, Mapping[str, str]]
    text: str

    @cached_property
    def json(self) -> Any:
        """None for what is no JSON."""
        try:
            return orjson.loads(self.text)
        except orjson.JSONDecodeError:
            return None

    @property
    def code(self) -> str:
        """WordPress's own name for an error."""
        code = self.json.get("code") if isinstance(self.json, dict) else None
        return code if isinstance(code, str) else ""


class WordPress:
    """One site, one user. Not for more than one thread."""

    def __init__(self, login: Login, *, allow_private: bool) -> None:
        self.login = login
        self._http = web.session(allow_private=allow_private)
        self._http.headers["Accept"] = "application/json"  # a fatal error of PHP answers HTML otherwise
        self._http.headers["Cache-Control"] = "no-cache"  # a stale look-up would let something be sent twice
        self._timeout = (web.CONNECT_SECONDS, login.time_limit + GRACE_SECONDS)
        self._root = ""
        if login.kind == "app-password":
            self._http.auth = HTTPBasicAuth(login.user.encode(), login.secret.encode())

    def close(self) -> None:
        self._http.close()

    # What the stage asks for

    def me(self) -> Json:
        """The user, with capabilities. A wrong password shows only here: public reads answer 200 all the same."""
        reply = self._send("GET", "users/me", params={"context": "edit", "_fields": "id,capabilities"})
        return self._judged(reply, 200, _dict)

    def find_post(self, key: str, mark: str) -> Json | None:
        """The post of this slug, or with this mark in its text: draft, published, renamed by a person, in the trash."""
        slugs = [key, f"{key}-2", f"{key}-3", f"{key}__trashed"]
        return self._first("posts", _named(slugs), status="any,trash", slug=",".join(slugs)) or (
            self._first("posts", _holding(mark), status="any,trash", search=mark, _fields=f"{POST_FIELDS},content")
        )

    def create_draft(self, key: str, fields: Json) -> Json:
        return self._write("posts", 201, json={**fields, "slug": key, "status": "draft"})

    def update_post(self, post_id: int, fields: Json) -> Json:
        return self._write(f"posts/{post_id}", 200, json=fields)

    def find_media(self, key: str) -> Json | None:
        """The picture of this slug, or one that a person renamed: its file keeps its name."""
        slugs = [key, f"{key}-1", f"{key}-2"]
        return self._first("media", _named(slugs), slug=",".join(slugs)) or (
            self._first("media", lambda media: key in str(media.get("source_url")), search=f"{key}.jpg")
        )

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        headers = {"Content-Type": "image/jpeg", "Content-Disposition": f'attachment; filename="{key}.jpg"'}
        return self._write("media", 201, params={"slug": key, "alt_text": alt_text}, data=jpeg, headers=headers)

    def update_media(self, media_id: int, fields: Json) -> Json:
        return self._write(f"media/{media_id}", 200, json=fields)

    def make_sizes(self, media_id: int) -> Json:
        """Make the smaller versions of a picture that a crash left without them."""
        return self._write(f"media/{media_id}/post-process", 200, json={"action": "create-image-subsizes"})

    def category(self, name: str) -> int | None:
        """The id of a category, made where it is missing. None: this user may not make one."""
        for term in self._listed("categories", search=name, per_page="100", _fields="id,name"):
            if _plain(term.get("name")).casefold() == name.casefold() and _id(term):
                return _id(term)
        reply = self._send("POST", "categories", json={"name": name})
        if reply.status == 400 and reply.code == "term_exists":  # the search does not see names with an ampersand
            return _id(reply.json.get("data"), "term_id")
        if reply.status == 403 and reply.code.startswith("rest_"):
            return None
        return _id(self._judged(reply, 201, lambda term: term if _id(term) else None))

    # How it is asked

    def _first(self, path: str, ours: Callable[[Json], bool], **params: str) -> Json | None:
        """The oldest item that is ours by a second look: a site may leave out the condition, or search freely."""
        fields, read = KINDS[path]
        listed = self._listed(path, **{"context": "edit", "orderby": "id", "order": "asc", "_fields": fields, **params})
        return next(filter(None, (read(item) for item in listed if ours(item))), None)

    def _listed(self, path: str, **params: str) -> list[Json]:
        """Only a list without anything in it means that there is nothing."""
        return self._judged(self._send("GET", path, params=params), 200, _dicts)

    def _write(self, path: str, success: int, *, params: dict[str, str] | None = None, **request: Any) -> Json:
        """The post or the picture as it is afterwards."""
        fields, read = KINDS[path.partition("/")[0]]
        reply = self._send("POST", path, params={"_fields": fields, **(params or {})}, **request)
        return self._judged(reply, success, read)

    def _judged(self, reply: Reply, success: int, read: Callable[[Any], T | None]) -> T:
        answer = read(reply.json) if reply.status == success else None
        if answer is None:
            raise failure(self.login, reply)
        return answer

    def _send(self, method: str, path: str, **request: Any) -> Reply:
        """One request, repeated once when only the token had run out: that answer comes before any work is done."""
        if self.login.kind == "jwt" and "Authorization" not in self._http.headers:
            self._sign_in()
        reply = self._request(method, f"{self._api()}wp/v2/{path}", **request)
        if self.login.kind == "jwt" and reply.code == "jwt_auth_invalid_token":
            self._sign_in()
            reply = self._request(method, f"{self._api()}wp/v2/{path}", **request)
        return reply

    def _request(self, method: str, url: str, **request: Any) -> Reply:
        options: Json = {"timeout": self._timeout, "allow_redirects": False, "stream": True}
        try:
            with (
                web.speaking_to(self.login.provider),
                self._http.request(method, url, **options, **request) as response,
            ):
                body = web.body_within(response, ANSWER_BYTES, self.login.provider)
        except Unreachable as exc:
            exc.mend = f'see whether site "{self.login.name}" opens in your browser'
            raise
        return Reply(response.status_code, response.headers, response.links, body.decode("utf-8-sig", "replace"))

    def _sign_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        credentials = {"username": self.login.user, "password": self.login.secret}
        reply = self._request("POST", f"{self._api()}jwt-auth/v1/token", json=credentials)
        token = self._judged(reply, 200, _token)
        self._http.headers["Authorization"] = f"Bearer {token}"  # the plugin knows no other spelling

    def _api(self) -> str:
        """Where the API is: its Link header says so, also for a site without pretty permalinks."""
        if not self._root:
            home = self.login.home
            reply = self._request("HEAD", home)
            if _moved_to(self.login, reply):
                raise failure(self.login, reply)
            link = reply.links.get(API_REL, {}).get("url", "wp-json/")
            said = _joined(home, link)
            if _origin(said) != _origin(home) or said == home:
                said = f"{home}wp-json/"  # a login is sent there: only to the very site that was named
            _, _, path, query, _ = urlsplit(said)
            self._root = urlsplit(home)._replace(path=path, query=query).geturl().rstrip("/") + "/"
        return self._root


# What an answer says. Only what is used is taken, each in the type and length that is expected: it becomes a row.


def _dict(answer: Any) -> Json | None:
    return answer if isinstance(answer, dict) else None


def _dicts(answer: Any) -> list[Json] | None:
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else None


def _post(answer: Any) -> Json | None:
    if not _id(answer):
        return None
    categories = answer.get("categories")
    return {
        "id": _id(answer),
        "slug": _text(answer, "slug", 200),
        "status": _text(answer, "status", 20),
        "featured_media": _id(answer, "featured_media") or 0,
        "categories": [each for each in categories[:100] if type(each) is int] if isinstance(categories, list) else [],
    }


def _media(answer: Any) -> Json | None:
    if not _id(answer):
        return None
    details = _dict(answer.get("media_details")) or {}
    return {
        "id": _id(answer),
        "slug": _text(answer, "slug", 200),
        "source_url": _text(answer, "source_url", 1000),
        "alt_text": _text(answer, "alt_text", 1000),
        "width": _id(details, "width") or 0,
        "has_sizes": bool(details.get("sizes")),
    }


def _id(answer: Any, name: str = "id") -> int | None:
    number = answer.get(name) if isinstance(answer, dict) else None
    return number if type(number) is int and 0 < number < 2**63 else None


def _text(answer: Json, name: str, most: int) -> str:
    value = answer.get(name)
    return value[:most].replace("\x00", "") if isinstance(value, str) else ""


def _token(answer: Any) -> str | None:
    token = answer.get("token") if isinstance(answer, dict) else None
    return token if isinstance(token, str) and re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,8000}", token) else None


KINDS = {"posts": (POST_FIELDS, _post), "media": (MEDIA_FIELDS, _media)}


def _named(slugs: list[str]) -> Callable[[Json], bool]:
    return lambda item: item.get("slug") in slugs


def _holding(mark: str) -> Callable[[Json], bool]:
    return lambda post: mark in str((_dict(post.get("content")) or {}).get("raw"))


def _plain(value: Any) -> str:
    """Words on one line, without tags or what a terminal would obey."""
    words = html.unescape(re.sub(r"<[^>]*>", "", value)) if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def _origin(url: str) -> str:
    """`https://magazine.example.org`, empty for what is no such address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    if usual is None or not re.fullmatch(r"[\w.:-]{1,253}", host):
        return ""
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def _moved_to(login: Login, reply: Reply) -> str:
    """The other site that a redirect leads to."""
    if not 300 <= reply.status < 400 or "Location" not in reply.headers:
        return ""
    origin = _origin(_joined(login.home, reply.headers["Location"])) or "unknown"
    return origin if origin != _origin(login.home) else ""


# What an answer means that is no success


class Meaning(NamedTuple):
    """Of an answer that is no success: what to raise, why, and what a person mends before Recover is pressed."""

    pattern: str  # of "kind of login, status, code"
    error: type[ProviderError]
    reason: str
    mend: str = ""


NOT_ACCEPTED = 'the site did not accept the {secret} of user "{user}"'
NO_API = "there is no WordPress at this address, or its REST API is switched off"
MEANINGS = [  # the first that fits
    Meaning(
        r"jwt (401 rest_|\d+ jwt_auth_no_auth_header)",
        Refused,
        "the site did not see the login: its web server drops the Authorization header",
        "ask who runs {site} to let the Authorization header through",
    ),
    Meaning(
        r"\S+ \d+ application_passwords_disabled",
        Refused,
        'application passwords are switched off there, or for user "{user}"',
        "ask who runs {site} to switch application passwords on",
    ),
    Meaning(
        r"\S+ (401|\d+ .*(incorrect_password|invalid_username|invalid_email))",
        Refused,
        NOT_ACCEPTED,
        "check the password of {site}",
    ),
    Meaning(
        r"jwt 404 rest_no_route",
        Refused,
        "the JWT plugin of the site is not switched on",
        "ask who runs {site} to switch it on, or use an application password",
    ),
    Meaning(
        r"\S+ \d+ jwt_auth_bad_config",
        Refused,
        "the JWT plugin of the site is not set up",
        "ask who runs {site} to set JWT_AUTH_SECRET_KEY",
    ),
    Meaning(
        r"\S+ \d+ jwt_auth",
        Refused,
        'the site did not accept the login that it had given to user "{user}" itself',
        "ask who runs {site} to look at the settings of its JWT plugin",
    ),
    Meaning(
        r"\S+ 403 rest_",
        Refused,
        'user "{user}" has not the right to do this there',
        'give user "{user}" the role Author or Editor on {site}',
    ),
    Meaning(
        r"\S+ 403",
        Refused,
        "something in front of the site, such as a firewall, turned Galley away",
        "ask who runs {site} to let Galley in",
    ),
    Meaning(
        r"\S+ 3\d\d moved",
        Rejected,
        "the site has moved to another address",
        "write the new address ({moved}) into {site}",
    ),
    Meaning(
        r"\S+ (3\d\d|404 (rest_no_route)?$)",
        Rejected,
        NO_API,
        "check the address of {site}, or ask who runs it to switch the REST API on",
    ),
    Meaning(
        r"\S+ \d+ no_folder",
        Unreachable,
        "the site could not put the file into its media folder",
        "ask who runs {site} whether that folder can be written",
    ),
    Meaning(
        r"\S+ \d+ rest_upload_sideload_error",
        Rejected,
        "the site does not take files of this type",
        "ask who runs {site} to allow JPEG uploads",
    ),
    Meaning(
        r"\S+ 413", Rejected, "the file is larger than the site takes", "ask who runs {site} to raise its upload limit"
    ),
    Meaning(r"\S+ 412", Unreachable, "the file arrived damaged"),
    Meaning(r"\S+ 429", Busy, "the site has had too many requests", "ask who runs {site} to let Galley send more"),
    Meaning(r"\S+ 503 wp_die", Unreachable, "the site is down for maintenance", "ask who runs {site} when it is back"),
    Meaning(r"\S+ 503", Unreachable, "the site is down for a while", "ask who runs {site} when it is back"),
    Meaning(
        r"\S+ (408|502|504|52\d)",
        Unreachable,
        "the site took too long, and its answer was lost ({status})",
        "ask who runs {site} why it is so slow",
    ),
    Meaning(
        r"\S+ 5",
        Unreachable,
        "the site failed with an error of its own ({status})",
        "ask who runs {site} to look into its error log",
    ),
    Meaning(r"\S+ 400 empty_content", Rejected, "the site sees no text in the article", "look at the formatted page"),
    Meaning(
        r"\S+ 4",
        Rejected,
        "the site did not accept the request ({said})",
        "show the answer below to who runs {site}",
    ),
    Meaning(
        r"\S+ \d+ nothing",
        Unreachable,
        "the site's answer was empty",
        "ask who runs {site} to look into its error log",
    ),
    Meaning(
        r"\S+ \d+ no_json",
        Unreachable,
        "the site's answer could not be read: a plugin or an error page got in between",
        "ask who runs {site} to keep PHP warnings out of its answers",
    ),
    Meaning(
        r"", Unreachable, "the site's answer is none that WordPress gives", "show the answer below to who runs {site}"
    ),
]
OTHERWISE = (
    "If the password is right: the web server of the site may drop the Authorization header, "
    "or application passwords may be switched off there; they need https.\n\n"
)


def failure(login: Login, reply: Reply) -> ProviderError:
    """What an answer that is no success means, in plain words, and what to do about it."""
    moved = _moved_to(login, reply)
    said = _text(_dict(reply.json) or {}, "message", 2000)
    code = "moved" if moved else reply.code or ("" if reply.status >= 300 else _flaw(reply))
    if code == "rest_upload_sideload_error" and "/" in said:  # one code for all; in any language this one names a path
        code = "no_folder"
    row = next(row for row in MEANINGS if re.match(row.pattern, f"{login.kind} {reply.status} {code}"))
    words = {
        "site": f'site "{login.name}"',
        "user": login.user,
        "secret": "application password" if login.kind == "app-password" else "password",
        "status": reply.status,
        "moved": moved,
        "said": _plain(said)[:200] or reply.status,
    }
    hint = OTHERWISE if row.reason is NOT_ACCEPTED and login.kind == "app-password" else ""
    return row.error(
        login.provider,
        login.black_out(row.reason.format(**words)),
        mend=row.mend.format(**words),
        code="login" if row.reason is NOT_ACCEPTED else code or str(reply.status),
        detail=login.black_out(hint + reply.text),
        retry_after=web.retry_after(reply.headers),
    )


def _flaw(reply: Reply) -> str:
    """What is wrong with an answer that says it is a success."""
    if not reply.text.strip():
        return "nothing"
    return "no_json" if reply.json is None else "no_id"

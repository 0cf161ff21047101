"""What a WordPress answers: read within bounds, and what it means where it is no success."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple
from urllib.parse import urljoin, urlsplit

import orjson

from articles.providers import web
from articles.providers.errors import Busy, ProviderError, Refused, Rejected, Unreachable
from backups import redaction
from publishing.marks import Marked

Json = dict[str, Any]


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
        """Without the password, also a short one, for a site that repeats in its answer what it was sent."""
        text = redaction.black_out(text, also=[self.secret], user=self.user)
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


def as_dict(answer: Any) -> Json | None:
    return answer if isinstance(answer, dict) else None


def as_dicts(answer: Any) -> list[Json] | None:
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else None


def as_post(answer: Any) -> Json | None:
    if not id_of(answer):
        return None
    categories = answer.get("categories")
    content = (as_dict(answer.get("content")) or {}).get("raw")
    text = Marked.read(content) if isinstance(content, str) else Marked("", "")  # a site that does not tell it
    return {
        "id": id_of(answer),
        "slug": _text(answer, "slug", 200),
        "status": _text(answer, "status", 20),
        "title": _text(as_dict(answer.get("title")) or {}, "raw", 1000),
        "featured_media": id_of(answer, "featured_media") or 0,
        "categories": [each for each in categories[:100] if type(each) is int] if isinstance(categories, list) else [],
        "modified": _text(answer, "modified_gmt", 30),
        "version": text.version,
        "found": text.found,
    }


def as_media(answer: Any) -> Json | None:
    if not id_of(answer):
        return None
    details = as_dict(answer.get("media_details")) or {}
    return {
        "id": id_of(answer),
        "slug": _text(answer, "slug", 200),
        "source_url": _text(answer, "source_url", 1000),
        "alt_text": _text(answer, "alt_text", 1000),
        "width": id_of(details, "width") or 0,
        "has_sizes": bool(details.get("sizes")),
        "modified": _text(answer, "modified_gmt", 30),
    }


def id_of(answer: Any, name: str = "id") -> int | None:
    number = answer.get(name) if isinstance(answer, dict) else None
    return number if type(number) is int and 0 < number < 2**63 else None


def _text(answer: Json, name: str, most: int) -> str:
    value = answer.get(name)
    return value[:most].replace("\x00", "") if isinstance(value, str) else ""


def token_of(answer: Any) -> str | None:
    token = answer.get("token") if isinstance(answer, dict) else None
    return token if isinstance(token, str) and re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,8000}", token) else None


def plain(value: Any) -> str:
    """Words on one line, without tags or what a terminal would obey."""
    words = html.unescape(re.sub(r"<[^>]*>", "", value)) if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def origin_of(url: str) -> str:
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


def is_from_a_cache(reply: Reply) -> bool:
    """Whether something in front of the site has answered in its place. References: RFC 9110 (Age), RFC 9211
    (Cache-Status), and what hosts call theirs: X-Cache, X-LiteSpeed-Cache, CF-Cache-Status, X-Proxy-Cache …
    """
    age = next((value for name, value in reply.headers.items() if name.casefold() == "age"), "")
    hits = (re.search(r"\bhit\b", value, re.I) for name, value in reply.headers.items() if "cache" in name.casefold())
    return (age.isdecimal() and int(age) > 0) or any(hits)


def moved_to(login: Login, reply: Reply) -> str:
    """The other site that a redirect leads to."""
    if not 300 <= reply.status < 400 or "Location" not in reply.headers:
        return ""
    origin = origin_of(joined(login.home, reply.headers["Location"])) or "unknown"
    return origin if origin != origin_of(login.home) else ""


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
        rf"\S+ ({'|'.join(map(str, sorted(web.LOST)))})",
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
    moved = moved_to(login, reply)
    said = _text(as_dict(reply.json) or {}, "message", 2000)
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
        "said": plain(said)[:200] or reply.status,
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

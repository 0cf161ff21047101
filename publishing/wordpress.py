"""A WordPress by its REST API, safe to run twice: whatever is created carries a key and is looked up first.

Success is a 201 whose body parses as JSON and holds an id. What was clearly refused is an error for a person; anything
else means that nobody knows, and the next attempt looks the key up before it sends again.

Reference: the REST API handbook of WordPress; behaviour of 6.1.9 and 6.5.5 as seen on real servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import orjson
import requests

from articles.providers import web
from articles.providers.errors import Busy, Garbled, ProviderError, Refused, Rejected, Unreachable

PROVIDER = "WordPress"
ANSWER_BYTES = 16 * 1024 * 1024
API_REL = "https://api.w.org/"
Json = dict[str, Any]


@dataclass(frozen=True)
class Login:
    """How to sign in at which site; `name` is what people call it. `time_limit` in seconds, for one request there."""

    name: str
    url: str
    user: str
    secret: str
    kind: Literal["app-password", "jwt"]
    time_limit: float


class WordPress:
    """One site, one user. Not for more than one thread."""

    def __init__(self, login: Login, *, allow_private: bool) -> None:
        self.login = login
        self._http = web.session(allow_private=allow_private)
        self._http.headers["Accept"] = "application/json"  # a fatal error of PHP answers HTML otherwise
        self._timeout = (web.CONNECT_SECONDS, login.time_limit + 10)
        self._root = ""
        if login.kind == "app-password":
            self._http.auth = (login.user, login.secret)

    # What the stage asks for

    def me(self) -> Json:
        """The user, with capabilities. A wrong password shows only here: public reads answer 200 all the same."""
        me: Json = self._read("users/me", context="edit")
        return me

    def find_post(self, key: str) -> Json | None:
        """The post of this key, wherever it is: draft, published, renamed by a person, in the trash."""
        slugs = f"{key},{key}-2,{key}-3,{key}__trashed"
        by_slug = self._read("posts", slug=slugs, status="any,trash", context="edit")
        return _first(by_slug) or _first(self._read("posts", search=f"idem:{key}", status="any", context="edit"))

    def create_draft(self, key: str, fields: Json) -> Json:
        return self._created("posts", json={**fields, "slug": key, "status": "draft"})

    def update_post(self, post_id: int, fields: Json) -> Json:
        return self._changed(f"posts/{post_id}", json=fields)

    def find_media(self, key: str) -> Json | None:
        slugs = f"{key},{key}-1,{key}-2"
        by_slug = self._read("media", slug=slugs, context="edit")
        return _first(by_slug) or _first(self._read("media", search=f"{key}.jpg", context="edit"))

    def upload(self, key: str, jpeg: bytes, alt_text: str) -> Json:
        return self._created(
            "media",
            params={"slug": key, "alt_text": alt_text},
            data=jpeg,
            headers={
                "Content-Type": "image/jpeg",
                "Content-Disposition": f'attachment; filename="{key}.jpg"',
            },
        )

    def update_media(self, media_id: int, fields: Json) -> Json:
        return self._changed(f"media/{media_id}", json=fields)

    def make_sizes(self, media_id: int) -> Json:
        """Make the smaller versions of a picture that a crash left without them."""
        return self._changed(f"media/{media_id}/post-process", json={"action": "create-image-subsizes"})

    def category(self, name: str) -> int | None:
        """The id of a category, made where it is missing. None: this user may not make one."""
        for term in _objects(self._read("categories", search=name, per_page="100")):
            if _plain(term.get("name")).casefold() == name.casefold():
                return _id(term)
        response = self._send("POST", "categories", json={"name": name})
        answer = _json(response)
        if response.status_code == 201 and answer:
            return _id(answer)
        if answer and answer.get("code") == "term_exists":
            return int(answer["data"]["term_id"])
        if response.status_code == 403:
            return None
        raise self._failure(response)

    # How it is asked

    def _read(self, path: str, **params: str) -> Any:
        response = self._send("GET", path, params=params)
        answer = _json(response)
        if response.status_code != 200 or answer is None:
            raise self._failure(response)
        return answer

    def _created(self, path: str, **request: Any) -> Json:
        response = self._send("POST", path, **request)
        answer = _json(response)
        if response.status_code != 201 or not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise self._failure(response)
        return answer

    def _changed(self, path: str, **request: Any) -> Json:
        response = self._send("POST", path, **request)
        answer = _json(response)
        if response.status_code not in (200, 201) or not isinstance(answer, dict):
            raise self._failure(response)
        return answer

    def _send(self, method: str, path: str, **request: Any) -> requests.Response:
        """One request, repeated once when only the token had run out: that answer comes before any work is done."""
        if self.login.kind == "jwt" and "Authorization" not in self._http.headers:
            self._sign_in()
        response = self._request(method, f"{self._api()}wp/v2/{path}", **request)
        if self.login.kind == "jwt" and _code(response) == "jwt_auth_invalid_token":
            self._sign_in()
            response = self._request(method, f"{self._api()}wp/v2/{path}", **request)
        return response

    def _request(self, method: str, url: str, **request: Any) -> requests.Response:
        with (
            web.speaking_to(PROVIDER),
            self._http.request(
                method, url, timeout=self._timeout, allow_redirects=False, stream=True, **request
            ) as response,
        ):
            # The body is read here, within bounds, and kept on the response for those who judge it.
            response._content = web.body_within(response, ANSWER_BYTES, PROVIDER)
        return response

    def _sign_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        credentials = {"username": self.login.user, "password": self.login.secret}
        response = self._request("POST", f"{self._api()}jwt-auth/v1/token", json=credentials)
        answer = _json(response)
        token = answer.get("token") if isinstance(answer, dict) else None
        if response.status_code != 200 or not isinstance(token, str):
            raise self._failure(response)
        self._http.headers["Authorization"] = f"Bearer {token}"  # the plugin knows no other spelling

    def _api(self) -> str:
        """Where the API is: its Link header says so, also for a site without pretty permalinks."""
        if not self._root:
            home = self.login.url.rstrip("/") + "/"
            response = self._request("HEAD", home)
            if response.is_redirect:
                raise self._failure(response)
            link = response.links.get(API_REL, {}).get("url", "")
            said = urljoin(home, link)
            # A login is sent there: only to the very site that was named.
            same = urlsplit(said)[:2] == urlsplit(home)[:2]
            self._root = said if link and same else f"{home}wp-json/"
        return self._root

    def _failure(self, response: requests.Response) -> ProviderError:
        return failure(self.login, response.status_code, response.headers, response.text)


def failure(login: Login, status: int, headers: Any, body: str) -> ProviderError:
    """What an answer that is no success means, in plain words, and what to do about it."""
    answer = _parsed(body)
    code = str(answer.get("code", "")) if isinstance(answer, dict) else ""
    site = f'site "{login.name}"'
    check = f"check the password of {site}, then press Recover"
    common: Json = {"code": code or str(status), "detail": body}
    secret = "application password" if login.kind == "app-password" else "password"

    if (
        status == 401
        or "incorrect_password" in code
        or "invalid_username" in code
        or code == "invalid_application_credentials"
    ):
        reason = f'the site did not accept the {secret} of user "{login.user}"'
        if code == "jwt_auth_no_auth_header" or (login.kind == "jwt" and code == "rest_cannot_create"):
            reason = "the site did not see the login: its web server drops the Authorization header"
            check = f"ask who runs {site} to pass the Authorization header on, then press Recover"
        return Refused(PROVIDER, reason, action=check, **{**common, "code": "login"})
    if code == "jwt_auth_bad_config":
        return Refused(
            PROVIDER,
            "the JWT plugin of the site is not set up",
            **common,
            action=f"ask who runs {site} to set JWT_AUTH_SECRET_KEY, then press Recover",
        )
    if code.startswith("jwt_auth"):
        return Refused(PROVIDER, f'the site did not accept the login of user "{login.user}"', action=check, **common)
    if status == 403 and code.startswith("rest_"):
        return Refused(
            PROVIDER,
            f'user "{login.user}" has not the right to do this there',
            **common,
            action=f'give user "{login.user}" the role Author or Editor on {site}, then press Recover',
        )
    if status == 403:
        return Refused(
            PROVIDER,
            "something before the site, such as a firewall, turned Galley away",
            **common,
            action=f"ask who runs {site} to let Galley in, then press Recover",
        )
    if 300 <= status < 400:
        return Rejected(
            PROVIDER,
            "the site has moved to another address",
            **common,
            action=f"write the new address ({_host(headers.get('Location', ''))}) into {site}, then press Recover",
        )
    if code == "rest_upload_sideload_error":
        return Rejected(
            PROVIDER,
            "the site does not take files of this type",
            **common,
            action=f"ask who runs {site} to allow JPEG uploads, then press Recover",
        )
    if code == "rest_upload_hash_mismatch" or status == 412:
        return Unreachable(PROVIDER, "the file arrived damaged", lost=False, **common)
    if status == 413:
        return Rejected(
            PROVIDER,
            "the file is larger than the site takes",
            **common,
            action=f"ask who runs {site} to raise its upload limit, then press Recover",
        )
    if status == 404:
        return Rejected(
            PROVIDER,
            "there is no WordPress with a REST API at this address",
            **common,
            action=f"check the address of {site} and whether its REST API is on, then press Recover",
        )
    if status in (429, 503):
        down = "the site is in maintenance" if status == 503 else "the site has had too many requests"
        return Busy(PROVIDER, down, retry_after=web.retry_after(headers), **common)
    if status == 400 and code == "empty_content":
        return Rejected(PROVIDER, "the site sees no text in the article", **common)
    if 400 <= status < 500:
        said = _plain(answer.get("message")) if isinstance(answer, dict) else ""
        return Rejected(
            PROVIDER,
            f"the site did not accept the request{f' ({said[:200]})' if said else ''}",
            **common,
            action="read its answer below, then press Recover",
        )
    if status < 300:
        reason = (
            "the site answered with nothing" if not body.strip() else "the site answered with something else than JSON"
        )
        return Unreachable(PROVIDER, reason, code="no_json", detail=body)
    return Unreachable(PROVIDER, f"the site failed with an error of its own ({status})", **common)


def _code(response: requests.Response) -> str:
    answer = _parsed(response.text)
    return str(answer.get("code", "")) if isinstance(answer, dict) else ""


def _json(response: requests.Response) -> Any:
    return _parsed(response.text)


def _parsed(body: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _objects(answer: Any) -> Iterator[Json]:
    return (item for item in answer if isinstance(item, dict)) if isinstance(answer, list) else iter(())


def _first(answer: Any) -> Json | None:
    return next((item for item in _objects(answer) if isinstance(item.get("id"), int)), None)


def _id(answer: Json) -> int:
    if not isinstance(answer.get("id"), int):
        raise Garbled(PROVIDER, "the site's answer has no id", code="no_id", detail=str(answer))
    return int(answer["id"])


def _host(location: str) -> str:
    return urlsplit(location).hostname or "unknown"


def _plain(value: Any) -> str:
    return re.sub(r"<[^>]*>", "", str(value or "")).replace("&amp;", "&").strip()

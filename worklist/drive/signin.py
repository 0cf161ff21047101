"""How Galley gets into a Drive, to read alone: by a person's consent or by a service account's key. Plain Python.

Reference: https://developers.google.com/identity/protocols/oauth2/web-server
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import credentials, service_account

from articles.providers import deadline, web
from articles.providers.errors import ProviderError
from worklist.drive.errors import DriveError, Later, SignInEnded

PROVIDER = "drive"
READ_ONLY = "https://www.googleapis.com/auth/drive.readonly"
SIGN_IN_SECONDS = 30.0
ANSWER_BYTES = 64 * 1024
LONGEST_KEY = 16 * 1024  # characters of a service account's key, which has two thousand


@dataclass(frozen=True)
class Google:
    """Where Google is, and as which client we come."""

    api: str
    token: str
    sign_in: str
    client_id: str = ""
    client_secret: str = ""
    allow_private: bool = False


@dataclass(frozen=True)
class Asked:
    """A sign-in that was begun: where the person goes, and what is kept until they are back."""

    address: str
    state: str
    verifier: str


def ask(google: Google, back: str) -> Asked:
    """Send a person to Google, to come `back` to this address of ours. Without `consent` there is no lasting token."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": google.client_id,
        "redirect_uri": back,
        "response_type": "code",
        "scope": READ_ONLY,
        "access_type": "offline",
        "prompt": "consent",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return Asked(f"{google.sign_in}?{urlencode(asked)}", state, verifier)


def exchange(google: Google, code: str, verifier: str, back: str) -> dict[str, Any]:
    """The login that a person has given us. Raises DriveError."""
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": back,
        "client_id": google.client_id,
        "client_secret": google.client_secret,
    }
    given = _token(google, sent)
    if READ_ONLY not in str(given.get("scope", "")).split():
        raise SignInEnded("The right to read the Drive was not given. Connect again, and leave its box ticked.")
    if not isinstance(given.get("refresh_token"), str):
        raise SignInEnded("Google gave nothing that lasts. Take Galley's access away there, and connect again.")
    return {"refresh_token": given["refresh_token"]}


def _token(google: Google, sent: Mapping[str, str]) -> dict[str, Any]:
    try:
        with (
            deadline.within(SIGN_IN_SECONDS, PROVIDER),
            web.speaking_to(PROVIDER),
            web.session(allow_private=google.allow_private) as http,
            http.post(google.token, data=sent, timeout=SIGN_IN_SECONDS, stream=True, allow_redirects=False) as answer,
        ):
            body = web.body_within(answer, ANSWER_BYTES, PROVIDER)
    except ProviderError as exc:
        raise Later("Google did not answer. Connect again in a moment.") from exc
    if answer.status_code >= 500:
        raise Later("Google failed with an error of its own. Connect again in a moment.")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise DriveError("Google's answer to the sign-in is none.") from exc
    if answer.status_code != 200 or not isinstance(given, dict):
        raise SignInEnded("Google did not accept the sign-in. Connect again.")
    return given


def key_of(text: str) -> dict[str, Any]:
    """A service account's key, checked. Raises DriveError for what is none."""
    try:
        key = orjson.loads(text) if len(text) <= LONGEST_KEY else None
        if not isinstance(key, dict) or key.get("type") != "service_account":
            raise ValueError
        _of_service(key, "https://oauth2.googleapis.com/token")
    except (ValueError, GoogleAuthError) as exc:
        raise DriveError(
            "This is no key of a service account. Make one in Google's console: Keys, Add key, JSON."
        ) from exc
    return {name: key[name] for name in ("type", "client_email", "private_key", "private_key_id") if name in key}


def _of_service(key: Mapping[str, Any], token: str) -> service_account.Credentials:
    """Where it asks for tokens is ours to say: a key may name any address."""
    made: service_account.Credentials = service_account.Credentials.from_service_account_info(
        {**key, "token_uri": token}, scopes=[READ_ONLY]
    )
    return made


def opened(google: Google, login: Mapping[str, Any]) -> credentials.Credentials | service_account.Credentials:
    """What requests are signed with, of a login as it was kept."""
    if "private_key" in login:
        return _of_service(login, google.token)
    return credentials.Credentials(
        token=None,
        refresh_token=login["refresh_token"],
        token_uri=google.token,
        client_id=google.client_id,
        client_secret=google.client_secret,
        scopes=[READ_ONLY],
    )

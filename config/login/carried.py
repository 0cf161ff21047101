"""What somebody has sent after their session had ended: carried through the login, and sent on once they are in again.

It lies in the page of the login alone, sealed with the desk's key, for one hour. Only the person who was logged in last
in this browser can have sent it, as each login makes the forms of before it worthless (their token is another then);
who that was is told by a signed cookie. It goes on for this person and for nobody else, whoever logs in.
What holds a secret is not carried: it would stand in a page, however well it is sealed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import asdict, dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase

LIFE = 3600  # seconds
COOKIE, COOKIE_LIFE = "galley_person", 90 * 24 * 3600  # seconds
MOST = 5 * 1024 * 1024  # characters in a hidden field; a request has room for little more
SECRET = re.compile(r"pass|secret|token|(?:^|[^a-z])key(?:[^a-z]|$)", re.IGNORECASE)  # no keyword: as in typed.js
OF_DJANGO = "csrfmiddlewaretoken"


@dataclass(frozen=True)
class File:
    """A chosen file; `content` is base64, or empty where it was too large."""

    field: str
    name: str
    content: str


@dataclass(frozen=True)
class Carried:
    person: str
    path: str
    fields: list[tuple[str, str]]
    files: list[File]


def remember(response: HttpResponseBase, user: AbstractBaseUser | AnonymousUser) -> None:
    """Whoever has logged in is who sends forms from this browser, also when the session has ended."""
    response.set_signed_cookie(
        COOKIE,
        str(user.pk),
        salt=COOKIE,
        max_age=COOKIE_LIFE,
        httponly=True,
        samesite="Lax",
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )


def seal(request: HttpRequest) -> str:
    """A POST that has come without a session, sealed; "" where it cannot be carried."""
    person = request.get_signed_cookie(COOKIE, "", salt=COOKIE, max_age=COOKIE_LIFE)
    fields = [(name, value) for name, values in request.POST.lists() for value in values if name != OF_DJANGO]
    if not person or any(value and SECRET.search(name) for name, value in fields):
        return ""
    chosen = [(field, file) for field, files in request.FILES.lists() for file in files]
    path = request.get_full_path()
    contents = [base64.b64encode(file.read()).decode() for _, file in chosen]
    for kept in (contents, [""] * len(chosen)):  # without the files, where there is no room for them
        files = [File(field, file.name or "", content) for (field, file), content in zip(chosen, kept, strict=True)]
        text = json.dumps(asdict(Carried(person, path, fields, files)))
        sealed = _keys().encrypt(zlib.compress(text.encode(errors="replace"))).decode()
        if len(sealed) <= MOST:
            return sealed
    return ""


def unseal(sealed: str, user: AbstractBaseUser | AnonymousUser) -> Carried | None:
    """What was sealed, if it is this person's and not older than an hour."""
    try:
        said = json.loads(zlib.decompress(_keys().decrypt(sealed.encode(errors="replace"), ttl=LIFE)))
    except InvalidToken:
        return None
    files = [File(**file) for file in said["files"]]
    carried = Carried(said["person"], said["path"], [(name, value) for name, value in said["fields"]], files)
    return carried if carried.person == str(user.pk) else None


def _keys() -> MultiFernet:
    """Made for this alone, so that nothing that is sealed elsewhere can be taken for it."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = (hashlib.sha256(b"galley.carried" + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])

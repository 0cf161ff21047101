"""A site as one speaks to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from articles.providers.errors import GALLEY, Refused
from backups import redaction
from publishing import secrets
from publishing.models import Site
from publishing.wordpress.answers import Login
from publishing.wordpress.client import WordPress


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one site: neither a slash at the end counts, nor the case of the host."""
    return bool(one and other) and _comparable(one) == _comparable(other)


def _comparable(address: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", "", address
    return parts.scheme, parts.netloc.lower(), parts.path.rstrip("/")


def login_of(site: Site) -> Login:
    """How to sign in there. Raises Refused when the stored password cannot be read."""
    try:
        secret = site.secret
    except secrets.Undecipherable as exc:
        raise Refused(
            GALLEY,
            f'the stored password of site "{site}" cannot be read with the present keys',
            mend=f'enter the password of site "{site}" again',
            code="undecipherable",
        ) from exc
    redaction.know(secret, user=site.user)
    kind = "jwt" if site.kind == Site.Kind.JWT else "app-password"
    return Login(site.provider, site.name, site.url, site.user, secret, kind, site.time_limit)  # type: ignore[arg-type]  # one of two words


def client_for(site: Site, *, before: Callable[[str], None] | None = None) -> WordPress:
    """By REST; `before` as in `WordPress`. Raises Refused when the stored password cannot be read."""
    return WordPress(login_of(site), allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES, before=before)


def with_closed_passwords(*, alias: str, **_: Any) -> list[str]:
    """A sentence for each site of a restored database whose passwords the present keys do not open."""
    found = []
    for site in Site.objects.using(alias).exclude(encrypted_secret="").order_by("name"):
        try:
            secrets.decrypt(site.encrypted_secret)
            if site.encrypted_web_secret:
                secrets.decrypt(site.encrypted_web_secret)
        except secrets.Undecipherable:
            found.append(f"The password of the site {site.name} came back, and the present keys do not open it.")
    return found

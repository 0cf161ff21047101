"""A site as one speaks to it: its client, and whether its user may do what is needed."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings

from articles.providers.errors import GALLEY, Refused, Rejected
from backups import redaction
from publishing import secrets
from publishing.answers import Login
from publishing.models import Site
from publishing.wordpress import WordPress

HIDDEN = "rest_no_route"  # the code of what a plugin has taken out of the API, such as the users


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one site: neither a slash at the end counts, nor the case of the host."""
    return bool(one and other) and _comparable(one) == _comparable(other)


def _comparable(address: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", "", address
    return parts.scheme, parts.netloc.lower(), parts.path.rstrip("/")


def client_for(site: Site, *, before: Callable[[str], None] | None = None) -> WordPress:
    """`before` as in `WordPress`. Raises Refused when the stored password cannot be read."""
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
    login = Login(site.provider, site.name, site.url, site.user, secret, kind, site.time_limit)  # type: ignore[arg-type]
    return WordPress(login, allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES, before=before)


def check_login(client: WordPress) -> None:
    """Raises Refused when the user cannot sign in, or may not write and upload."""
    try:
        capabilities = client.me().get("capabilities")
    except (Refused, Rejected) as exc:
        if exc.code != HIDDEN:
            raise
        client.posts_to_edit()  # what else the user may do shows when it is tried
        return
    able = capabilities if isinstance(capabilities, dict) else {}
    lacking = [
        word for name, word in (("edit_posts", "write"), ("upload_files", "upload pictures")) if not able.get(name)
    ]
    if lacking:
        login = client.login
        raise Refused(
            login.provider,
            f'user "{login.user}" may not {" or ".join(lacking)} there',
            mend=f'give user "{login.user}" the role Author or Editor on site "{login.name}"',
            code="rights",
        )

"""Sessions that outlast their browser: encrypted, one a site, of no use once its address, user or password change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from backups import redaction
from publishing import secrets
from publishing.models import BrowserSession, Site


@dataclass(frozen=True)
class State:
    """`admin` is the address of the dashboard, with a slash at its end; `cookies` as Playwright has them."""

    admin: str
    cookies: list[dict[str, Any]]


def find(site: Site) -> State | None:
    """None where there is none that this login has made, or none that the present keys open."""
    session = BrowserSession.objects.filter(site=site, login=site.login_version).first()
    if session is None:
        return None
    try:
        state = State(**orjson.loads(secrets.decrypt(session.encrypted_state)))
    except (secrets.Undecipherable, TypeError, ValueError):
        return None
    know(state)
    return state


def keep(site: Site, state: State) -> None:
    know(state)
    kept = {"login": site.login_version, "encrypted_state": secrets.encrypt(orjson.dumps(asdict(state)).decode())}
    BrowserSession.objects.update_or_create(site=site, defaults=kept)


def know(state: State) -> None:
    """A cookie is a login: it is blacked out like a password."""
    redaction.know(*(str(cookie.get("value", "")) for cookie in state.cookies))

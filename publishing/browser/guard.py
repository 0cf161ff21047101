"""Where the pages of a site may go: to the site itself, at the address that was judged; not to all of its dashboard.

A page can hold anything: pictures of other hosts, links of comments, a name that leads elsewhere at the second look.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from articles.providers import web
from articles.providers.errors import Unreachable
from publishing.wordpress.answers import Login, origin_of

# What no article needs, and what a page that lies could lead to.
OFF_LIMITS = re.compile(
    r"/wp-admin/(?:network/|user/)?(?:users?|profile|user-new|user-edit|plugins?|plugin-\w+|themes?|theme-\w+|customize|site-\w+|"
    r"options?|options-\w+|tools|import|export|update|update-core|erase-personal-data|export-personal-data|privacy)\.php",
    re.IGNORECASE,
)


def may_go(login: Login, url: str) -> bool:
    """Whether a page may ask for this."""
    if url.startswith(("data:", "blob:", "about:")):
        return True
    return origin_of(url) == origin_of(login.home) and not OFF_LIMITS.search(urlsplit(url).path)


def resolver_rules(login: Login, *, allow_private: bool) -> str:
    """For Chromium: the site's host leads to the address that was judged, and no other name leads anywhere.

    Raises Rejected for one inside the network, Unreachable for one that is not there.
    """
    parts = urlsplit(login.home)
    host = parts.hostname or ""
    if allow_private:
        return f"MAP * ~NOTFOUND , EXCLUDE {_written(host)}"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = web.public_address(host, port)
    except web.PrivateAddress as exc:
        raise web.private_address(login.provider) from exc
    except OSError as exc:
        raise Unreachable(login.provider, "nothing answers at its address", code="connect", lost=False) from exc
    if _is_address(host):
        return f"MAP * ~NOTFOUND , EXCLUDE {_written(host)}"
    return f"MAP {host} {_written(address)} , MAP * ~NOTFOUND"


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

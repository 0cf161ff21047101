"""From which address a request came: by what proxies of ours say, and by nobody else's word."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """The other end of the connection, or where that is a proxy of ours (`GALLEY_PROXIES`), whom it speaks for.

    A proxy adds to X-Forwarded-For behind what it was handed, which anybody can make up. So the header is read from its
    end, and only as far as our own proxies have written it.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    said = request.headers.get("X-Forwarded-For", "").split(",")
    while said and _is_proxy(address) and _is_address(before := said.pop().strip()):
        address = before
    return address


def _is_proxy(address: str) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in settings.GALLEY_PROXIES)


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True

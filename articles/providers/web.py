"""The one door for HTTP: time-outs, byte limits, and no way to addresses inside the network.

An address that came from outside (a picture's URL, a site's link) may name a host that leads to this machine or its
neighbours. It is judged by what it resolves to, at the moment of each connection, redirects included.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from articles.providers import deadline
from articles.providers.errors import GALLEY, IT, Busy, Garbled, ProviderError, Refused, Rejected, Then, Unreachable
from articles.providers.names import name_of

CONNECT_SECONDS = 10.0
FETCH_SECONDS = 60.0  # for a file of ours that lies elsewhere
USER_AGENT = "Galley"
# Statuses of what stands in front of a service: it may have done its work, only its answer was lost.
LOST = frozenset({408, 502, 504, *range(520, 528)})
LONGEST_WAIT = 3600.0  # seconds that a service may ask us to wait
# IPv6 networks whose addresses hold an IPv4 address, and at which byte. Reference: RFC 4291, 3056, 6052.
EMBEDDING = {
    ipaddress.IPv6Network("::ffff:0:0/96"): 12,
    ipaddress.IPv6Network("::/96"): 12,
    ipaddress.IPv6Network("2002::/16"): 2,
    ipaddress.IPv6Network("64:ff9b::/96"): 12,
}
# Public by their numbers, and yet not to be spoken to: a cloud's own host behind every machine of it, and the relays of
# 6to4. Reference: Azure's documentation of 168.63.129.16; RFC 7526.
UNTRUSTED = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.88.99.0/24"))
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # Reference: RFC 8215


class PrivateAddress(Exception):
    """The host is inside the network, where requests may not go."""


def public_address(host: str, port: int) -> str:
    """The first public IP address of a host. Raises PrivateAddress, or OSError when it cannot be resolved."""
    for *_, address in socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM):
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        if not _is_public(ip):
            raise PrivateAddress(f"{host} is an address inside the network")
        return str(ip)
    raise PrivateAddress(f"{host} has no address")


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Also behind what leads to an IPv4 address: mapped, compatible, 6to4 and NAT64 forms."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local or ip in LOCAL_NAT64:
            return False
        for network, first in EMBEDDING.items():
            if ip in network:
                return _is_public(ipaddress.IPv4Address(ip.packed[first : first + 4]))
    elif any(ip in network for network in UNTRUSTED):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _Timed(HTTPConnection):
    """Is cut when the time of the call that uses it is up."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        deadline.watch(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # it is used again
            deadline.watch(self.sock)
        super().request(*args, **kwargs)


class _TimedHTTPS(_Timed, HTTPSConnection):
    pass


class _PublicOnly(_Timed):
    """Connects to the very address that was judged: a second look-up could give another."""

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            self._dns_host = public_address(name, self.port)
            return super()._new_conn()
        except socket.gaierror as exc:
            raise urllib3.exceptions.NameResolutionError(name, self, exc) from exc
        finally:
            self._dns_host = name


class _PublicHTTPS(_PublicOnly, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _Timed


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPS


class _PublicHTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicOnly


class _PublicHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPS


class _Adapter(HTTPAdapter):
    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"http": _HTTPPool, "https": _HTTPSPool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = self.pools


class _PublicAdapter(_Adapter):
    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"http": _PublicHTTPPool, "https": _PublicHTTPSPool}


def session(*, allow_private: bool) -> requests.Session:
    """A session that reads no proxy and no .netrc from the environment. Not for more than one thread."""
    made = requests.Session()
    guard(made, allow_private=allow_private)
    return made


def guard(made: requests.Session, *, allow_private: bool) -> None:
    """Make a session of somebody else's class one of these."""
    made.trust_env = False
    made.headers["User-Agent"] = USER_AGENT
    made.max_redirects = 5
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter() if allow_private else _PublicAdapter())


def refuse_private(url: str) -> None:
    """For clients with a transport of their own. Raises PrivateAddress."""
    parts = urlsplit(url)
    try:
        public_address(parts.hostname or "", parts.port or 443)
    except OSError:
        return  # it does not resolve: connecting will say so


def body_within(response: requests.Response, limit: int, provider: str) -> bytes:
    """The body of a streamed answer. Raises Garbled beyond `limit` bytes, Unreachable where it is cut off."""
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > limit):
        raise Garbled(provider, f"the answer is larger than {limit // 2**20} MB", code="too_large")
    body = bytearray()
    with speaking_to(provider):
        while piece := response.raw.read1(64 * 1024, decode_content=True):
            body += piece
            if len(body) > limit:
                raise Garbled(provider, f"the answer is larger than {limit // 2**20} MB", code="too_large")
    return bytes(body)


def fetched(url: str, most: int, provider: str, *, allow_private: bool) -> bytes | None:
    """What lies at an address, which is no secret; None where it does not any more, where it is longer than so many
    bytes, and at addresses that are not spoken to. Raises Unreachable where nobody can tell.
    """
    try:
        with (
            deadline.within(FETCH_SECONDS, provider),
            speaking_to(provider),
            session(allow_private=allow_private) as http,
            http.get(url, timeout=(CONNECT_SECONDS, FETCH_SECONDS), stream=True) as response,
        ):
            if response.status_code >= 500:
                raise Unreachable(provider, f"a file could not be fetched ({response.status_code})", code="download")
            return body_within(response, most, provider) if response.status_code == 200 else None
    except (Garbled, Rejected, Refused):
        return None


@contextmanager
def speaking_to(provider: str) -> Iterator[None]:
    """Turns the errors of requests into ours."""
    try:
        yield
    except PrivateAddress as exc:
        raise private_address(provider) from exc
    except urllib3.exceptions.LocationParseError as exc:
        raise _no_address(provider) from exc
    except urllib3.exceptions.ReadTimeoutError as exc:
        raise Unreachable(provider, f"{IT} did not answer in time", code="timeout") from exc
    except urllib3.exceptions.HTTPError as exc:
        raise Unreachable(provider, "the connection broke off", code="broken", detail=str(exc)) from exc
    except requests.exceptions.ConnectTimeout as exc:
        raise Unreachable(provider, f"{IT} did not answer in time", lost=False, code="connect") from exc
    except requests.exceptions.SSLError as exc:
        raise Refused(
            provider,
            "its certificate is not valid",
            mend="check the address",
            code="certificate",
            detail=str(exc),
        ) from exc
    except requests.exceptions.ConnectionError as exc:
        raise _connection_error(provider, exc) from exc
    except requests.exceptions.Timeout as exc:
        raise Unreachable(provider, f"{IT} did not answer in time", code="timeout") from exc
    except requests.exceptions.TooManyRedirects as exc:
        raise Garbled(provider, "its address leads round in circles", code="redirects") from exc
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as exc:
        raise _no_address(provider) from exc
    except requests.exceptions.RequestException as exc:
        raise Unreachable(provider, "the connection broke off", code="broken", detail=str(exc)) from exc
    except (ValueError, UnicodeError) as exc:  # what urlsplit and the host's encoding say of a hostile address
        raise _no_address(provider) from exc


def _no_address(provider: str) -> Garbled:
    return Garbled(provider, "it gave an address that cannot be used", code="bad_address")


def private_address(provider: str) -> Rejected:
    return Rejected(
        GALLEY,
        f"the address of {name_of(provider)} is inside the network, where Galley may not go",
        mend="ask a chief editor for a public address, or the operator to allow private ones",
        then=Then.NOTHING,
        code="private_address",
    )


def _connection_error(provider: str, exc: requests.exceptions.ConnectionError) -> ProviderError:
    causes = [exc, *exc.args, *(getattr(arg, "reason", None) for arg in exc.args)]
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return Unreachable(provider, "nothing answers at its address", lost=False, code="connect")
    return Unreachable(provider, "the connection broke off", code="broken", detail=str(exc))


def retry_after(headers: Any) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or until a date, at most LONGEST_WAIT; None where it says
    nothing usable.
    """
    value = str(headers.get("retry-after") or headers.get("Retry-After") or "")
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None


def _seconds_until(date: str) -> float:
    """From now; negative for what is no date, or past. Reference: RFC 9110, HTTP-date."""
    try:
        return (parsedate_to_datetime(date).astimezone(UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return -1.0


def answer_error(
    provider: str, status: int, body: str, headers: Any, *, code: str = "", credential: str
) -> ProviderError:
    """The error for an HTTP answer that is not a success, by its status alone. `credential` is its name."""
    said: dict[str, Any] = {"code": code or str(status), "detail": body}
    later = {**said, "retry_after": retry_after(headers)}
    if status == 401:
        return Refused(provider, f"{IT} did not accept the {credential}", mend=f"check the {credential}", **said)
    if status == 402:
        return Refused(provider, "the account has no credit left", mend="add credit to the account", **said)
    if status == 403:
        reason = f"the {credential} has not the right to do this"
        return Refused(provider, reason, mend=f"check the {credential}", **said)
    if status in (409, 425, 429, 503, 529):
        return Busy(provider, f"{IT} has too much to do at the moment", **later)
    if status == 408 or status >= 500:
        reason = f"{IT} failed with an error of its own ({status})"
        return Unreachable(provider, reason, **later, lost=status in LOST)
    return Rejected(
        provider,
        f"{IT} did not accept the request ({status})",
        mend="read its full answer on the article's page",
        **said,
    )

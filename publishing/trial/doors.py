"""The ways onto a site, each tried by signing in; what one says of the user or of the whole site counts for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from articles.providers.errors import ProviderError, Unreachable
from publishing.browser.chromium import missing
from publishing.channel import Channel
from publishing.models import Site, Way
from publishing.publishers.fates import Fate, fate_of
from publishing.trial.findings import OPEN, UNTRIED, Finding, State

Opened = Callable[[], Channel]


def tried(site: Site, doors: dict[str, Opened], *, by_browser: bool) -> Iterator[Finding]:
    """A finding for each way, then one about the Authorization header. A refused password is tried at one other way at
    most: only that tells a wrong one from a header that was dropped.
    """
    failed: dict[str, ProviderError] = {}
    found: dict[str, Finding] = {}
    for way, opened in doors.items():
        if way == Way.PLAYWRIGHT:
            found[way] = _browser(site, opened, failed, by_browser=by_browser)
        elif any(fate_of(other, exc, 0) == Fate.STAYS for other, exc in failed.items()):
            found[way] = Finding(way, UNTRIED, State.LOOK)
        else:
            found[way] = _signed_in(way, opened, failed)
    header = _header(found, failed)
    if header and header.code == "dropped":
        found[Way.REST] = replace(found[Way.REST], code="dropped", values=header.values)
    yield from found.values()
    if header:
        yield header


def _signed_in(way: str, opened: Opened, failed: dict[str, ProviderError]) -> Finding:
    try:
        with closing(opened()) as channel:
            channel.check()
    except ProviderError as exc:
        failed[way] = exc
        return Finding.of(way, exc)
    return Finding(way, OPEN, State.GOOD)


def _browser(site: Site, opened: Opened, failed: dict[str, ProviderError], *, by_browser: bool) -> Finding:
    """It has a password of its own: what keeps the whole site shut, or is about its user, keeps it from being tried."""
    if not site.encrypted_web_secret:
        return Finding(Way.PLAYWRIGHT, "no_web_secret", State.LOOK)
    if missing():
        return Finding(Way.PLAYWRIGHT, "no_browser", State.LOOK)
    if not by_browser or any(isinstance(exc, Unreachable) for exc in failed.values()):
        return Finding(Way.PLAYWRIGHT, UNTRIED if failed else "elsewhere", State.LOOK)
    return _signed_in(Way.PLAYWRIGHT, opened, failed)


def _header(found: dict[str, Finding], failed: dict[str, ProviderError]) -> Finding | None:
    """Whether the Authorization header arrives: known where a login by it works, or where the same works without."""
    if found[Way.REST].code == OPEN:
        return Finding("header", "arrives", State.GOOD)
    refused = failed.get(Way.REST)
    if refused and refused.code == "login" and found[Way.XMLRPC].code == OPEN:
        return Finding("header", "dropped", State.BAD)
    return None

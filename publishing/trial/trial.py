"""All questions put to one site, with what is saved of it. Nothing is changed there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from django.conf import settings

from articles.providers.errors import ProviderError, Refused, Unreachable
from publishing.browser.opening import open_channel
from publishing.models import Site, Way
from publishing.sites import login_of
from publishing.trial import doors, questions, theme
from publishing.trial.findings import OPEN, Finding, State, Trial
from publishing.wordpress.answers import Login, Reply, Who, who_answered
from publishing.wordpress.client import WordPress
from publishing.wordpress.transport import Direct
from publishing.xmlrpc.client import XmlRpc

REQUEST_SECONDS = 15.0  # for one request: who waits for a trial looks at a page meanwhile
WHOLE_SECONDS = 60.0  # for all that are begun; a browser has limits of its own


def try_site(site: Site, *, by_browser: bool = False) -> Trial:
    """What publishing will meet at a site. `by_browser`: a browser signs in there, too, where this machine has one."""
    try:
        login = login_of(site)
    except Refused as exc:
        return Trial(site, [Finding.of(Way.REST, exc)])
    conversation = _Conversation(login)
    found = list(doors.tried(site, conversation.doors(site), by_browser=by_browser))
    front = conversation.front()
    return Trial(site, [*found, *front, *(conversation.answers(site) if _is_open(found) else [])])


def _is_open(found: list[Finding]) -> bool:
    return any(finding.about == Way.REST and finding.code == OPEN for finding in found)


class _Conversation:
    """With one site, for so many seconds."""

    def __init__(self, login: Login) -> None:
        self.login, self._until = login, time.monotonic() + WHOLE_SECONDS
        self._private = settings.GALLEY_ALLOW_PRIVATE_ADDRESSES

    def doors(self, site: Site) -> dict[str, doors.Opened]:
        return {
            Way.REST: self._rest,
            Way.XMLRPC: lambda: XmlRpc(
                self.login, allow_private=self._private, before=self._go_on, transport=self._transport()
            ),
            Way.PLAYWRIGHT: partial(open_channel, site, "calls"),
        }

    def _rest(self) -> WordPress:
        return WordPress(self.login, allow_private=self._private, before=self._go_on, transport=self._transport())

    def _transport(self) -> Direct:
        return Direct(self.login.provider, seconds=REQUEST_SECONDS, allow_private=self._private)

    def _go_on(self, _method: str) -> None:
        if time.monotonic() > self._until:
            raise Unreachable(self.login.provider, "the site took too long to answer", code="timeout", lost=False)

    def answers(self, site: Site) -> Iterator[Finding]:
        with closing(self._rest()) as client:
            yield from questions.answered(client)
            yield theme.hero(site, client, self._page_at)

    def front(self) -> Iterator[Finding]:
        """Who answers readers at the front page, in the site's name."""
        try:
            who = who_answered(self._page_at(self.login.home))
        except ProviderError as exc:
            yield Finding.of("front", exc, State.LOOK)
            return
        good = who in (Who.SITE, Who.CACHE)
        yield Finding("front", who.value, State.GOOD if good else State.LOOK)

    def _page_at(self, url: str) -> Reply:
        """A page as readers get it, without the login."""
        self._go_on("GET")
        with closing(self._transport()) as transport:
            return transport.send("GET", url, headers={"Accept": "text/html"})

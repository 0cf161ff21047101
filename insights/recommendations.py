"""What somebody should do, by rules over the figures of thirty days: each with figures and the place where one acts.

A rule speaks where even the bounds of what so few tell leave no doubt, right in 99 of 100 cases; what has happened too
seldom is named as such. Nothing is advised by a raw rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse
from django.utils import formats

from articles.models.access import works_here
from articles.providers.names import name_of, title_of
from insights.comparison import Did, Who, cause_words, did_by, within
from insights.models import ProviderMetric
from insights.rates import CAREFUL, between
from publishing.models import Site, Way

Kind = ProviderMetric.Kind
DAYS = 30
FEWEST = 10  # that ended by themselves: below, nobody can tell
OFTEN = 0.1  # more of these fail, beyond doubt: somebody should look
# What says nothing of the way: it would have been the same by each.
ALIKE = {
    *("settling", "wp_die", "maintenance", "429", "locked_out", "robot_check", "web_password", "login", "rights"),
    *("undecipherable", "private_address", "not_approved", "edited", "locked", "damaged", "rebuilt", "interrupted"),
    *("limit_day", "limit_month", "limit_article", "limit_unpriced", "budget", "pace", "crashes", "bug", "storage"),
    *("database", "too_long_at_work", "Mistake"),
}
SERVICES = {Kind.TEXT: "texts", Kind.SECTION: "sections", Kind.PROMPTS: "prompts", Kind.IMAGE: "pictures"}
SERVICES |= {Kind.FORMAT: "pages", Kind.AGENT: "turns"}


@dataclass(frozen=True)
class Share:
    """`failed` among `of` that ended by themselves."""

    what: str
    failed: int
    of: int

    def __str__(self) -> str:
        return f"{self.what} failed {self.failed:,} of {self.of:,}"


@dataclass(frozen=True)
class Place:
    """Where somebody acts; without an address where that is not for who asks, and `label` says for whom."""

    label: str
    url: str = ""


@dataclass(frozen=True)
class Recommendation:
    """A sentence with its figures: `The browser failed 14 of 40 on Magazine, REST API 1 of 60: put REST API first`."""

    rule: str  # order, site, service
    sentence: str
    figures: list[Share]
    place: Place


@dataclass(frozen=True)
class Advice:
    """`silent`: what was seen too seldom to say anything of it."""

    since: date
    found: list[Recommendation] = field(default_factory=list)
    silent: list[Share] = field(default_factory=list)


def advice(user: AbstractBaseUser | AnonymousUser, today: date) -> Advice:
    """What this person may know of, from the last thirty days (three queries)."""
    since = today - timedelta(days=DAYS - 1)
    did = did_by(within(ProviderMetric.objects.touchable_by(user), since, today), sites=True)
    sites = {site.pk: site for site in Site.objects.filter(pk__in={who.site for who in did if who.site})}
    rules = _Rules(user, since, did, sites)
    found = [*rules.orders(), *rules.sites(), *rules.services()]
    return Advice(since, found, rules.silent())


class _Rules:
    def __init__(
        self, user: AbstractBaseUser | AnonymousUser, since: date, did: dict[Who, Did], sites: dict[int, Site]
    ) -> None:
        self._since, self._did, self._sites = formats.date_format(since, "j M"), did, sites
        self._may_change = works_here(user) and user.has_perm("publishing.change_site")

    def orders(self) -> Iterator[Recommendation]:
        """A way that is tried before another one that certainly does better on that site."""
        for site in self._sites.values():
            ways = {who.provider: _fair(did) for who, did in self._of(Kind.WAY) if who.site == site.pk}
            used = [way for way in site.order if way in ways and site.publisher in (Way.HYBRID, way)]
            others = [way for way in site.order if way in ways and way not in site.closed_ways]
            pairs = [(way, other) for way in used for other in others if _is_better(ways[other], ways[way])]
            if pair := next((pair for pair in pairs if _may_take_over(site, *pair)), None):
                shares = [_share(Way(way).label, ways[way]) for way in pair]
                better = Way(pair[1]).label
                what = f"put {better} before it" if site.publisher == Way.HYBRID else f"choose {better}"
                said = f"On {site}, {shares[0]} since {self._since}, {shares[1]}: {what}."
                yield Recommendation("order", said, shares, self._at(site, "Change the order of its ways"))

    def sites(self) -> Iterator[Recommendation]:
        """A site on which too many publications stop."""
        together = _together((who.site, did) for who, did in self._of(Kind.PUBLISHER))
        for site in self._sites.values():
            if _fails_often(did := together[site.pk]):
                share = Share("publications", did.failed, did.ended)
                yield Recommendation(
                    "site",
                    f"On {site}, {did.failed:,} of {did.ended:,} publications stopped, {_mostly(did)}. Test the site.",
                    [share],
                    self._at(site, "Test the site"),
                )

    def services(self) -> Iterator[Recommendation]:
        """A service that too often does not do what it is asked."""
        for (kind, provider), did in self._services().items():
            if _fails_often(did):
                share = Share(f"{title_of(provider)}: {SERVICES[Kind(kind)]}", did.failed, did.ended)
                yield Recommendation(
                    "service",
                    f"{title_of(provider)} failed at {did.failed:,} of {did.ended:,} {SERVICES[Kind(kind)]}, "
                    f"{_mostly(did)}. See what stopped.",
                    [share],
                    Place("What stopped", f"{reverse('admin:articles_article_changelist')}?state=stopped"),
                )

    def silent(self) -> list[Share]:
        """What has ended by itself, and too seldom."""
        ways = [
            (f"{Way(who.provider).label} on {self._sites[who.site]}", _fair(did))
            for who, did in self._of(Kind.WAY)
            if who.site in self._sites
        ]
        services = [
            (f"{name_of(provider)}, {SERVICES[Kind(kind)]}", did) for (kind, provider), did in self._services().items()
        ]
        return [_share(what, did) for what, did in (*ways, *services) if 0 < did.ended < FEWEST]

    def _of(self, kind: str) -> list[tuple[Who, Did]]:
        return [(who, did) for who, did in self._did.items() if who.kind == kind]

    def _services(self) -> dict[tuple[str, str], Did]:
        """By what they do and their ids: what failed without an answer names no model."""
        return _together(((who.kind, who.provider), did) for who, did in self._did.items() if who.kind in SERVICES)

    def _at(self, site: Site, label: str) -> Place:
        if not self._may_change:
            return Place(f"{label}: somebody who may change sites does that")
        return Place(label, reverse("admin:publishing_site_change", args=[site.pk]))


Key = TypeVar("Key")


def _together(parts: Iterable[tuple[Key, Did]]) -> dict[Key, Did]:
    whole = defaultdict[Key, Did](Did)
    for key, did in parts:
        whole[key] += did
    return whole


def _share(what: str, did: Did) -> Share:
    return Share(what, did.failed, did.ended)


def _fair(did: Did) -> Did:
    """Without the failures that say nothing of the way."""
    alike = sum(number for cause, number in did.causes.items() if cause in ALIKE)
    return replace(did, failed=did.failed - alike)


def _is_better(one: Did, other: Did) -> bool:
    """Whether one succeeds more often than another, beyond doubt."""
    if min(one.ended, other.ended) < FEWEST:
        return False
    known, than = (between(each.completed, each.ended, CAREFUL) for each in (one, other))
    return bool(known and than and known.low > than.high)


def _may_take_over(site: Site, way: str, better: str) -> bool:
    """Whether it is not tried first already."""
    return site.publisher != Way.HYBRID or site.order.index(better) > site.order.index(way)


def _fails_often(did: Did) -> bool:
    failed = between(did.failed, did.ended, CAREFUL)
    return bool(did.ended >= FEWEST and failed and failed.low > OFTEN)


def _mostly(did: Did) -> str:
    """Of what has failed: `9 of them: login refused`."""
    [(cause, number)] = did.causes.most_common(1)
    return f"{number:,} of them: {cause_words(cause)}"

"""What a trial has seen: facts, to be kept and answered, which `wording` makes sentences of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from articles.failures import Failure
from articles.providers.errors import ProviderError
from publishing.models import Site, Way


class State(StrEnum):
    GOOD = "good"
    LOOK = "look"  # it works, and could be better; or nobody can tell
    BAD = "bad"  # publishing fails on it


OPEN, UNTRIED, UNTOLD = "open", "untried", "untold"


@dataclass(frozen=True)
class Finding:
    """`about` is a way by its name, or "front", "header", "rights", "upload", "types", "seo", "time_zone", "cache",
    "hero"; `code` what was found, that of the error where it is one. `values` are what its sentence needs.
    """

    about: str
    code: str
    state: State
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, about: str, exc: ProviderError, state: State = State.BAD) -> Finding:
        """Of what a question met."""
        return cls(about, exc.code, state, {"reason": Failure.of(exc).reason, "mend": exc.mend})

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> Finding:
        return cls(saved["about"], saved["code"], State(saved["state"]), saved["values"])

    def saved(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Trial:
    """The findings about one site, those about its ways first."""

    site: Site
    findings: list[Finding]
    at: datetime = field(default_factory=timezone.now)

    @classmethod
    def kept(cls, site: Site) -> Trial | None:
        """That of last time, if it was of this address, user and password."""
        saved = site.trial
        at = parse_datetime(saved["at"]) if saved and saved["login"] == site.login_version else None
        return cls(site, [Finding.read(finding) for finding in saved["findings"]], at) if at else None

    def keep(self) -> None:
        """With the site; ways that turned out to be open are tried again."""
        site = self.site
        site.closed_ways = {way: why for way, why in site.closed_ways.items() if way not in self.open_ways}
        findings = [finding.saved() for finding in self.findings]
        site.trial = {"at": self.at.isoformat(), "login": site.login_version, "findings": findings}
        site.save(update_fields=["trial", "closed_ways"])

    @property
    def ways(self) -> list[str]:
        """Those that articles take there."""
        return self.site.order if self.site.publisher == Way.HYBRID else [self.site.publisher]

    @property
    def open_ways(self) -> list[str]:
        return [finding.about for finding in self.findings if finding.code == OPEN]

    @property
    def works(self) -> bool:
        return any(way in self.open_ways for way in self.ways)

    @property
    def trouble(self) -> Finding | None:
        """What keeps articles out, of a site that does not work."""
        about = (finding for finding in self.findings if finding.about in self.ways and finding.state == State.BAD)
        return None if self.works else next(about, self.findings[0])

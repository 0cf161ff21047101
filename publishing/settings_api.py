"""The settings in the API: what holds, changed in part; and whether a site can be reached with what is saved."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Router
from ninja.errors import HttpError
from pydantic import Field

from articles.api.strict import REFUSALS, Strict
from publishing.models import Site
from publishing.trial.trial import try_site
from publishing.trial.wording import verdict, words

router = Router(tags=["settings"])


class TestIn(Strict):
    """Only what was saved is tried: neither an address nor a password is taken from here."""

    site_id: str = Field(pattern=r"^[0-9]{1,18}$")


class FindingOut(Strict):
    """One fact, and the same in sentences."""

    about: str = Field(
        description="rest, xmlrpc, playwright, header, front, rights, upload, types, seo, time_zone, cache, hero"
    )
    code: str = Field(description="what was found; open: this way works; that of the error where it is one")
    state: Literal["good", "look", "bad"]
    values: dict[str, Any]
    sentence: str
    advice: str = Field(description="what to do; empty: nothing")


class TestOut(Strict):
    """What publishing will meet at a site."""

    site_id: str
    works: bool = Field(description="at least one of the ways that its articles take is open")
    open_ways: list[str]
    message: str
    at: datetime
    findings: list[FindingOut]


@router.post("/test-connection", response={200: TestOut, **REFUSALS})
def test_connection(request: HttpRequest, wanted: TestIn) -> TestOut:
    """Try a site as it is saved. Nothing is changed there; it takes a minute at most, for all questions together."""
    _may_change_sites(request)
    site = Site.objects.filter(pk=int(wanted.site_id)).first()
    if site is None:
        raise HttpError(422, "There is no such site. The desk lists them under Sites.")
    trial = try_site(site)
    trial.keep()
    return TestOut(
        site_id=str(site.pk),
        works=trial.works,
        open_ways=trial.open_ways,
        message=verdict(trial),
        at=trial.at,
        findings=[FindingOut(**finding.saved(), **words(site, finding)._asdict()) for finding in trial.findings],
    )


def _may_change_sites(request: HttpRequest) -> User:
    user: User = request.auth  # type: ignore[attr-defined]  # who was let in
    if not user.has_perm("publishing.change_site"):
        raise PermissionDenied
    return user

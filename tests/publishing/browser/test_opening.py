"""A browser at a site: what it needs, and what the next one is spared."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from pytest_django import Settings

from articles.pipeline.rate_limits import NotYet
from articles.processes import this_machine
from articles.providers.errors import Refused, Rejected
from publishing.browser import opening, slots
from publishing.browser.chromium import missing
from publishing.browser.opening import open_channel
from publishing.models import BrowserSession, BrowserSlot, Site
from tests.publishing.browser.conftest import Watched
from tests.publishing.conftest import new_site
from tests.services import wordpress as service

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.django_db]


@pytest.fixture
def site() -> Site:
    if reason := missing():
        pytest.skip(reason)
    made = new_site("http://127.0.0.1:9", time_limit=30)
    made.web_secret = "desk-password"
    made.save()
    return made


def test_a_session_is_gone_on_with_by_the_next_browser(
    site: Site, wordpress: service.WordPress, watched: Watched
) -> None:
    Site.objects.update(url=wordpress.url)
    site.refresh_from_db()
    with closing(open_channel(site, "calls", before=watched.before)) as channel:
        channel.check()
        with pytest.raises(NotYet):  # a machine has one
            open_channel(site, "forms")
    assert watched.sent.count("POST") == 1, "the login"
    assert BrowserSession.objects.get().site == site
    folder = opening._folder(BrowserSlot.objects.get())
    assert not folder.exists()

    watched.sent.clear()
    with closing(open_channel(site, "forms", before=watched.before, film=watched.film.__setitem__)) as channel:
        assert folder.exists()
        channel.check()
    assert set(watched.sent) == {"GET"}
    assert watched.film.keys() == {"signed_in"}
    assert BrowserSlot.objects.get().holder == ""


def test_what_a_browser_needs_is_asked_for_before_it_runs(site: Site, settings: Settings) -> None:
    settings.GALLEY_ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(Rejected) as inside:
        open_channel(site, "calls")
    assert inside.value.code == "private_address"

    settings.GALLEY_ALLOW_PRIVATE_ADDRESSES = True
    Site.objects.update(encrypted_web_secret="lost")
    with pytest.raises(Refused) as lost:
        open_channel(Site.objects.get(), "calls")
    assert lost.value.code == "undecipherable"

    Site.objects.update(encrypted_web_secret="")
    with pytest.raises(Refused) as none:
        open_channel(Site.objects.get(), "calls")
    assert none.value.code == "no_web_secret"
    assert not BrowserSlot.objects.exclude(holder="").exists()


def test_a_browser_that_does_not_start_gives_its_slot_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publishing.browser.chromium.PROGRAMS", ("true",))
    with pytest.raises(Exception, match="did not start"):
        open_channel(site, "calls")
    assert slots.take(60).number == 1


def test_what_a_killed_browser_has_left_is_swept_up_and_what_one_uses_is_not(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    slot = slots.take(60)
    folder = opening._folder(slot)
    (folder / "profile").mkdir(parents=True)
    opening.sweep_up()
    assert folder.exists()
    BrowserSlot.objects.update(holder=f"{this_machine()}|1|0")  # a process that is no more
    opening.sweep_up()
    assert not folder.exists()
    assert BrowserSlot.objects.get().holder == ""

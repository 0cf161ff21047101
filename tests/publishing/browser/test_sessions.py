"""Sessions at rest: of no use to whoever reads the database, and to nobody once the login is another one."""

from __future__ import annotations

import pytest

from backups import redaction
from publishing import secrets
from publishing.browser import sessions
from publishing.browser.sessions import State
from publishing.models import BrowserSession, Site
from tests.publishing.conftest import new_site

pytestmark = pytest.mark.django_db
COOKIE = "desk%7C1796001767%7Cq7w8e9r0t1z2"
STATE = State("https://m.example.org/wp-admin/", [{"name": "wordpress_logged_in", "value": COOKIE, "path": "/"}])


@pytest.fixture
def site() -> Site:
    made = new_site("https://m.example.org")
    made.web_secret = "the login page's"
    made.save()
    return made


def test_a_session_is_kept_encrypted_and_blacked_out(site: Site) -> None:
    sessions.keep(site, STATE)
    assert sessions.find(site) == STATE
    assert COOKIE not in BrowserSession.objects.get().encrypted_state
    assert COOKIE not in redaction.black_out(f"Set-Cookie: wordpress_logged_in={COOKIE}; path=/")


@pytest.mark.parametrize("name", ["url", "user", "secret", "web_secret"])
def test_another_login_throws_it_away(site: Site, name: str) -> None:
    sessions.keep(site, STATE)
    setattr(site, name, "https://n.example.org" if name == "url" else "another one")
    site.save()
    assert not BrowserSession.objects.exists()


def test_a_login_that_changed_behind_our_back_does_not_use_it(site: Site) -> None:
    sessions.keep(site, STATE)
    Site.objects.update(user="somebody")
    assert sessions.find(Site.objects.get()) is None


def test_a_change_of_something_else_keeps_it(site: Site) -> None:
    sessions.keep(site, STATE)
    site.name = "Weekly"
    site.save()
    assert sessions.find(site) == STATE


def test_one_that_nobody_can_read_is_none(site: Site) -> None:
    sessions.keep(site, STATE)
    for kept in ("lost", secrets.encrypt("{}"), secrets.encrypt("no json"), secrets.encrypt("[1]")):
        BrowserSession.objects.update(encrypted_state=kept)
        assert sessions.find(site) is None


def test_the_password_of_the_login_page(site: Site) -> None:
    assert site.web_secret == "the login page's"
    assert "login page" not in site.encrypted_web_secret
    site.web_secret = ""
    assert site.web_secret == ""
    site.kind = Site.Kind.JWT
    assert site.web_secret == site.secret

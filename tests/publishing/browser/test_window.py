"""Signing in as people do, and what stands in the way of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from articles.providers.errors import ProviderError, Refused, Rejected, Unreachable
from publishing.browser.calls import Calls
from publishing.browser.chromium import Chromium
from publishing.browser.sessions import State
from publishing.browser.window import Window
from publishing.wordpress.answers import Login
from tests.publishing.browser.conftest import PATIENCE, Watched, channel_in, login
from tests.publishing.conftest import Impostor
from tests.services.wordpress import WordPress

pytestmark = pytest.mark.xdist_group("browser")
LOGIN_PAGE = b"""<form action="/wp-login.php" method="post">
<input id="user_login" name="log"><input id="user_pass" name="pwd" type="password"><input type="submit" id="wp-submit">
</form>"""


def asks_for_a_code(wordpress: WordPress) -> None:
    (wordpress.site.switches / "second-factor").touch()


def has_no_rest(wordpress: WordPress) -> None:
    (wordpress.site.switches / "rest-off").touch()


@pytest.mark.parametrize(
    ("who", "password", "before", "error", "code"),
    [
        ("desk", "not this one", lambda _: None, Refused, "login"),
        ("contributor", "", lambda _: None, Refused, "rights"),
        ("desk", "", asks_for_a_code, Refused, "second_factor"),
        ("desk", "", WordPress.start_maintenance, Unreachable, "maintenance"),
        ("desk", "", has_no_rest, Rejected, "rest_off"),
    ],
    ids=["password", "rights", "second factor", "maintenance", "no REST API"],
)
def test_what_stands_in_the_way_is_named(
    chromium: Chromium,
    wordpress: WordPress,
    watched: Watched,
    who: str,
    password: str,
    before: Callable[[WordPress], None],
    error: type[ProviderError],
    code: str,
) -> None:
    before(wordpress)
    channel = channel_in(chromium, "calls", login(wordpress, who, password), watched)
    with pytest.raises(error) as caught:
        channel.check()
    assert caught.value.code == code, caught.value.reason
    assert not password or password not in f"{caught.value.reason} {caught.value.detail}"
    assert watched.sent.count("POST") <= 1, "a password is tried once"
    if code == "login":
        assert watched.film == {}, "the password stands on the page"


def window_at(chromium: Chromium, site: Impostor, watched: Watched, *, signed_in: bool = False) -> Window:
    chromium.do(lambda page: page.context.clear_cookies(), PATIENCE)
    its_login = Login("wordpress:1", "Magazine", site.url, "desk", "s3cret pass word", "page", 30)
    window = Window(its_login, chromium, seconds=PATIENCE, before=watched.before, film=watched.film.__setitem__)
    window.resume(State(f"{site.url}/wp-admin/", []) if signed_in else None, keep=lambda _: None)
    return window


def test_a_password_is_typed_on_no_page_of_another_site(
    chromium: Chromium, impostor: Impostor, other_host: Impostor, watched: Watched
) -> None:
    impostor.says("GET /wp-admin/", status=302, headers={"Location": f"{other_host.url}/wp-login.php"})
    other_host.says("GET /wp-login.php", LOGIN_PAGE, headers={"Content-Type": "text/html"})
    with pytest.raises(Rejected) as caught:
        window_at(chromium, impostor, watched).sign_in()
    assert caught.value.code == "moved"
    assert [method for method, *_ in other_host.requests if method == "POST"] == []


def test_what_a_page_may_not_ask_for_does_not_leave(chromium: Chromium, impostor: Impostor, watched: Watched) -> None:
    page = b'<title>Post</title><script src="/off-limits.js"></script><script src="/fine.js"></script>'
    impostor.says("GET /wp-admin/edit.php", page, headers={"Content-Type": "text/html"})
    with pytest.raises(ProviderError):  # it is no dashboard
        window_at(chromium, impostor, watched, signed_in=True).open("edit.php")
    asked = {path for _, path, *_ in impostor.requests}
    assert "/fine.js" in asked
    assert "/off-limits.js" not in asked


def test_a_request_is_answered_as_one_of_our_own_would_be(
    chromium: Chromium, impostor: Impostor, watched: Watched
) -> None:
    """Also where the site sends a route on, which is told to no page."""
    impostor.says("GET /wp-admin/admin-ajax.php", b"abc123", headers={"Content-Type": "text/html"})
    impostor.says("GET /wp-json/wp/v2/posts?", status=301, headers={"Location": "/wp-json/wp/v2/posts/?per_page=1"})
    impostor.says("GET /wp-json/wp/v2/posts/?", [{"id": 7}])
    window = window_at(chromium, impostor, watched, signed_in=True)
    assert Calls(window, before=watched.before).posts_to_edit() == [{"id": 7}]
    *_, (_, _, headers, _) = impostor.requests
    assert headers["X-WP-Nonce"] == "abc123"
    assert "Authorization" not in headers
    reply = window.fetch("GET", f"{impostor.url}/none", headers={})
    assert (reply.status, reply.text) == (404, "Not here")

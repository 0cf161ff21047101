"""Where the pages of a site may go."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from articles.providers.errors import Rejected, Unreachable
from publishing.browser import guard
from publishing.wordpress.answers import Login


def login(url: str = "https://m.example.org/blog") -> Login:
    return Login("wordpress:1", "Magazine", url, "desk", "a secret", "page", 30)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://m.example.org/blog/wp-admin/post-new.php", True),
        ("https://m.example.org/wp-login.php", True),
        ("https://m.example.org:443/wp-admin/admin-ajax.php?action=heartbeat", True),
        ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", True),
        ("https://secure.gravatar.com/avatar/1", False),
        ("https://s.w.org/images/core/emoji/1.svg", False),
        ("http://m.example.org/wp-admin/", False),
        ("https://m.example.org:8443/", False),
        ("https://m.example.org.evil.example/", False),
        ("https://m.example.org@evil.example/", False),
        ("file:///etc/passwd", False),
        ("javascript:alert(1)", False),
        *(
            (f"https://m.example.org/blog/wp-admin/{page}", False)
            for page in (
                "users.php",
                "user-new.php?x=1",
                "profile.php",
                "plugins.php",
                "plugin-editor.php",
                "themes.php",
                "theme-install.php",
                "customize.php",
                "options-general.php",
                "options.php",
                "tools.php",
                "import.php",
                "export.php",
                "update-core.php",
                "site-health.php",
                "network/users.php",
                "USERS.PHP",
            )
        ),
    ],
)
def test_a_page_goes_to_its_site_alone_and_not_to_all_of_its_dashboard(url: str, may: bool) -> None:
    assert guard.may_go(login(), url) is may


def resolves(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    def look_up(*_: Any, **__: Any) -> list[Any]:
        if not address:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:192.168.1.1"])
def test_an_address_inside_the_network_is_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolves(monkeypatch, address)
    with pytest.raises(Rejected) as caught:
        guard.resolver_rules(login(), allow_private=False)
    assert caught.value.code == "private_address"
    assert guard.resolver_rules(login(), allow_private=True) == "MAP * ~NOTFOUND , EXCLUDE m.example.org"


def test_the_browser_goes_to_the_very_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "93.184.215.14")
    rules = guard.resolver_rules(login(), allow_private=False)
    assert rules == "MAP m.example.org 93.184.215.14 , MAP * ~NOTFOUND"
    resolves(monkeypatch, "2606:2800:21f:cb07::1")
    rules = guard.resolver_rules(login(), allow_private=False)
    assert rules == "MAP m.example.org [2606:2800:21f:cb07::1] , MAP * ~NOTFOUND"


def test_an_address_that_is_a_number_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "93.184.215.14")
    rules = guard.resolver_rules(login("http://93.184.215.14"), allow_private=False)
    assert rules == "MAP * ~NOTFOUND , EXCLUDE 93.184.215.14"


def test_a_name_that_is_not_there_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "")
    with pytest.raises(Unreachable) as caught:
        guard.resolver_rules(login(), allow_private=False)
    assert not caught.value.lost

"""The sites in the desk: who may change them, and that a password never comes out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from articles.models import Article
from articles.pipeline import transitions
from publishing.models import Site
from publishing.options import Options
from tests.desk import RECOVER, stop

LIST = "/admin/publishing/site/"
ADD = "/admin/publishing/site/add/"

SECRET = "abcd EFGH ijkl"


class WordPress:
    """Says who is signed in, in the way of a WordPress: with or without the rights, or not at all."""

    def __init__(self) -> None:
        self.capabilities: dict[str, bool] | None = {"edit_posts": True, "upload_files": True}
        self.logins: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.logins.append(self.headers.get("Authorization", ""))
                said: dict[str, Any] = {"id": 1, "capabilities": outer.capabilities}
                if outer.capabilities is None:
                    said = {"code": "incorrect_password", "message": "no", "data": {"status": 401}}
                body = json.dumps(said).encode()
                self.send_response(401 if outer.capabilities is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def wordpress() -> Iterator[WordPress]:
    site = WordPress()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


@pytest.fixture
def site(db: None, wordpress: WordPress) -> Site:
    site = Site(name="Magazine", url=wordpress.url, user="desk")
    site.secret = SECRET
    site.save()
    return site


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def given(**fields: str) -> dict[str, str]:
    defaults = {"name": "Magazine", "user": "desk", "kind": "app-password", "categories": "", "time_limit": "60"}
    defaults |= {"publisher": "hybrid", "ways": "rest, xmlrpc, playwright", "typography": "theme", "hero": "featured"}
    return {**defaults, "password": "", **fields}


def page_of(site: Site, view: str = "change") -> str:
    return f"{LIST}{site.pk}/{view}/"


TABLE = [  # view, method, then the status for: editor, chief, staff without rights, nobody
    ("", "get", 200, 200, 403, 302),
    ("add/", "get", 403, 200, 403, 302),
    ("add/", "post", 403, 200, 403, 302),
    ("{}/change/", "get", 200, 200, 403, 302),
    ("{}/change/", "post", 403, 200, 403, 302),
    ("{}/delete/", "post", 403, 200, 403, 302),
    ("{}/test/", "post", 403, 302, 403, 302),
    ("{}/test/", "get", 302, 302, 302, 302),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1]}")
def test_editors_look_and_chiefs_change(row: tuple[Any, ...], site: Site, editor: User, chief: User) -> None:
    view, method, *expected = row
    staff = User.objects.create_user("staff", password="a long password", is_staff=True)

    clients = [as_(editor), as_(chief), as_(staff), Client()]
    found = [getattr(client, method)(LIST + view.format(site.pk)).status_code for client in clients]

    assert found == expected


def test_a_new_site_needs_its_password_and_keeps_it_encrypted(chief: User) -> None:
    client = as_(chief)

    refused = client.post(ADD, given(url="https://magazine.example.org"))
    assert "This field is required" in refused.content.decode()
    client.post(ADD, given(url="https://magazine.example.org", password=SECRET))

    site = Site.objects.get()
    assert site.secret == SECRET
    assert SECRET not in site.encrypted_secret


def test_the_password_is_on_no_page_and_in_no_history(site: Site, editor: User, chief: User) -> None:
    as_(chief).post(page_of(site), given(url=site.url, password=f"{SECRET}!"))

    for user in (editor, chief):
        for path in (LIST, page_of(site), page_of(site, "history")):
            page = as_(user).get(path).content.decode()
            assert SECRET not in page
            assert site.encrypted_secret not in page
    again = as_(chief).post(page_of(site), given(name="", url=site.url, password=SECRET)).content.decode()
    assert SECRET not in again
    assert not any(SECRET in entry.change_message for entry in LogEntry.objects.all())


def test_an_empty_password_keeps_the_present_one(site: Site, chief: User) -> None:
    as_(chief).post(page_of(site), given(url=site.url, user="another"))

    site.refresh_from_db()
    assert (site.user, site.secret) == ("another", SECRET)


@pytest.mark.parametrize("change", [{"url": "https://elsewhere.example.org"}, {"kind": "jwt"}])
def test_a_stored_password_is_never_sent_to_a_new_address(change: dict[str, str], site: Site, chief: User) -> None:
    answer = as_(chief).post(page_of(site), given(**{"url": site.url, **change}))

    assert "Enter the password again" in answer.content.decode()
    site.refresh_from_db()
    assert (site.url.startswith("http://127.0.0.1"), site.kind) == (True, "app-password")


def test_the_password_of_the_login_page_is_kept_and_on_no_page(site: Site, chief: User) -> None:
    client = as_(chief)
    client.post(page_of(site), given(url=site.url, web_password=f"{SECRET}!"))
    client.post(page_of(site), given(url=site.url, name="Weekly"))

    site.refresh_from_db()
    assert (site.name, site.secret, site.web_secret) == ("Weekly", SECRET, f"{SECRET}!")
    page = client.get(page_of(site)).content.decode()
    assert SECRET not in page
    assert site.encrypted_web_secret not in page
    assert client.get(f"{LIST}?encrypted_web_secret__startswith=g").status_code != 200


@pytest.mark.parametrize("change", [{"url": "https://elsewhere.example.org"}, {"user": "another"}])
def test_the_password_of_the_login_page_is_of_one_user_at_one_address(
    change: dict[str, str], site: Site, chief: User
) -> None:
    site.web_secret = SECRET
    site.save()
    as_(chief).post(page_of(site), given(**{"url": site.url, "password": SECRET, **change}))

    site.refresh_from_db()
    assert site.encrypted_web_secret == ""


@pytest.mark.parametrize(
    ("capabilities", "said"),
    [
        ({"edit_posts": True, "upload_files": True}, "works: user “desk” can write drafts and upload pictures there."),
        ({"edit_posts": True}, "may not upload pictures there"),
        (None, "Next: check the password of site"),
    ],
)
def test_the_test_signs_in_and_says_how_it_went(
    capabilities: dict[str, bool] | None, said: str, site: Site, wordpress: WordPress, chief: User
) -> None:
    wordpress.capabilities = capabilities

    answer = as_(chief).post(page_of(site, "test"), follow=True)

    assert said in answer.content.decode()
    assert "press Recover" not in answer.content.decode()
    assert wordpress.logins
    assert LogEntry.objects.get().change_message.startswith("Tested: ")


def test_the_page_shows_what_was_found_until_the_login_changes(site: Site, wordpress: WordPress, chief: User) -> None:
    assert "What was found" not in as_(chief).get(page_of(site)).content.decode()
    page = as_(chief).post(page_of(site, "test"), follow=True).content.decode()
    assert "What was found" in page
    assert "User “desk” signs in, and may write drafts and upload pictures." in page
    assert "Not tried: nobody has given the password of the login page." in page

    as_(chief).post(page_of(site), given(url=site.url, user="another"))
    assert "What was found" not in as_(chief).get(page_of(site)).content.decode()


def test_a_password_that_no_key_opens_is_said(site: Site, chief: User) -> None:
    Site.objects.update(encrypted_secret="x")

    answer = as_(chief).post(page_of(site, "test"), follow=True)

    assert "cannot be read with the present keys" in answer.content.decode()


def test_without_sites_the_list_says_what_to_do(chief: User, editor: User) -> None:
    assert "Add a site" in as_(chief).get(LIST).content.decode()
    assert "A chief editor can add one." in as_(editor).get(LIST).content.decode()


def test_an_address_without_https_draws_a_warning(admin_user: User) -> None:
    client = as_(admin_user)
    for scheme, warned in (("http", True), ("HTTP", True), ("https", False)):
        name = f"Site {scheme}"
        fields = given(name=name, url=f"{scheme}://m.example.org", password="s3cret pass word")
        page = client.post(ADD, fields, follow=True).content.decode()
        assert Site.objects.filter(name=name).exists()
        assert ("travels in clear" in page) is warned, scheme


def test_a_closed_way_is_named_and_opened_again(site: Site, chief: User) -> None:
    Site.objects.update(closed_ways={"xmlrpc": {"code": "firewall", "reason": "a firewall turned {it} away"}})

    said = as_(chief).get(page_of(site)).content.decode()
    assert "XML-RPC: a firewall turned it away. Saving the site opens them again." in said

    assert as_(chief).post(page_of(site), given(url=site.url, hero="text")).status_code == 302
    site.refresh_from_db()
    assert (site.closed_ways, site.hero) == ({}, "text")
    assert "Closed ways" not in as_(chief).get(page_of(site)).content.decode()


def test_how_a_site_wants_its_posts_is_kept_and_shown_again(site: Site, chief: User) -> None:
    client = as_(chief)
    wishes = {"posts": "publish", "tags": "Freight,  Harbours, Freight", "comments": "closed", "seo_optimization": "on"}
    assert client.post(page_of(site), given(url=site.url, **wishes)).status_code == 302

    site.refresh_from_db()
    assert site.wishes == Options(True, None, ("Freight", "Harbours"), comments="closed", seo_optimization=True)
    page = client.get(page_of(site)).content.decode()
    assert 'value="Freight, Harbours"' in page
    assert '<option value="publish" selected>' in page
    assert client.post(page_of(site), given(url=site.url, tags="x" * 101)).status_code == 200
    assert client.post(page_of(site), given(url=site.url)).status_code == 302
    site.refresh_from_db()
    assert site.standing == {}


def test_a_new_password_is_tried_at_once_and_leads_to_what_waits(site: Site, chief: User, editor: User) -> None:
    article = Article(owner=editor, manuscript="# Trains\n\nThey run.", site=site)
    transitions.submit(article)
    stop(article, provider=f"wordpress:{site.pk}")
    answer = as_(chief).post(page_of(site), given(url=site.url, password="another password"), follow=True)

    page = answer.content.decode()
    assert "“Magazine” works" in page
    assert f'<a href="{RECOVER}?ids={article.pk}">Recover 1 article</a>' in page
    unchanged = as_(chief).post(page_of(site), given(url=site.url), follow=True)
    assert "works" not in unchanged.content.decode()


def test_a_new_password_that_is_refused_is_said_at_once(site: Site, wordpress: WordPress, chief: User) -> None:
    wordpress.capabilities = None
    answer = as_(chief).post(page_of(site), given(url=site.url, password="wrong"), follow=True)

    assert "“Magazine” cannot be used" in answer.content.decode()

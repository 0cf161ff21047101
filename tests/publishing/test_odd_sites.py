"""Sites that are set up in odd ways: one whole draft arrives, whatever stands in front of the real WordPress."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from articles.failure_names import SHORT
from articles.models import Article
from articles.providers.errors import Refused
from publishing.models import Site
from publishing.sites import client_for
from tests.conftest import error_of
from tests.publishing.conftest import Drive, Impostor, Ready, new_site
from tests.publishing.test_stage import assert_published, sends
from tests.services.http_faults import Faults, Said, in_front_of
from tests.services.wordpress import WordPress

pytestmark = pytest.mark.django_db
Habit = Callable[[str, str, Mapping[str, str]], Said | None]
HTML = {"Content-Type": "text/html"}


@pytest.fixture
def front(wordpress: WordPress) -> Iterator[Faults]:
    """Without the Link header: security plugins take it away. WordPress would send its own address on, too."""
    with in_front_of("127.0.0.1", urlsplit(wordpress.url).port or 80) as faults:
        faults.hides = frozenset({"link", "location"})
        yield faults


def site_behind(front: Faults, wordpress: WordPress, **fields: Any) -> Site:
    return new_site(front.url, wordpress.user, wordpress.app_password, **fields)


def no_users(_method: str, path: str, _headers: Mapping[str, str]) -> Said | None:
    """A plugin against the listing of users takes the route away."""
    said = {"code": "rest_no_route", "message": "No route was found", "data": {"status": 404}}
    return (404, {"Content-Type": "application/json"}, json.dumps(said).encode()) if "/users" in path else None


def slashes(_method: str, path: str, _headers: Mapping[str, str]) -> Said | None:
    """A web server that wants a slash behind every address."""
    address, mark, query = path.partition("?")
    return None if address.endswith("/") else (301, {"Location": f"{address}/{mark}{query}"}, b"")


def no_head(method: str, _path: str, _headers: Mapping[str, str]) -> Said | None:
    return (405, HTML, b"") if method == "HEAD" else None


def no_wp_json(_method: str, path: str, _headers: Mapping[str, str]) -> Said | None:
    return (404, HTML, b"<h1>Not Found</h1>") if path.startswith("/wp-json") else None


def no_head_and_no_wp_json(method: str, path: str, headers: Mapping[str, str]) -> Said | None:
    return no_head(method, path, headers) or no_wp_json(method, path, headers)


@pytest.mark.reported("wp-no-link-header.md")
@pytest.mark.parametrize("kind", [Site.Kind.APP_PASSWORD, Site.Kind.JWT])
@pytest.mark.parametrize("habit", [no_users, slashes, no_head, no_wp_json, no_head_and_no_wp_json])
def test_it_works(wordpress: WordPress, front: Faults, ready: Ready, run: Drive, habit: Habit, kind: Site.Kind) -> None:
    site = site_behind(front, wordpress, kind=kind)
    if kind == Site.Kind.JWT:
        wordpress.accept_tokens()
        site.secret = wordpress.desk.password
        site.save()
    front.habit = habit

    article = run(ready(site))

    assert_published(wordpress, article)
    assert set(sends(article).values()) == {1}


def test_a_link_is_asked_for_in_another_way_where_head_is_refused(impostor: Impostor) -> None:
    impostor.says("HEAD /", status=405)
    impostor.says("GET /", headers={"Link": f'<{impostor.url}/api/>; rel="https://api.w.org/"'})
    impostor.says("GET /api/wp/v2/users/me", {"id": 1, "capabilities": {"edit_posts": True, "upload_files": True}})
    client_for(new_site(impostor.url)).check()


def test_a_wrong_password_shows_where_the_users_are_hidden(wordpress: WordPress, front: Faults) -> None:
    front.habit = no_users
    with pytest.raises(Refused) as caught:
        client_for(new_site(front.url, wordpress.user, "wrong")).check()
    assert caught.value.code == "login"


def test_a_redirect_to_elsewhere_is_not_followed(impostor: Impostor, other_host: Impostor) -> None:
    impostor.says("GET /wp-json/", status=301, headers={"Location": f"{other_host.url}/wp-json/wp/v2/users/me/"})
    with pytest.raises(Exception, match="has moved"):
        client_for(new_site(impostor.url)).check()
    assert other_host.requests == []


@pytest.mark.parametrize("target", ["/wp-json/wp/v2/users/me", "/login?next=/wp-json/wp/v2/users/me", "/x/"])
def test_a_redirect_that_leads_round_ends(impostor: Impostor, target: str) -> None:
    impostor.says("GET /wp-json/", status=301, headers={"Location": target})
    with pytest.raises(Exception, match="on to"):
        client_for(new_site(impostor.url)).check()
    assert len(impostor.requests) < 8


# What a site makes of a draft


def _site_that(impostor: Impostor, change: Callable[[dict[str, Any]], None]) -> None:
    """Takes a draft, and answers with what it has made of it."""
    ours = impostor.answer_to

    def answer_to(request: str) -> Any:
        if not request.startswith("POST /wp-json/wp/v2/posts"):
            return ours(request)
        post = json.loads(impostor.requests[-1][3])
        made = {"id": 7, "slug": "s", "status": "draft", "featured_media": post.get("featured_media", 0)}
        made |= {"content": {"raw": post["content"]}, "title": {"raw": post["title"]}, "categories": []}
        change(made)
        return 201, {}, json.dumps(made).encode()

    impostor.answer_to = answer_to  # type: ignore[method-assign]  # this one looks at what it was sent
    media = {"id": 5, "source_url": f"{impostor.url}/a.jpg", "alt_text": "x"}
    impostor.says("POST /wp-json/wp/v2/media", {**media, "media_details": {"width": 9, "sizes": {"a": 1}}}, 201)


def _cut(made: dict[str, Any]) -> None:
    made["content"]["raw"] = made["content"]["raw"][:300]


def _publish(made: dict[str, Any]) -> None:
    made["status"] = "publish"


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (_cut, "stored_in_part", r"the site has stored only a part of the text: \d+ of \d+ words"),
        (_publish, "published_at_once", "the site did not keep the post as a draft, but published it at once"),
    ],
)
def test_what_became_of_a_draft_is_noticed(
    impostor: Impostor, ready: Ready, run: Drive, change: Callable[[dict[str, Any]], None], code: str, reason: str
) -> None:
    _site_that(impostor, change)

    article = run(ready(new_site(impostor.url), page="<article>" + "<p>Words of it</p>" * 90 + "</article>"))

    assert article.status == Article.Status.FAILED
    assert error_of(article)["code"] == code
    assert re.search(reason, error_of(article)["reason"])
    assert code in SHORT


def test_a_site_that_keeps_it_is_left_in_peace(impostor: Impostor, ready: Ready, run: Drive) -> None:
    _site_that(impostor, lambda made: made["content"].update(raw=made["content"]["raw"].replace(' alt="', ' title="')))
    assert run(ready(new_site(impostor.url))).status == Article.Status.DONE

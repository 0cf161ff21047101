"""On a real WordPress the same article by each way is the same post; what is closed to one is open to the next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User

from articles.models import Article
from publishing import publish_tasks
from publishing.browser.chromium import missing
from publishing.models import Site
from publishing.options import Options
from tests.publishing.conftest import Drive, Ready, new_site
from tests.services.http_faults import Faults, Said, in_front_of
from tests.services.wordpress import WordPress

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.django_db]
OPTIONS = Options(
    publish_immediately=True, tags=("Freight", "R&D"), categories=("Trade",), excerpt="In short.", comments="closed"
)


@pytest.fixture
def front(wordpress: WordPress) -> Iterator[Faults]:
    """It knows itself by the address in front: WordPress would send its own on."""
    with in_front_of("127.0.0.1", urlsplit(wordpress.url).port or 80) as faults:
        faults.hides = frozenset({"link", "location"})
        yield faults


def published(article: Article, site: Site, by: User, way: str, run: Drive) -> Article:
    publish_tasks.submit(article, site, by, publisher=way, options=OPTIONS)
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    return article


def shown(wordpress: WordPress, article: Article) -> dict[str, Any]:
    """What readers and editors have of it, without what is another one's with each article."""
    [post] = [post for post in wordpress.posts() if article.uid in post.content]
    own = {image.wordpress_url: image.role for image in article.images.all()}
    content = post.content
    for url, role in own.items():
        content = content.replace(url, role)
    for image in article.images.all():
        content = content.replace(f"wp-image-{image.wordpress_media_id}", f"wp-image-{image.role}")
        content = content.replace(f'"id":{image.wordpress_media_id},', f'"id":"{image.role}",')
    featured = article.images.get(role="hero").wordpress_media_id
    return {
        "title": post.title,
        "content": re.sub(r"idem-\w+ text-\w+", "mark", content),
        "status": post.status,
        "terms": post.terms,
        "featured": post.featured == featured,
        "slug": post.slug.replace(article.uid[:12], "uid"),
    }


def test_each_way_gives_the_same_post_and_twice_gives_one(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User
) -> None:
    posts = {}
    for way in ("rest", "xmlrpc"):
        article = published(ready(site), site, editor, way, run)
        posts[way] = shown(wordpress, article)
        number = len(wordpress.posts()), len(wordpress.media())
        for again in ("rest", "xmlrpc"):
            published(article, site, editor, again, run)
        assert (len(wordpress.posts()), len(wordpress.media())) == number
        assert shown(wordpress, article) == posts[way]
    assert posts["rest"] == posts["xmlrpc"]


def no_rest(_method: str, path: str, _headers: Mapping[str, str]) -> Said | None:
    closed = path.startswith("/wp-json") or "rest_route" in path
    return (403, {"Content-Type": "text/html"}, b"<h1>Forbidden</h1>") if closed else None


def test_where_rest_is_closed_it_goes_by_xmlrpc(wordpress: WordPress, front: Faults, ready: Ready, run: Drive) -> None:
    front.habit = no_rest
    site = new_site(front.url, wordpress.user, wordpress.app_password, publisher="hybrid")
    article = run(ready(site))
    assert article.status == Article.Status.DONE, article.error
    assert article.publish_tasks.get().way == "xmlrpc"
    assert len(wordpress.posts()) == 1
    site.refresh_from_db()
    assert set(site.closed_ways) == {"rest"}


def test_where_the_header_is_dropped_the_same_password_arrives_by_xmlrpc(
    wordpress: WordPress, front: Faults, ready: Ready, run: Drive
) -> None:
    front.drops = frozenset({"authorization"})
    site = new_site(front.url, wordpress.user, wordpress.app_password, publisher="hybrid")
    article = run(ready(site))
    assert article.status == Article.Status.DONE, article.error
    assert article.publish_tasks.get().way == "xmlrpc"


@pytest.mark.xdist_group("browser")
@pytest.mark.dealt(2)
@pytest.mark.parametrize("has_rest", [True, False])
def test_by_a_browser_it_is_the_same_post_too(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User, has_rest: bool
) -> None:
    """By its JSON calls, and by the old forms where the site has no REST API for anybody; then by REST once more."""
    if reason := missing():
        pytest.skip(reason)
    site.web_secret = wordpress.desk.password
    site.time_limit = 30
    site.save()
    switch = wordpress.site.switches / "rest-off"
    if not has_rest:
        switch.touch()
    article = published(ready(site), site, editor, "playwright", run)
    by_browser = shown(wordpress, article)
    task = article.publish_tasks.first()
    assert task
    assert task.way == "playwright"
    assert [shot.step for shot in task.film.all()][:1] == ["signed_in"]
    number = len(wordpress.posts()), len(wordpress.media())

    switch.unlink(missing_ok=True)
    published(article, site, editor, "rest", run)
    assert (len(wordpress.posts()), len(wordpress.media())) == number, "nothing is made twice"
    assert shown(wordpress, article) == by_browser

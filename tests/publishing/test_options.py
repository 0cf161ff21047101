"""Publishing with options on a real WordPress: what was asked for is there, and what it made of it is told."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Literal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article, Call, DeskSettings
from publishing import publish_tasks
from publishing.models import Site, Way
from publishing.options import Options
from publishing.publishers import search_words
from publishing.publishers.search_words import shortened
from tests.doubles.server import Doubles
from tests.publishing.conftest import Drive, Ready, new_site
from tests.services.wordpress import WordPress

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.django_db]


def states(article: Article) -> dict[str, str]:
    task = article.publish_tasks.first()
    assert task
    return {finding["field"]: finding["state"] for finding in task.kept}


def test_a_finished_article_is_published_with_all_that_was_asked_for(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(site))
    options = Options(
        publish_immediately=True,
        tags=("Freight", "R&D"),
        categories=("Trade",),
        excerpt="In short: faster.",
        slug="tariffs",
        comments="closed",
    )
    publish_tasks.submit(article, site, editor, options=options)
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    [post] = wordpress.posts()
    assert (post.status, post.slug) == ("publish", "tariffs")
    assert post.terms == {"category": ["Trade"], "post_tag": ["Freight", "R&amp;D"]}
    assert set(states(article).values()) == {"kept"}, states(article)
    task = article.publish_tasks.first()
    assert task
    assert task.link.startswith(wordpress.url)
    assert len(wordpress.media()) == 2, "the pictures of before"

    publish_tasks.submit(article, site, editor, options=options)
    assert run(article).status == Article.Status.DONE
    assert len(wordpress.posts()) == 1, "once more is the same"


def test_at_a_time_the_site_publishes_it_by_itself(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User
) -> None:
    article = run(ready(site))
    at = timezone.now().replace(microsecond=0) + timedelta(days=3)
    publish_tasks.submit(article, site, editor, options=Options(publish_at=at))
    article = run(article)
    [post] = wordpress.posts()
    assert post.status == "future"
    assert states(article)["date"] == "kept"


def test_what_the_site_changes_is_told(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User
) -> None:
    """Two posts cannot have one address."""
    for title in ("First", "Second"):
        article = run(ready(site, title=title))
        publish_tasks.submit(article, site, editor, options=Options(slug="tariffs", publish_immediately=True))
        article = run(article)
    task = article.publish_tasks.first()
    assert task
    [changed] = [finding for finding in task.kept if finding["state"] != "kept"]
    assert (changed["field"], changed["found"]) == ("slug", "tariffs-2")


@pytest.mark.parametrize(("plugin", "state"), [("yoast", "kept"), (None, "dropped")])
def test_words_for_search_engines_are_kept_where_a_plugin_has_a_place_for_them(
    wordpress: WordPress,
    site: Site,
    ready: Ready,
    run: Drive,
    editor: User,
    plugin: Literal["yoast"] | None,
    state: str,
) -> None:
    if plugin:
        wordpress.use_seo(plugin)
    article = run(ready(site))
    publish_tasks.submit(article, site, editor, options=Options(seo_optimization=True, focus_keyword="tariffs"))
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    found = states(article)
    assert [found[f"seo_{word}"] for word in ("title", "description", "keyword")] == [state] * 3


@pytest.mark.parametrize("way", [Way.REST, Way.XMLRPC])
@pytest.mark.parametrize(
    ("signs_in", "wanted", "becomes", "state"),
    [
        ("desk", "AUTHOR", "author", "kept"),
        ("desk", "nobody", "desk", "dropped"),
        ("author", "desk", "author", "dropped"),  # who is no editor writes for no other
    ],
)
def test_an_author_where_that_is_permitted(
    wordpress: WordPress,
    ready: Ready,
    run: Drive,
    editor: User,
    way: Way,
    signs_in: str,
    wanted: str,
    becomes: str,
    state: str,
) -> None:
    account = wordpress.accounts[signs_in]
    secret = account.app_password if way == Way.REST else account.password
    site = new_site(wordpress.url, account.login, secret, publisher=way)
    article = run(ready(site))
    for _ in range(2):
        publish_tasks.submit(article, site, editor, options=Options(author=wanted))
        article = run(article)
        assert article.status == Article.Status.DONE, article.error
        assert states(article)["author"] == state
    [post] = wordpress.posts()
    assert post.author == wordpress.accounts[becomes].id


def words(article: Article) -> dict[str, str]:
    task = article.publish_tasks.first()
    assert task
    return {finding["field"]: finding["names"][0] for finding in task.kept if finding["field"].startswith("seo_")}


def test_the_text_service_writes_them_once_for_a_text(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User, services: Doubles
) -> None:
    wordpress.use_seo("yoast")
    article = run(ready(site))
    for options in (Options(seo_optimization=True), Options(seo_optimization=True, seo_title="Mine")):
        publish_tasks.submit(article, site, editor, options=options)
        article = run(article)
        assert article.status == Article.Status.DONE, article.error

    [call] = article.calls.filter(key__startswith="search:")
    assert (call.state, call.sends, len(services.requests("openai"))) == (Call.State.DONE, 1, 1)
    assert call.cost
    written = words(article)
    assert written["seo_title"] == "Mine"
    assert written["seo_keyword"]
    assert written["seo_description"] != search_words.by_rule(article, Options())["description"]

    Article.objects.filter(pk=article.pk).update(html="<p>Another text</p>")
    publish_tasks.submit(article, site, editor, options=Options(seo_optimization=True))
    article = run(article)
    assert article.calls.filter(key__startswith="search:").count() == 2, "of another text it is asked anew"


@pytest.mark.parametrize("fault", ["refusal", "malformed", "server_error", "rate_limited", "unauthorized"])
def test_without_its_words_the_rule_makes_them(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User, services: Doubles, fault: str
) -> None:
    wordpress.use_seo("yoast")
    """At once, and by the same way: that it fails says nothing of the site."""
    services.fail("openai", "responses", fault, times=20)
    Site.objects.filter(pk=site.pk).update(publisher=Way.HYBRID)
    article = run(ready(site))
    publish_tasks.submit(article, site, editor, options=Options(seo_optimization=True))
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    ruled = search_words.by_rule(article, Options())
    assert words(article) == {f"seo_{word}": text for word, text in ruled.items()}
    assert "made by rule" in article.events.get(kind="search").message
    task = article.publish_tasks.first()
    assert task
    assert (task.turns, article.attempt) == ([], 2)


def test_a_limit_keeps_no_post_from_its_site(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User, services: Doubles
) -> None:
    wordpress.use_seo("yoast")
    DeskSettings.objects.update_or_create(name="desk", defaults={"limit_day": Decimal("0.000001")})
    article = run(ready(site))
    publish_tasks.submit(article, site, editor, options=Options(seo_optimization=True))
    article = run(article)
    assert article.status == Article.Status.DONE, article.error
    assert not services.requests("openai")
    assert states(article)["seo_title"] == "kept"


def test_a_site_that_keeps_no_words_costs_no_call(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, editor: User, services: Doubles
) -> None:
    article = run(ready(site))
    publish_tasks.submit(article, site, editor, options=Options(seo_optimization=True))
    assert run(article).status == Article.Status.DONE
    assert not services.requests("openai")


def test_what_is_too_long_for_a_page_of_results_is_cut_between_words() -> None:
    assert shortened("Home batteries, and what they cost", 20) == "Home batteries, and…"
    assert shortened("Home batteries", 14) == "Home batteries"

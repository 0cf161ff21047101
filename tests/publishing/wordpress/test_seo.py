"""Words for search engines, with each plugin that has a place for them, on a real WordPress."""

from __future__ import annotations

from typing import Any

import pytest

from publishing.wordpress import seo
from publishing.wordpress.client import WordPress
from tests.publishing.wordpress.test_client import client
from tests.services import wordpress as service

WORDS = {"title": "Tariffs & AI | “Magazine”", "description": "What 12 % more mean", "keyword": "tariffs"}
ALL = frozenset(WORDS)
BOTH = frozenset({"title", "description"})
NAMED = {
    "yoast": {"title": "_yoast_wpseo_title", "description": "_yoast_wpseo_metadesc", "keyword": "_yoast_wpseo_focuskw"},
    "rankmath": {
        "title": "rank_math_title",
        "description": "rank_math_description",
        "keyword": "rank_math_focus_keyword",
    },
    "seopress": {"title": "_seopress_titles_title", "description": "_seopress_titles_desc"},
}


@pytest.fixture
def desk(wordpress: service.WordPress) -> WordPress:
    return client(wordpress.url, wordpress.user, wordpress.app_password)


@pytest.mark.parametrize(
    ("plugin", "name", "kept"),
    [
        ("yoast", "Yoast SEO", ALL),
        ("yoast-closed", "Yoast SEO", frozenset()),
        ("rankmath", "Rank Math", ALL),
        ("aioseo", "All in One SEO", BOTH),
        ("seopress", "SEOPress", BOTH),
    ],
)
def test_what_a_plugin_keeps_is_known_before_and_seen_after(
    desk: WordPress, wordpress: service.WordPress, plugin: Any, name: str, kept: frozenset[str]
) -> None:
    wordpress.use_seo(plugin)
    draft = desk.create_draft("a-slug", {"title": "T", "content": "x"})

    known = seo.support(desk)
    assert (known.plugin and known.plugin.name, known.words) == (name, kept)
    assert seo.write(desk, known, draft["id"], WORDS) == kept

    (post,) = wordpress.posts()
    for word, key in NAMED.get(plugin, {}).items():
        assert post.meta[key] == WORDS[word]
    assert post.title == "T"


def test_without_a_plugin_there_is_no_place_for_them(desk: WordPress, wordpress: service.WordPress) -> None:
    draft = desk.create_draft("a-slug", {"title": "T", "content": "x"})
    known = seo.support(desk)
    assert (known.plugin, known.words) == (None, frozenset())
    assert seo.write(desk, known, draft["id"], WORDS) == frozenset()
    assert wordpress.posts()[0].meta == {}


def test_what_a_site_dropped_all_the_same_is_seen(desk: WordPress, wordpress: service.WordPress) -> None:
    wordpress.use_seo("yoast-closed")
    draft = desk.create_draft("a-slug", {"title": "T", "content": "x"})
    believed = seo.Support(seo.PLUGINS[0], ALL)
    assert seo.write(desk, believed, draft["id"], WORDS) == frozenset()


@pytest.mark.parametrize("index", [None, [], {}, {"namespaces": "yoast/v1"}, {"namespaces": [["yoast/v1"], 7, None]}])
def test_an_index_may_say_anything(index: Any) -> None:
    assert seo.plugin_of(index) is None


@pytest.mark.parametrize(
    "options", [None, [], {"schema": []}, {"schema": {"properties": {"meta": {"properties": [1]}}}}]
)
def test_so_may_what_it_says_of_posts(options: Any) -> None:
    assert seo.support_of(seo.PLUGINS[0], options).words == frozenset()


@pytest.mark.parametrize("plugin", seo.PLUGINS, ids=lambda plugin: plugin.name)
def test_each_is_known_among_others(plugin: seo.Plugin) -> None:
    assert seo.plugin_of({"namespaces": ["oembed/1.0", plugin.namespace, "wp/v2"]}) == plugin
    assert plugin.keys.keys() <= ALL

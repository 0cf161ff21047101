"""What a post tells search engines: its title there, its description, the keyword it is about.

WordPress has no place for them, and each plugin has one of its own. What a site drops it drops without a word, so what
came back is compared.

References: the REST APIs of Yoast SEO, Rank Math, All in One SEO 4.9 and SEOPress 9.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from publishing.channel import Channel
from publishing.wordpress.client import WordPress
from publishing.wordpress.reading import as_dict, plain

META = "meta"  # the field of a post where keys are kept that somebody has registered


class Plugin(NamedTuple):
    """Where a plugin keeps what, by "title", "description", "keyword"."""

    name: str
    namespace: str  # of its own routes, by which it is known
    keys: Mapping[str, str]
    place: str = META  # the field of a post where its keys are written and read back
    route: str = ""  # where they are written instead, and cannot be read back


PLUGINS = (
    Plugin(
        "Yoast SEO",
        "yoast/v1",
        {
            "title": "_yoast_wpseo_title",
            "description": "_yoast_wpseo_metadesc",
            "keyword": "_yoast_wpseo_focuskw",
        },
    ),
    Plugin(
        "Rank Math",
        "rankmath/v1",
        {
            "title": "rank_math_title",
            "description": "rank_math_description",
            "keyword": "rank_math_focus_keyword",
        },
        route="rankmath/v1/updateMeta",
    ),
    Plugin(
        "All in One SEO",
        "aioseo/v1",
        {"title": "title", "description": "description"},
        place="aioseo_meta_data",  # which it does not take with a new post, only afterwards
    ),
    Plugin(
        "SEOPress",
        "seopress/v1",
        {
            "title": "_seopress_titles_title",
            "description": "_seopress_titles_desc",
            "keyword": "_seopress_analysis_target_kw",
        },
    ),
)


@dataclass(frozen=True)
class Support:
    """The plugin of a site, and for which of "title", "description", "keyword" it has a key that will be kept."""

    plugin: Plugin | None
    words: frozenset[str]


def plugin_of(index: Any) -> Plugin | None:
    """The plugin that is active, by the list of all routes: the first that we know."""
    namespaces = (as_dict(index) or {}).get("namespaces")
    known = namespaces if isinstance(namespaces, list) else []
    return next((plugin for plugin in PLUGINS if plugin.namespace in known), None)


def support_of(plugin: Plugin | None, options: Any) -> Support:
    """What of it a site will keep, by what it says of the fields of posts: a key that is not registered is dropped."""
    if plugin is None:
        return Support(None, frozenset())
    if plugin.route or plugin.place != META:
        return Support(plugin, frozenset(plugin.keys))
    registered = as_dict(options) or {}
    for name in ("schema", "properties", META, "properties"):
        registered = as_dict(registered.get(name)) or {}
    return Support(plugin, frozenset(word for word, key in plugin.keys.items() if key in registered))


def support(client: WordPress) -> Support:
    """Asked of the site. Raises ProviderError."""
    plugin = plugin_of(client.ask("GET", "", params={"_fields": "namespaces"}))
    asks = plugin is not None and plugin.place == META and not plugin.route
    return support_of(plugin, client.ask("OPTIONS", "wp/v2/posts") if asks else None)


def support_by(channel: Channel) -> Support:
    """`support`, where the way can say it: by REST. Raises ProviderError."""
    return support(channel) if isinstance(channel, WordPress) else Support(None, frozenset())


def write_by(channel: Channel, of: Support, post_id: int, words: Mapping[str, str]) -> frozenset[str]:
    """`write`, where the way can say it: by REST. Raises ProviderError."""
    return write(channel, of, post_id, words) if isinstance(channel, WordPress) else frozenset()


def write(client: WordPress, of: Support, post_id: int, words: Mapping[str, str]) -> frozenset[str]:
    """Give a post that is there these words; which of them it has now. Raises ProviderError."""
    wanted = {word: text for word, text in words.items() if word in of.words}
    if of.plugin is None or not wanted:
        return frozenset()
    named = {of.plugin.keys[word]: text for word, text in wanted.items()}
    if of.plugin.route:
        client.ask("POST", of.plugin.route, json={"objectType": "post", "objectID": post_id, "meta": named})
        return frozenset(wanted)
    place = of.plugin.place
    answer = client.ask("POST", f"wp/v2/posts/{post_id}", params={"_fields": place}, json={place: named})
    kept = as_dict((as_dict(answer) or {}).get(place)) or {}
    return frozenset(word for word, text in wanted.items() if plain(kept.get(of.plugin.keys[word])) == plain(text))

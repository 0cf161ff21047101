"""A real post as the site's theme shows it: whether readers see its featured image above the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from articles.providers.errors import ProviderError
from publishing.models import Site
from publishing.trial.findings import UNTOLD, Finding, State
from publishing.wordpress.answers import PAGE_LETTERS, Reply, joined, origin_of
from publishing.wordpress.client import WordPress
from publishing.wordpress.reading import as_dict, as_dicts, id_of

LOOKED_AT = 10  # posts, the latest
_TAG = re.compile(r"<(?!script|noscript|link|meta)[a-z][^<>]{0,5000}+", re.IGNORECASE)
_BODY = re.compile(r"<body\b", re.IGNORECASE)


def hero(site: Site, client: WordPress, page_at: Callable[[str], Reply]) -> Finding:
    """Where the hero image is best put, by a published post that has one; `page_at` gets a page as readers do."""
    try:
        shown = _is_shown(client, page_at)
    except ProviderError as exc:
        return Finding.of("hero", exc, State.LOOK)
    if shown is None:
        return Finding("hero", UNTOLD, State.LOOK)
    fitting = [Site.Hero.FEATURED] if shown else [Site.Hero.BOTH, Site.Hero.TEXT]
    code = "shown" if shown else "not_shown"
    if site.hero in fitting:
        return Finding("hero", code, State.GOOD, {"hero": site.hero})
    return Finding("hero", f"{code}_otherwise", State.LOOK, {"hero": site.hero, "propose": fitting[0].value})


def _is_shown(client: WordPress, page_at: Callable[[str], Reply]) -> bool | None:
    fields = "id,link,featured_media,content"
    latest = client.ask("GET", "wp/v2/posts", params={"per_page": str(LOOKED_AT), "_fields": fields})
    for post in as_dicts(latest) or []:
        link, picture = joined(client.login.home, str(post.get("link"))), id_of(post, "featured_media")
        if not picture or origin_of(link) != origin_of(client.login.home):
            continue
        media = as_dict(client.ask("GET", f"wp/v2/media/{picture}", params={"_fields": "source_url"})) or {}
        file = PurePosixPath(urlsplit(str(media.get("source_url"))).path).stem.removesuffix("-scaled")
        page = page_at(link)
        if page.status != 200 or not file:
            continue
        _, *body = _BODY.split(page.text[: 10 * PAGE_LETTERS], maxsplit=1)
        text = str((as_dict(post.get("content")) or {}).get("rendered"))
        return _times(file, "".join(body)) > _times(file, text)
    return None


def _times(file: str, html: str) -> int:
    """How many tags name this file."""
    return sum(file in tag for tag in _TAG.findall(html))

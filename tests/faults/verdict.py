"""What must hold after any deaths, judged from outside: by the services' logs, the site's tables and files, the trees.

Each judge returns sentences about what does not hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from tests.doubles import Request
from tests.journeys.installation import Installation
from tests.services.wordpress import WordPress
from tests.services.wordpress_tables import Post

PAID = {("openai", "responses"), ("replicate", "create"), ("anthropic", "messages")}
KEYS = {"responses": ("text", "prompts"), "create": ("image:",), "messages": ("format",)}  # of Galley's own records
CALLS = 7  # of an article: text, prompts, four pictures, the page
PICTURES = 4
FILES = 12


def paid(requests: Iterable[Request]) -> list[Request]:
    return [request for request in requests if (request.provider, request.operation) in PAID]


def key_of(request: Request) -> str:
    """The idempotency key, by which a repeated call is known."""
    return request.headers.get("idempotency-key", "")


def repeats(requests: Iterable[Request]) -> list[tuple[Request, Request]]:
    """Each paid request that was sent before, with the one before it, whose answer was lost."""
    latest: dict[tuple[str, str], Request] = {}
    found = []
    for request in paid(requests):
        key = request.operation, key_of(request)
        if before := latest.get(key):
            found.append((before, request))
        latest[key] = request
    return found


def on_calls(requests: list[Request], articles: int, lost: Mapping[str, int]) -> list[str]:
    """Only what was in flight at a death was asked twice. `lost` is how often Galley says so, by the call's key.

    A call is known by its idempotency key: two articles may well ask for the same picture.
    """
    asked = Counter((request.operation, key_of(request)) for request in paid(requests))
    found = [f"{len(asked)} different paid calls instead of {CALLS * articles}"] * (len(asked) != CALLS * articles)
    for operation, keys in KEYS.items():
        again = sum(times - 1 for (name, _), times in asked.items() if name == operation)
        flagged = sum(times for key, times in lost.items() if key.startswith(keys))
        if again > flagged:
            found.append(f"{operation}: asked {again} times again, flagged {flagged} times")
    return found


def on_tree(galley: Installation, prefix: str) -> list[str]:
    """All files are there, and are what the manifest says."""
    tree = galley.tree(prefix)
    steps = {step["status"] for step in tree.manifest()["pipeline_stages"].values()}
    found = [f"its steps are {steps}"] * (steps != {"completed"})
    found += [f"the manifest names {len(tree.files())} files"] * (len(tree.files()) != FILES)
    return found + tree.verify()


def on_site(wordpress: WordPress, uids: Iterable[str]) -> dict[str, list[str]]:
    """One post and one media item a picture for each article, with every file that WordPress names for it."""
    posts, media, files = wordpress.posts(), wordpress.media(), set(wordpress.uploads())
    return {uid: _on_article(uid, posts, media, files) for uid in uids}


def _on_article(uid: str, posts: list[Post], media: list[Post], files: set[str]) -> list[str]:
    own = [item for item in media if uid[:12] in item.file]
    drafts = [post for post in posts if uid in post.content]
    if len(drafts) != 1 or len(own) != PICTURES:
        return [f"{len(drafts)} posts, pictures {sorted(item.file for item in own)}"]
    found = ["its draft has no featured image"] * (drafts[0].featured not in {item.id for item in own})
    missing = set(chain.from_iterable(map(_files, own))) - files
    return found + [f"missing in the media folder: {sorted(missing)}"] * bool(missing)


def doubled(wordpress: WordPress, uids: Collection[str]) -> int:
    """Posts and media items beyond those that an article has, of all of them."""
    posts, media = wordpress.posts(), wordpress.media()
    drafts = (sum(uid in post.content for post in posts) - 1 for uid in uids)
    pictures = (sum(uid[:12] in item.file for item in media) - PICTURES for uid in uids)
    return sum(max(more, 0) for more in chain(drafts, pictures))


def orphans(wordpress: WordPress) -> set[str]:
    """Files in the media folder that no media item names."""
    return set(wordpress.uploads()) - set(chain.from_iterable(map(_files, wordpress.media())))


def missing(wordpress: WordPress) -> set[str]:
    """Files that a media item names, and that are not in the media folder."""
    return set(chain.from_iterable(map(_files, wordpress.media()))) - set(wordpress.uploads())


def _files(media: Post) -> set[str]:
    """The file of a media item and its smaller versions, as WordPress's own row names them."""
    folder = media.file.rpartition("/")[0]
    sizes = re.findall(r'"file";s:\d+:"([^"/]+)"', media.meta.get("_wp_attachment_metadata", ""))
    return {media.file, *(f"{folder}/{name}" for name in sizes)}

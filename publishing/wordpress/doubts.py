"""Answers that say they are a success, and are none: from a cache, of another post than was sent, to a user who may
do too little.
"""

from __future__ import annotations

from collections.abc import Sequence

from articles.providers.errors import Refused, Rejected, Unreachable
from publishing.wordpress.answers import Login
from publishing.wordpress.reading import Json, as_dict, plain


def from_a_cache(login: Login, door: str) -> Unreachable:
    """`door` is what has to stay out of the cache: "its REST API (/wp-json/)"."""
    return Unreachable(
        login.provider,
        "a cache in front of the site answered in its place, so nobody knows what is there",
        mend=f'ask who runs site "{login.name}" to keep {door} out of the cache',
        code="cached",
        lost=False,
    )


def lacks_rights(login: Login, lacking: Sequence[str]) -> Refused:
    """`lacking` in words: "write", "upload pictures"."""
    return Refused(
        login.provider,
        f'user "{login.user}" may not {" or ".join(lacking)} there',
        mend=f'give user "{login.user}" the role Author or Editor on site "{login.name}"',
        code="rights",
    )


def kept_otherwise(login: Login, sent: Json, post: Json, answer: str) -> Rejected | None:
    """What a site has made of a post that it took: a draft that everybody sees, or a part of its text.

    `post` in the terms of the REST API; `answer` as it came.
    """
    text, stored = sent.get("content"), (as_dict(post.get("content")) or {}).get("raw")
    if sent.get("status") == "draft" and post.get("status") in ("publish", "future", "private"):
        return Rejected(
            login.provider,
            "the site did not keep the post as a draft, but published it at once",
            mend=f'look at the post there, and ask who runs site "{login.name}" which plugin publishes drafts',
            code="published_at_once",
            detail=login.black_out(answer),
        )
    if not isinstance(text, str) or not isinstance(stored, str):
        return None
    words, kept = len(plain(text).split()), len(plain(stored).split())
    if kept >= words:
        return None
    return Rejected(
        login.provider,
        f"the site has stored only a part of the text: {kept:,} of {words:,} words",
        mend=f'ask who runs site "{login.name}" what cuts texts off, and delete the post there for good',
        code="stored_in_part",
        detail=login.black_out(answer),
    )

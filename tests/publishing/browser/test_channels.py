"""Both halves of the way by a browser, at a real WordPress: they do the same, and answer as the REST API does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from articles.providers.errors import Busy, Unreachable
from publishing.browser.calls import Calls
from publishing.browser.chromium import Chromium
from publishing.browser.forms import Forms
from publishing.wordpress.answers import Login
from publishing.wordpress.client import WordPress
from tests.publishing.browser.conftest import HeldBack, Watched, channel_in, jpeg, login, new_chromium
from tests.services import wordpress as service
from tests.services.wordpress_tables import SITE

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.xdist_group("browser")]
KEY, IMAGE, UID = "tariffs-and-ai-0c6f", "img-0c6f-hero", "0c6f"
TEXT = f"<!-- idem:{UID} text:5d41 -->\n<!-- wp:html -->\n" + (
    "<p>12 % “so” &amp; \\ 😀</p>\n<script>1</script>\n<!-- /wp:html -->"
)
Channel = Calls | Forms


@pytest.fixture(scope="module", params=["calls", "forms"])
def half(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def chromium(half: str, folder: Path) -> Iterator[Chromium]:
    """One for each of them."""
    made = new_chromium(folder / half)
    yield made
    made.close()


@pytest.fixture
def channel(chromium: Chromium, half: str, wordpress: service.WordPress, watched: Watched) -> Channel:
    """Of a site that has a REST API only for the half that needs it."""
    if half == "forms":
        rest(wordpress, on=False)
    return channel_in(chromium, half, login(wordpress), watched)


def rest(wordpress: service.WordPress, *, on: bool) -> None:
    switch = wordpress.site.switches / "rest-off"
    switch.unlink(missing_ok=True) if on else switch.touch()


def as_rest_says(wordpress: service.WordPress, ask: Callable[[WordPress], Any]) -> Any:
    """What the REST API says with an application password."""
    was_off = (wordpress.site.switches / "rest-off").exists()
    rest(wordpress, on=True)
    its_login = Login("wordpress:1", "Magazine", wordpress.url, "desk", wordpress.app_password, "app-password", 30)
    answer = ask(WordPress(its_login, allow_private=True))
    rest(wordpress, on=not was_off)
    return answer


def test_one_article_makes_one_draft_with_its_pictures(
    channel: Channel, wordpress: service.WordPress, watched: Watched
) -> None:
    channel.check()
    assert (channel.find_post(KEY, UID), channel.find_media(IMAGE)) == (None, None)
    assert set(watched.sent) <= {"GET", "HEAD", "POST"}

    # A picture is uploaded, and found again as the REST API has it.
    media = channel.upload(IMAGE, jpeg(), "Ships & ports")
    assert channel.find_media(IMAGE) == media
    assert media == as_rest_says(wordpress, lambda site: site.find_media(IMAGE))
    assert (media["slug"], media["alt_text"], media["width"], media["has_sizes"]) == (
        IMAGE,
        "Ships & ports",
        1600,
        True,
    )
    assert channel.media_there([media["id"], 4711]) == {media["id"]}
    assert channel.make_sizes(media["id"]) == media

    # So is the draft, byte for byte.
    category = channel.category("R&D")
    fields = {"title": "Tariffs &amp; AI", "content": TEXT, "featured_media": media["id"], "categories": [category]}
    post = channel.create_draft(KEY, {**fields, "excerpt": "In short"})
    [stored] = wordpress.posts()
    assert (stored.slug, stored.content, stored.excerpt, stored.status) == (KEY, TEXT, "In short", "draft")
    assert (stored.featured, stored.terms) == (media["id"], {"category": ["R&amp;D"]})
    assert channel.category("r&d") == category
    assert same(post, as_rest_says(wordpress, lambda site: site.find_post(KEY, UID)))
    assert same(post, channel.find_post(KEY, "none"))
    assert same(post, channel.find_post("renamed", UID))

    # What is sent again says what is new, and nothing else changes.
    updated = channel.update_post(post["id"], {"title": "Tariffs"})
    assert same({**post, "title": "Tariffs"}, updated)
    assert channel.update_media(media["id"], {"alt_text": "Ships"})["alt_text"] == "Ships"
    assert [post.content for post in wordpress.posts()] == [TEXT]
    assert {"signed_in", "picture", "draft"} <= watched.film.keys()
    assert all(picture[:2] == b"\xff\xd8" for picture in watched.film.values())

    # What came second goes again, unless somebody has worked on it.
    assert not channel.trash_post(post)
    assert channel.trash_post(updated)
    trashed = channel.find_post(KEY, UID)
    assert trashed
    assert (trashed["id"], trashed["status"]) == (post["id"], "trash")
    assert not channel.delete_media({**media, "alt_text": "Roads"})
    assert channel.delete_media({**media, "alt_text": "Ships", "modified": wordpress_says(channel, IMAGE)})
    assert (wordpress.media(), wordpress.uploads()) == ([], [])


def same(post: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """Forms say neither when a post was changed nor whose it is; and with each change a draft has another date."""
    untold = {"modified": "", "date_gmt": "", "author": 0}
    return other is not None and {**post, **untold} == {**other, **untold}


def wordpress_says(channel: Channel, key: str) -> str:
    found = channel.find_media(key)
    assert found
    return str(found["modified"])


def sends(channel: Channel) -> list[Callable[[], object]]:
    """What makes something new on a site."""
    return [
        lambda: channel.upload(IMAGE, jpeg(), ""),
        lambda: channel.create_draft(KEY, {"title": "T", "content": TEXT}),
    ]


@pytest.mark.dealt(2)
def test_a_session_that_ends_in_the_middle_is_begun_anew(channel: Channel, wordpress: service.WordPress) -> None:
    channel.check()
    for step in sends(channel):
        wordpress.tables.database.execute("DELETE FROM wp_usermeta WHERE meta_key = 'session_tokens'", SITE)
        step()
    assert [post.slug for post in wordpress.posts()] == [KEY]
    assert [media.slug for media in wordpress.media()] == [IMAGE]


@pytest.mark.dealt(2)
def test_an_answer_that_was_lost_leaves_one_draft_that_is_found(
    channel: Channel, half: str, wordpress: service.WordPress
) -> None:
    channel.check()
    wordpress.fail("exit", match="^POST /wp/v2/posts" if half == "calls" else "^POST /wp-admin/post.php")
    with pytest.raises(Unreachable) as caught:
        channel.create_draft(KEY, {"title": "T", "content": TEXT})
    assert caught.value.lost
    found = channel.find_post(KEY, UID)
    assert found
    assert [post.id for post in wordpress.posts()] == [found["id"]]


@pytest.mark.dealt(2)
def test_a_post_that_somebody_has_open_is_left_alone(channel: Channel, wordpress: service.WordPress) -> None:
    post = channel.create_draft(KEY, {"title": "T", "content": TEXT})
    lock(wordpress, post["id"], wordpress.admin.id)
    with pytest.raises(Busy) as caught:
        channel.update_post(post["id"], {"title": "Other"})
    assert caught.value.code == "locked"
    assert "admin" in caught.value.reason
    assert [post.title for post in wordpress.posts()] == ["T"]
    assert same(post, channel.find_post(KEY, UID)), "it can be looked at all the same"


def lock(wordpress: service.WordPress, post_id: int, user: int) -> None:
    insert = (
        "DELETE FROM wp_postmeta WHERE meta_key = '_edit_lock'; INSERT INTO wp_postmeta VALUES (NULL, {}, '{}', '{}')"
    )
    wordpress.tables.database.execute(insert.format(post_id, "_edit_lock", f"{int(time.time())}:{user}"), SITE)


@pytest.mark.dealt(2)
def test_what_is_held_back_does_not_leave(channel: Channel, wordpress: service.WordPress, watched: Watched) -> None:
    channel.check()
    watched.refused = "POST"
    for send in sends(channel):
        with pytest.raises(HeldBack):
            send()
    assert (wordpress.posts(), wordpress.media()) == ([], [])

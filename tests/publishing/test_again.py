"""An article that is published again: whatever it is then, and whatever became of its draft, one post has its text."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import Article, Stage
from articles.pipeline import transitions
from articles.pipeline.calls import Calls
from articles.pipeline.run import Run
from publishing.models import Site
from publishing.wordpress import client as client_module
from tests.conftest import error_of
from tests.publishing.conftest import Drive, Impostor, Ready, new_site
from tests.publishing.dying import dies_after
from tests.publishing.nearly_done import PAGE
from tests.publishing.test_stage import assert_published, by_hand, sends
from tests.services.wordpress import WordPress

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.django_db]

MORE = PAGE.replace("Lorries", "Airships, then lorries")


def lay_out(article: Article, page: str) -> None:
    """A finished article has another page, and its upload is to be done again."""
    stored = article.tree.add("04_formatted.html", page.encode())
    article.records.filter(stage=Stage.FORMAT).update(sha256=stored.sha256, bytes=stored.bytes)
    article.records.filter(stage=Stage.UPLOAD).update(state="pending")
    Article.objects.filter(pk=article.pk).update(status=Article.Status.QUEUED, queued_at=timezone.now())


def assert_one_post_says(wordpress: WordPress, words: str) -> None:
    [post] = wordpress.posts()
    assert words in post.content


def nothing(wordpress: WordPress) -> None:
    pass


def trash(wordpress: WordPress) -> None:
    by_hand(wordpress, "DELETE", f"posts/{wordpress.posts()[0].id}")


def delete(wordpress: WordPress) -> None:
    by_hand(wordpress, "DELETE", f"posts/{wordpress.posts()[0].id}?force=true")


def rename(wordpress: WordPress) -> None:
    by_hand(wordpress, "POST", f"posts/{wordpress.posts()[0].id}", slug="my-own-words", title="Mine")


def delete_the_pictures(wordpress: WordPress) -> None:
    for media in wordpress.media():
        by_hand(wordpress, "DELETE", f"media/{media.id}?force=true")


@pytest.mark.parametrize("meanwhile", [nothing, trash, delete, rename, delete_the_pictures])
def test_the_site_has_the_new_text_once(
    wordpress: WordPress,
    site: Site,
    ready: Ready,
    run: Drive,
    go_on: Drive,
    meanwhile: Callable[[WordPress], None],
) -> None:
    article = run(ready(site))
    assert_published(wordpress, article)
    before = wordpress.posts()[0].id
    meanwhile(wordpress)
    lay_out(article, MORE)

    article = go_on(article)

    assert article.status == Article.Status.DONE, article.error
    assert_one_post_says(wordpress, "Airships, then lorries")
    [post] = wordpress.posts()
    assert (post.id == before) == (meanwhile is not delete)
    media = {item.id for item in wordpress.media()}
    assert {image.wordpress_media_id for image in article.images.all()} == media
    shown = {int(number) for number in re.findall(r"wp-image-(\d+)", post.content)}
    assert shown == media - {post.featured}, "the theme shows the hero, the text all others"


def test_a_title_and_a_hero_that_people_have_chosen_stay(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, go_on: Drive
) -> None:
    article = run(ready(site))
    other = article.images.get(role="section_1").wordpress_media_id
    by_hand(wordpress, "POST", f"posts/{wordpress.posts()[0].id}", title="Mine", featured_media=other)
    lay_out(article, MORE)
    Article.objects.filter(pk=article.pk).update(title="The desk's")

    assert go_on(article).status == Article.Status.DONE

    [post] = wordpress.posts()
    assert (post.title, post.featured) == ("Mine", other)
    assert "Airships, then lorries" in post.content


def test_a_title_of_the_desk_follows_with_the_text(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, go_on: Drive
) -> None:
    article = run(ready(site))
    lay_out(article, MORE)
    Article.objects.filter(pk=article.pk).update(title="The desk's")

    assert go_on(article).status == Article.Status.DONE
    assert wordpress.posts()[0].title == "The desk's"


def test_nothing_is_sent_where_the_text_is_the_same(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = run(ready(site))
    lay_out(article, PAGE)
    monkeypatch.delattr(client_module.WordPress, "update_post")

    assert run(article).status == Article.Status.DONE
    assert sum(sends(article).values()) == 3


def test_an_authors_text_that_the_site_has_cleaned_is_still_known(
    wordpress: WordPress, ready: Ready, run: Drive, go_on: Drive
) -> None:
    site = new_site(wordpress.url, wordpress.author.login, wordpress.author.app_password)
    article = run(ready(site, page=PAGE.replace("<article", "<article onclick='x()'")))
    lay_out(article, MORE)

    assert go_on(article).status == Article.Status.DONE
    assert_one_post_says(wordpress, "Airships, then lorries")


def edit(wordpress: WordPress) -> None:
    [post] = wordpress.posts()
    by_hand(wordpress, "POST", f"posts/{post.id}", content=post.content.replace("Lorries", "My lorries"))


def publish(wordpress: WordPress) -> None:
    by_hand(wordpress, "POST", f"posts/{wordpress.posts()[0].id}", status="publish")


@pytest.mark.parametrize(("people", "word"), [(edit, "changed"), (publish, "published")])
def test_what_people_have_made_of_it_is_not_overwritten(
    wordpress: WordPress,
    site: Site,
    ready: Ready,
    run: Drive,
    go_on: Drive,
    editor: User,
    people: Callable[[WordPress], None],
    word: str,
) -> None:
    article = run(ready(site))
    people(wordpress)
    before = wordpress.posts()
    lay_out(article, MORE)

    article = go_on(article)

    assert (article.status, error_of(article)["code"]) == ("failed", "edited")
    assert f"somebody has {word} the post" in error_of(article)["reason"]
    assert wordpress.posts() == before

    # Both ways that the desk offers lead to an end.
    transitions.resume(article, editor)
    article = go_on(article)
    assert article.status == Article.Status.DONE
    assert article.events.filter(kind="left").exists()
    assert wordpress.posts() == before

    lay_out(article, MORE.replace("Airships", "Balloons"))
    article = go_on(article)
    assert error_of(article)["code"] == "edited", "each new text is asked about"
    delete(wordpress)
    transitions.resume(article, editor)
    assert go_on(article).status == Article.Status.DONE
    assert_one_post_says(wordpress, "Balloons, then lorries")


# Sites that are renamed and move


STEPS = [
    *((Calls, name) for name in ("_intend", "_receive", "done")),
    *((Run, name) for name in ("save_file", "commit_manifest")),
    *((client_module.WordPress, name) for name in ("me", "find_media", "upload", "find_post", "create_draft")),
]


@pytest.mark.dealt(3)
@pytest.mark.parametrize("step", range(1, 18))
def test_a_site_may_be_renamed_and_get_another_address_at_any_step(
    wordpress: WordPress,
    site: Site,
    ready: Ready,
    run: Drive,
    go_on: Drive,
    step: int,
) -> None:
    """Both addresses lead to the same site here; the worker dies in that moment, so that another one goes on."""
    article = ready(site)
    moved = wordpress.url.replace("127.0.0.1", "localhost")

    def moves() -> None:
        Site.objects.update(name="Magazine EU", url=moved)
        Article.objects.update(title="Another title")

    with dies_after(step, STEPS, moves):
        run(article)

    article = go_on(article)

    assert article.status == Article.Status.DONE, article.error
    assert len(wordpress.posts()) == 1
    assert len(wordpress.media()) == 2


def test_what_lies_at_the_old_address_is_not_used_at_the_new_one(
    wordpress: WordPress, impostor: Impostor, ready: Ready, run: Drive, go_on: Drive, editor: User
) -> None:
    """As the desk advises: the site has moved, so its new address is written into it."""
    site = new_site(impostor.url, wordpress.user, wordpress.app_password)
    picture = {
        "id": 10_101,
        "slug": "img",
        "source_url": f"{impostor.url}/old.jpg",
        "alt_text": "x",
        "media_details": {"width": 400, "sizes": {"medium": {}}},
    }
    impostor.says("POST /wp-json/wp/v2/media", picture, 201)
    impostor.says("POST /wp-json/wp/v2/posts", {"code": "rest_no", "message": "No"}, 400)
    article = run(ready(site))
    assert article.status == Article.Status.FAILED
    Site.objects.update(url=wordpress.url)

    transitions.resume(article, editor)
    article = go_on(article)

    assert_published(wordpress, article)
    assert "/old.jpg" not in wordpress.posts()[0].content


@pytest.mark.parametrize("people", ["Text", "Text of theirs"])
def test_a_draft_from_before_there_were_blocks_is_found_and_judged(
    wordpress: WordPress, site: Site, ready: Ready, run: Drive, people: str
) -> None:
    article = ready(site)
    text = "<!-- wp:html -->\n<p>Text</p>\n<!-- /wp:html -->"
    mark = f"<!-- idem:{article.uid} text:{hashlib.sha256(text.encode()).hexdigest()[:16]} -->"
    earlier = f"{mark}\n{text}\n".replace("Text", people)
    by_hand(wordpress, "POST", "posts", slug="my-own-words", content=earlier, title="T", status="draft")

    article = run(article)

    [post] = wordpress.posts()
    if people == "Text":
        assert article.status == Article.Status.DONE, article.error
        assert_one_post_says(wordpress, "Lorries")
    else:
        assert error_of(article)["code"] == "edited"
        assert post.content == earlier


# Requests that leave too late


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize(("kind", "thing"), [("posts", "The draft"), ("media", "The picture hero")])
def test_what_a_held_up_request_makes_a_second_time_is_taken_back_and_told(
    wordpress: WordPress,
    site: Site,
    ready: Ready,
    run: Drive,
    go_on: Drive,
    editor: User,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    thing: str,
    *,
    touched: bool,
) -> None:
    """The worker stands still between its last look at the lease and the wire, until another one has done the work."""
    article = ready(site)
    send = requests.Session.request

    def held_up(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        if method != "POST" or not url.endswith(f"/{kind}"):
            return send(session, method, url, **options)
        monkeypatch.setattr(requests.Session, "request", send)
        transitions.cancel(article, editor)
        article.calls.update(sent_at=timezone.now() - timedelta(hours=1))
        transitions.resume(article, editor)
        article.attempts.update(started_at=timezone.now() - timedelta(minutes=59))
        assert go_on(article).status == Article.Status.DONE
        return send(session, method, url, **options)

    def touch(work: Callable[..., Any]) -> Callable[..., Any]:
        def do(*args: Any) -> Any:
            time.sleep(1)  # as the site tells changes apart by their second
            by_hand(wordpress, "POST", f"{kind}/{args[1]['id']}", title="Mine now")
            return work(*args)

        return do

    monkeypatch.setattr(requests.Session, "request", held_up)
    if touched:
        for name in ("trash_post", "delete_media"):
            monkeypatch.setattr(client_module.WordPress, name, touch(getattr(client_module.WordPress, name)))
    run(article)

    article.refresh_from_db()
    assert article.status == Article.Status.DONE
    told = article.events.get(kind="doubled").message
    assert told.startswith(f'{thing} was made twice on site "Magazine"')
    posts = [post for post in wordpress.posts() if post.status != "trash"]
    media = wordpress.media()
    if touched:
        assert told.endswith("was changed meanwhile: delete one of them")
        assert len(posts) + len(media) == 4
    else:
        assert (len(posts), len(media)) == (1, 2)
        assert told.endswith("is in the trash" if kind == "posts" else "is deleted")
    [kept] = [post for post in posts if f"post={post.id}&" in article.link]
    assert article.uid in kept.content

"""The client by XML-RPC against a real WordPress, beside the client by the REST API on the same site."""

from __future__ import annotations

import inspect
import time
from typing import Any

import pytest

from articles.providers.errors import Refused, Rejected, Unreachable
from publishing.wordpress.client import WordPress
from publishing.wordpress.reading import Json
from publishing.xmlrpc import client as client_module
from publishing.xmlrpc import terms
from publishing.xmlrpc.client import XmlRpc
from tests.publishing.wordpress.test_client import jpeg
from tests.publishing.xmlrpc.conftest import client, login
from tests.services import wordpress as service


def _public(kind: type) -> dict[str, inspect.Signature]:
    return {name: inspect.signature(each) for name, each in inspect.getmembers(kind, callable) if name[0] != "_"}


def test_either_client_can_be_driven_alike() -> None:
    ours, rest = _public(XmlRpc), _public(WordPress)
    constructors = [dict(inspect.signature(kind.__init__).parameters) for kind in (XmlRpc, WordPress)]

    assert {name: ours[name] for name in ours.keys() & rest.keys()} == {
        name: rest[name] for name in ours.keys() & rest.keys()
    }
    assert constructors[0] == constructors[1]
    assert rest.keys() - ours.keys() <= {"me", "posts_to_edit", "ask"}, (
        "check() is made of them; other routes are REST's"
    )
    assert ours.keys() <= rest.keys()


# Both doors tell the same

TOLD = "id,slug,status,title,content,excerpt,featured_media,categories,tags,comment_status,author,date_gmt,modified_gmt"
TEXT = "\r\n<p>Lorries &amp; trains ]]> “so” 😀\u2028\\ <b>x</b>\ttab</p>\n\n"
FIELDS: dict[str, Json] = {
    "a draft": {"title": "T"},
    "every field": {
        "title": "T &lt;b&gt; &amp; 'more' \\ \"",
        "excerpt": "An <em>excerpt</em>\nof two lines",
        "slug": "täxt-über",
        "status": "publish",
        "comment_status": "closed",
    },
    "planned": {"title": "T", "status": "future", "date_gmt": "2036-12-01T10:00:00"},
    "published earlier": {"title": "T", "status": "publish", "date_gmt": "2016-12-01T10:00:00"},
    "a draft with a date": {"title": "T", "date_gmt": "2036-12-01T23:30:00"},
    "a draft with a date elsewhere": {"title": "T", "date_gmt": "2036-12-01T23:30:00+05:30"},
}


def test_a_post_is_told_the_same_by_both(desk: XmlRpc, by_rest: WordPress, wordpress: service.WordPress) -> None:
    """On a site whose clock is five hours before Greenwich's, so that no zone is mistaken for another."""
    wordpress.tables.set_option("gmt_offset", 5)
    picture = desk.upload("img-a", jpeg(), "")
    more = {"featured_media": picture["id"], "categories": [desk.category("R&D")], "tags": [desk.tag("Rail & Sea")]}

    for number, (case, fields) in enumerate(FIELDS.items()):
        uid = str(number)
        content = f"  <!-- idem:{uid} text:0 -->{TEXT}"
        draft = desk.create_draft(f"slug-{number}", {**fields, **more, "content": content})
        post = desk.update_post(draft["id"], fields)

        assert (draft["status"], draft["slug"]) == ("draft", f"slug-{number}"), case
        assert desk.find_post("other", uid) == by_rest.find_post("other", uid) == post, case
        raw = by_rest._send("GET", f"posts/{post['id']}", params={"context": "edit", "_fields": TOLD}).json
        told = terms.post(desk._struct(post["id"], list(terms.READ)), desk._now)
        for name in TOLD.split(","):
            expected = {"raw": raw[name]["raw"]} if isinstance(raw[name], dict) else raw[name]
            assert told[name] == expected, f"{case}: {name}"
        assert raw["content"]["raw"] == content, "byte for byte"
        assert raw["status"] == fields.get("status", "draft"), case
        if date := fields.get("date_gmt"):
            assert raw["date_gmt"] == date.replace("23:30:00+05:30", "18:00:00"), case


@pytest.mark.parametrize("written_by", ["rest", "xmlrpc"])
def test_a_picture_is_told_the_same_by_both(desk: XmlRpc, by_rest: WordPress, written_by: str) -> None:
    media = (by_rest if written_by == "rest" else desk).upload("img-a", jpeg(), "Alt")

    assert media["width"]
    assert media["has_sizes"]
    assert desk.find_media("img-a") == {**media, "alt_text": ""}
    assert by_rest.find_media("img-a") == media
    assert "alt_text" in XmlRpc.LACKS
    assert desk.delete_media(media), "what this door lacks is no change"


# Where the REST API is out of reach


def test_it_works_where_the_header_is_dropped(desk: XmlRpc, by_rest: WordPress, wordpress: service.WordPress) -> None:
    wordpress.drop_authorization()
    with pytest.raises(Refused) as caught:
        by_rest.me()
    assert caught.value.code == "login"

    desk.check()
    media = desk.upload("img-a", jpeg(), "Alt")
    draft = desk.create_draft(
        "a-slug", {"title": "T", "content": "<!-- idem:1 --><p>Text</p>", "featured_media": media["id"]}
    )
    assert desk.find_post("a-slug", "1") == draft
    (post,) = wordpress.posts()
    assert (post.featured, post.status, post.author) == (media["id"], "draft", wordpress.desk.id)


@pytest.mark.parametrize(("kind", "of"), [("app-password", "app_password"), ("jwt", "password")])
def test_it_takes_either_password(wordpress: service.WordPress, kind: Any, of: str) -> None:
    XmlRpc(login(wordpress.url, wordpress.user, getattr(wordpress.desk, of), kind), allow_private=True).check()


def test_who_may_not_upload_or_sign_in_is_told_apart(wordpress: service.WordPress) -> None:
    with pytest.raises(Refused) as caught:
        client(wordpress.url, "contributor", wordpress.contributor.app_password).check()
    assert (caught.value.code, caught.value.reason) == ("rights", 'user "contributor" may not upload pictures there')

    wordpress.revoke(wordpress.desk)
    with pytest.raises(Refused) as caught:
        client(wordpress.url, wordpress.user, wordpress.app_password).check()
    assert caught.value.code == "login"
    assert "Authorization header" not in caught.value.detail, "it needs none"


# Posts


def test_a_post_is_found_by_slug_or_mark_wherever_it_is(desk: XmlRpc) -> None:
    assert desk.find_post("a-slug", "1") is None
    draft = desk.create_draft("a-slug", {"title": "T", "content": "<!-- idem:1 --><p>Text</p>"})
    assert desk.find_post("a-slug", "none") == draft
    assert desk.find_post("other", "1") == draft
    assert desk.find_post("other", "none") is None

    assert desk.trash_post(draft)
    for slug, mark in (("a-slug", "none"), ("other", "1")):
        trashed = desk.find_post(slug, mark)
        assert trashed
        assert (trashed["id"], trashed["status"]) == (draft["id"], "trash")


def test_the_first_of_two_posts_with_a_mark_is_ours_unless_the_other_has_the_slug(desk: XmlRpc) -> None:
    first = desk.create_draft("one", {"title": "T", "content": "<!-- idem:1 -->"})
    second = desk.create_draft("two", {"title": "T", "content": "<!-- idem:1 -->"})
    assert desk.find_post("other", "1") == first
    assert desk.find_post("two", "1") == second


def test_what_is_in_the_trash_is_not_deleted_for_good(desk: XmlRpc, wordpress: service.WordPress) -> None:
    draft = desk.create_draft("a-slug", {"title": "T", "content": "x"})
    desk.trash_post(draft)
    trashed = desk.find_post("a-slug", "none")
    assert trashed
    assert desk.trash_post(trashed)
    assert [post.status for post in wordpress.posts()] == ["trash"]


def test_what_people_have_changed_is_left_alone(desk: XmlRpc, wordpress: service.WordPress) -> None:
    draft = desk.create_draft("a-slug", {"title": "T", "content": "x"})
    media = desk.upload("img-a", jpeg(), "")
    desk.update_post(draft["id"], {"title": "Theirs"})
    desk.update_media(media["id"], {"slug": "theirs", "title": "Theirs"})
    assert not desk.trash_post(draft)
    assert not desk.delete_media(media)
    assert [post.status for post in wordpress.posts()] == ["draft"]
    assert len(wordpress.media()) == 1


def test_a_post_keeps_what_an_update_does_not_name(desk: XmlRpc, wordpress: service.WordPress) -> None:
    """Custom fields too, of which XML-RPC would make a second one of the same name."""
    picture = desk.upload("img-a", jpeg(), "")
    fields = {
        "title": "T",
        "content": "x",
        "excerpt": "E",
        "featured_media": picture["id"],
        "categories": [desk.category("Freight")],
        "tags": [desk.tag("Rail")],
        "meta": {"rank_math_title": "One", "_hidden": "dropped"},
    }
    draft = desk.create_draft("a-slug", fields)
    desk.update_post(draft["id"], {"meta": {"rank_math_title": "Two", "other": "Three"}})

    (post,) = wordpress.posts()
    kept = (post.title, post.content, post.excerpt, post.featured, post.terms)
    assert kept == ("T", "x", "E", picture["id"], {"category": ["Freight"], "post_tag": ["Rail"]})
    assert {"rank_math_title": "Two", "other": "Three"}.items() <= post.meta.items()
    fields_of = terms.custom_fields(desk._struct(draft["id"], ["custom_fields"]))
    assert sorted(field["key"] for field in fields_of) == ["other", "rank_math_title"]


# Pictures


def test_a_picture_is_found_under_any_title(desk: XmlRpc, wordpress: service.WordPress) -> None:
    assert desk.find_media("img-a") is None
    media = desk.upload("img-a", jpeg(), "Alt")
    other = desk.upload("img-b", jpeg(), "Alt")
    assert desk.find_media("img-a") == media
    renamed = desk.update_media(media["id"], {"slug": "renamed", "title": "Renamed", "alt_text": "Ships"})
    assert renamed["slug"] == "renamed"
    assert desk.find_media("img-a") == renamed
    assert desk.media_there([media["id"], other["id"], 4711]) == {media["id"], other["id"]}
    assert desk.delete_media(renamed)
    assert [row.id for row in wordpress.media()] == [other["id"]]
    assert desk.media_there([media["id"], other["id"]]) == {other["id"]}


def test_a_broken_picture_is_taken_and_has_no_width(desk: XmlRpc) -> None:
    media = desk.upload("img-a", jpeg()[:100], "")
    assert (media["width"], media["has_sizes"]) == (0, False)
    assert desk.make_sizes(media["id"]) == media


# Categories and tags


def test_a_category_is_found_made_and_never_doubled(
    desk: XmlRpc, by_rest: WordPress, wordpress: service.WordPress
) -> None:
    for name in ("Freight", "freight", "R&D", "Über <b>uns</b>", "R&D"):
        assert desk.category(name)
    assert desk.category("Freight") == desk.category("FREIGHT") == by_rest.category("Freight")
    assert desk.category("R&D") == desk.category("R&D") == by_rest.category("R&D")
    assert desk.category("Über <b>uns</b>") == desk.category("Über uns")
    assert desk.tag("R&D") == desk.tag("r&d") != desk.category("R&D")
    author = client(wordpress.url, "author", wordpress.author.app_password)
    assert author.category("Freight") == desk.category("Freight")
    assert author.category("Something new") is None


def test_a_category_that_was_made_meanwhile_is_taken(desk: XmlRpc, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk.category("Freight")
    known = XmlRpc._known_term
    answers = iter([lambda *_: 0, known])
    monkeypatch.setattr(XmlRpc, "_known_term", lambda *args: next(answers)(*args))
    assert desk.category("Freight") == made


# Answers that are lost


@pytest.mark.parametrize("kind", ["kill", "exit", "fatal"])
def test_a_draft_is_found_when_its_answer_is_lost(desk: XmlRpc, wordpress: service.WordPress, kind: Any) -> None:
    wordpress.fail(kind, "after", r"xmlrpc.php wp.newPost$")
    with pytest.raises(Unreachable) as caught:
        desk.create_draft("a-slug", {"title": "T", "content": "<!-- idem:1 -->"})
    assert (caught.value.lost, wordpress.armed()) == (True, 0)
    assert desk.find_post("a-slug", "1")


@pytest.mark.parametrize("kind", ["warn", "gateway"])
def test_a_picture_is_found_when_its_answer_is_lost(desk: XmlRpc, wordpress: service.WordPress, kind: Any) -> None:
    wordpress.fail(kind, "after", r"xmlrpc.php metaWeblog.newMediaObject$")
    with pytest.raises(Unreachable) as caught:
        desk.upload("img-a", jpeg(), "")
    assert (caught.value.lost, wordpress.armed()) == (True, 0)
    assert desk.find_media("img-a")


def test_a_site_that_is_down_is_said_to_be(desk: XmlRpc, wordpress: service.WordPress) -> None:
    wordpress.start_maintenance()
    with pytest.raises(Unreachable) as caught:
        desk.check()
    wordpress.end_maintenance()
    assert (caught.value.reason, caught.value.retry_after) == ("the site is down for maintenance", 600)
    wordpress.fail("busy", "before", "wp.getPosts", seconds=7)
    with pytest.raises(Unreachable) as caught:
        desk.check()
    assert (caught.value.reason, caught.value.retry_after) == ("the site is down for a while", 7)


# What the real one refuses


def test_an_upload_that_found_no_folder_is_tried_again(desk: XmlRpc, wordpress: service.WordPress) -> None:
    in_the_way = wordpress.site.uploads / time.strftime("%Y", time.gmtime())
    in_the_way.touch()
    with pytest.raises(Unreachable) as caught:
        desk.upload("img-a", jpeg(), "Alt")
    assert caught.value.code == "no_folder"
    in_the_way.unlink()
    assert desk.upload("img-a", jpeg(), "Alt")["width"]


def test_each_refusal_has_its_words(desk: XmlRpc, wordpress: service.WordPress) -> None:
    author = client(wordpress.url, "author", wordpress.author.app_password)
    theirs = desk.create_draft("a-slug", {"title": "T", "content": "x"})["id"]
    desk.category("Freight")
    svg: Any = {"name": "a.svg", "type": "image/svg+xml", "bits": b"<svg/>"}
    refusals: dict[str, Any] = {
        "rights": lambda: author.update_post(theirs, {"title": "Mine"}),
        "not_there": lambda: desk.update_post(4711, {"title": "T"}),
        "rest_upload_sideload_error": lambda: desk._do("wp.uploadFile", svg),
        "term_exists": lambda: desk._do("wp.newTerm", {"taxonomy": "category", "name": "Freight"}),
        "xmlrpc_off": lambda: desk._do("wp.nothing"),
        "failed": lambda: desk.create_draft("b", {"title": "", "content": ""}),
    }
    for code, ask in refusals.items():
        with pytest.raises((Refused, Rejected, Unreachable)) as caught:
            ask()
        assert caught.value.code == code
        assert wordpress.app_password not in f"{caught.value.detail}{caught.value.reason}"


@pytest.mark.parametrize("gone", ["categories", "tags", "featured_media"])
def test_what_is_gone_is_not_taken_for_a_wrong_password(desk: XmlRpc, wordpress: service.WordPress, gone: str) -> None:
    """WordPress has one number for both."""
    with pytest.raises(Rejected) as caught:
        desk.create_draft("a", {"title": "T", "content": "x", gone: 4711 if gone == "featured_media" else [4711]})
    assert caught.value.code == "not_there"
    assert "is gone from the site (Invalid" in caught.value.reason
    assert wordpress.posts() == []

    wordpress.revoke(wordpress.desk)
    with pytest.raises(Refused) as refused:
        desk.create_draft("a", {"title": "T", "content": "x", "categories": [4711]})
    assert refused.value.code == "login"


def test_a_door_that_is_closed_is_said_to_be(desk: XmlRpc, wordpress: service.WordPress) -> None:
    wordpress.switch_xmlrpc_off()
    with pytest.raises(Rejected) as caught:
        desk.check()
    assert caught.value.code == "xmlrpc_off"
    assert caught.value.mend.startswith('ask who runs site "Magazine" to switch XML-RPC on')


def test_only_what_reads_may_be_held_back_by_the_time(wordpress: service.WordPress) -> None:
    asked: list[str] = []
    desk = client(wordpress.url, wordpress.user, wordpress.app_password, before=asked.append)
    desk.find_post("a", "1")
    desk.find_media("a")
    assert set(asked) == {"GET"}
    asked.clear()
    desk.create_draft("a", {"title": "T", "content": "x"})
    desk.upload("img-a", jpeg(), "")
    assert set(asked) == {"POST"}


def test_the_latest_are_looked_through_as_far_as_is_said(
    desk: XmlRpc, wordpress: service.WordPress, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk.create_draft("first", {"title": "T", "content": "x"})
    wordpress.tables.age(desk.create_draft("second", {"title": "T", "content": "x"})["id"])
    monkeypatch.setattr(client_module, "LATEST", 1)
    desk.update_post(first["id"], {"title": "Changed"})
    found = desk.find_post("first", "1")
    assert found
    assert found["id"] == first["id"], "whoever takes a mark out changes the post"

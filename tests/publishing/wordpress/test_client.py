"""The client, against a real WordPress and against servers that only pretend to be one."""

from __future__ import annotations

import base64
import gzip
import io
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from PIL import Image

from articles.providers.errors import Busy, Garbled, ProviderError, Refused, Rejected, Unreachable
from publishing.wordpress.answers import MEANINGS, Login, Reply, failure
from publishing.wordpress.client import WordPress
from publishing.wordpress.reading import as_media, as_post
from tests.publishing.conftest import Impostor
from tests.services import wordpress as service

SECRET = "s3cret pass"


def jpeg(width: int = 400, height: int = 225) -> bytes:
    image = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(image, "JPEG")
    return image.getvalue()


def client(url: str, user: str = "desk", secret: str = SECRET, kind: Any = "app-password", **more: Any) -> WordPress:
    login = Login("wordpress:1", "Magazine", url, user, secret, kind, more.get("time_limit", 2))
    return WordPress(login, allow_private=more.get("allow_private", True))


@pytest.fixture
def desk(wordpress: service.WordPress) -> WordPress:
    return client(wordpress.url, wordpress.user, wordpress.app_password)


# What the real one refuses


@pytest.mark.parametrize(
    ("fields", "kind", "reason", "mend"),
    [
        (
            {"title": "", "content": ""},
            Rejected,
            "the site sees no text in the article",
            "look at the formatted page",
        ),
        (
            {"title": "T", "categories": ["a"]},
            Rejected,
            "the site did not accept the request (Invalid parameter(s): categories)",
            'show its full answer to who runs site "Magazine"',
        ),
    ],
)
def test_what_the_site_declines_is_explained(
    desk: WordPress, wordpress: service.WordPress, fields: Any, kind: type[ProviderError], reason: str, mend: str
) -> None:
    with pytest.raises(kind) as caught:
        desk.create_draft("a-slug", fields)
    assert (caught.value.reason, caught.value.mend, caught.value.retry) == (reason, mend, False)
    assert wordpress.posts() == []


def test_json_that_is_none_is_declined(desk: WordPress, wordpress: service.WordPress) -> None:
    reply = desk._send("POST", "posts", data="{", headers={"Content-Type": "application/json"})
    error = failure(desk.login, reply)
    assert isinstance(error, Rejected)
    assert error.reason == "the site did not accept the request (Invalid JSON body passed.)"


@pytest.mark.parametrize("content", [b"<html><p>I am a page</p></html>", b"<?php echo 1;", b""])
def test_what_is_no_picture_is_not_taken(desk: WordPress, wordpress: service.WordPress, content: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        desk.upload("img-a", content, "Alt")
    if content:
        assert caught.value.reason == "the site does not take files of this type"
        assert caught.value.mend == 'ask who runs site "Magazine" to allow JPEG uploads'
    assert not caught.value.retry
    assert wordpress.media() == []


def test_an_upload_that_found_no_folder_is_tried_again(desk: WordPress, wordpress: service.WordPress) -> None:
    """As when two uploads are the first of a month: one makes the folder, and the other is refused."""
    in_the_way = wordpress.site.uploads / time.strftime("%Y", time.gmtime())
    in_the_way.touch()
    with pytest.raises(Unreachable) as caught:
        desk.upload("img-a", jpeg(), "Alt")
    assert caught.value.reason == "the site could not put the file into its media folder"
    assert caught.value.mend == 'ask who runs site "Magazine" whether that folder can be written'

    in_the_way.unlink()
    assert desk.upload("img-a", jpeg(), "Alt")["width"]


def test_a_broken_picture_is_taken_and_has_no_width(desk: WordPress) -> None:
    media = desk.upload("img-a", jpeg()[:100], "Alt")
    assert (media["width"], media["has_sizes"]) == (0, False)
    assert desk.make_sizes(media["id"])["width"] == 0


def test_a_damaged_upload_is_tried_again(desk: WordPress, wordpress: service.WordPress) -> None:
    headers = {"Content-MD5": "0", "Content-Type": "image/jpeg", "Content-Disposition": 'attachment; filename="a.jpg"'}
    error = failure(desk.login, desk._send("POST", "media", data=jpeg(), headers=headers))
    assert isinstance(error, Unreachable)
    assert error.reason == "the file arrived damaged"
    assert wordpress.media() == []


def test_rights_that_are_lacking_are_named(wordpress: service.WordPress) -> None:
    contributor = client(wordpress.url, "contributor", wordpress.contributor.app_password)
    with pytest.raises(Refused) as caught:
        contributor.upload("img-a", jpeg(), "Alt")
    assert caught.value.reason == 'user "contributor" has not the right to do this there'
    assert caught.value.mend == 'give user "contributor" the role Author or Editor on site "Magazine"'


def test_an_unknown_featured_image_is_dropped_without_a_word_and_seen(desk: WordPress) -> None:
    draft = desk.create_draft("a-slug", {"title": "T", "featured_media": 4711})
    assert draft["featured_media"] == 0


def test_a_token_of_another_site_is_explained(wordpress: service.WordPress) -> None:
    wordpress.accept_tokens(life=-1)
    desk = client(wordpress.url, wordpress.user, wordpress.desk.password, "jwt")
    with pytest.raises(Refused) as caught:
        desk.me()
    assert caught.value.reason == 'the site did not accept the login that it had given to user "desk" itself'
    assert caught.value.mend == 'ask who runs site "Magazine" to look at the settings of its JWT plugin'


# What the real one has


MARKS = {
    "of a block": '<!-- wp:code {"className":"idem-1 text-0"} --><pre class="idem-1 text-0">a</pre><!-- /wp:code -->',
    "from before there were blocks": "<!-- idem:1 text:0 --><p>Text</p>",
}


@pytest.mark.parametrize("marked", MARKS)
def test_a_post_is_found_by_slug_or_mark_wherever_it_is(
    desk: WordPress, wordpress: service.WordPress, marked: str
) -> None:
    desk.create_draft("of-another", {"title": "T 1", "content": "<p>1, idem-11 and idem:1x</p>"})
    assert desk.find_post("a-slug", "1") is None
    draft = desk.create_draft("a-slug", {"title": "T", "content": MARKS[marked]})
    assert desk.find_post("a-slug", "none") == draft
    assert desk.find_post("other", "1") == draft

    auth = (wordpress.user, wordpress.app_password)
    requests.delete(f"{wordpress.url}/wp-json/wp/v2/posts/{draft['id']}", auth=auth, timeout=10)
    for slug, mark in (("a-slug", "none"), ("other", "1")):
        trashed = desk.find_post(slug, mark)
        assert trashed
        assert (trashed["id"], trashed["status"]) == (draft["id"], "trash")


def test_the_first_of_two_posts_with_a_mark_is_ours(desk: WordPress) -> None:
    first = desk.create_draft("one", {"title": "T", "content": "<!-- idem:1 -->"})
    desk.create_draft("copy-by-a-plugin", {"title": "T", "content": "<!-- idem:1 -->"})
    assert desk.find_post("other", "1") == first


def test_a_picture_is_found_by_slug_or_file(desk: WordPress, wordpress: service.WordPress) -> None:
    assert desk.find_media("img-a") is None
    media = desk.upload("img-a", jpeg(), "Alt")
    assert desk.find_media("img-a") == media
    desk.update_media(media["id"], {"slug": "renamed", "title": "Renamed"})
    found = desk.find_media("img-a")
    assert found
    assert found["id"] == media["id"]


def test_a_category_is_found_made_and_never_doubled(desk: WordPress, wordpress: service.WordPress) -> None:
    for name in ("Freight", "freight", "R&D", "Über <b>uns</b>", "R&D"):
        assert desk.category(name)
    assert desk.category("Freight") == desk.category("FREIGHT")
    assert desk.category("R&D") == desk.category("R&D")
    author = client(wordpress.url, "author", wordpress.author.app_password)
    assert author.category("Freight") == desk.category("Freight")
    assert author.category("Something new") is None


def test_a_name_and_password_may_hold_any_character(impostor: Impostor) -> None:
    client(impostor.url, "jürgen", "pässwort €").me()
    sent = impostor.requests[-1][2]["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == "jürgen:pässwort €"


# Impostors


def test_a_password_goes_to_no_other_host_by_a_link(impostor: Impostor, other_host: Impostor) -> None:
    for link in (
        f"{other_host.url}/wp-json/",
        f"//{other_host.url.removeprefix('http://')}/wp-json/",
        f"http://127.0.0.1@{other_host.url.removeprefix('http://')}/wp-json/",
        "http://[::1/wp-json/",
        "javascript:alert(1)",
        "//",
    ):
        impostor.says("HEAD /", headers={"Link": f'<{link}>; rel="https://api.w.org/"'})
        assert client(impostor.url).me()["id"] == 1
    assert other_host.requests == []


@pytest.mark.parametrize("api", ["/index.php?rest_route=/", "/?rest_route=/", "/news/wp-json/"])
def test_a_link_on_the_same_host_is_followed_without_what_it_smuggles(impostor: Impostor, api: str) -> None:
    host = impostor.url.removeprefix("http://")
    impostor.says("HEAD /", headers={"Link": f'<http://user:word@{host}{api}>; rel="https://api.w.org/"'})
    impostor.says(f"GET {api}wp/v2/users/me", {"id": 7, "capabilities": {}})
    assert client(impostor.url).me()["id"] == 7
    sent = impostor.requests[-1][2]["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == f"desk:{SECRET}"


@pytest.mark.parametrize("request_", ["HEAD /", "GET /wp-json/wp/v2/users/me"])
def test_a_site_that_has_moved_is_not_followed(impostor: Impostor, other_host: Impostor, request_: str) -> None:
    impostor.says(request_, status=301, headers={"Location": f"{other_host.url}/somewhere"})
    with pytest.raises(Rejected) as caught:
        client(impostor.url).me()
    assert caught.value.reason == "the site has moved to another address"
    assert caught.value.mend == f'write the new address ({other_host.url}) into site "Magazine"'
    assert other_host.requests == []


def test_an_address_of_a_moved_site_cannot_say_just_anything(impostor: Impostor) -> None:
    impostor.says("HEAD /", status=302, headers={"Location": "https://x.example/<b>?\x07)"})
    with pytest.raises(Rejected) as caught:
        client(impostor.url).me()
    assert "(https://x.example)" in caught.value.mend
    impostor.says("HEAD /", status=302, headers={"Location": "data:text/html,<script>"})
    with pytest.raises(Rejected) as caught:
        client(impostor.url).me()
    assert "(unknown)" in caught.value.mend


def test_a_site_that_ends_its_routes_otherwise_is_asked_so_from_then_on(impostor: Impostor) -> None:
    me = "/wp-json/wp/v2/users/me"
    impostor.says(f"GET {me}/?", {"id": 7, "capabilities": {}})
    impostor.says(f"GET {me}?", status=301, headers={"Location": f"{impostor.url}{me}/"})
    desk = client(impostor.url)

    assert [desk.me()["id"], desk.me()["id"]] == [7, 7]
    asked = [path.partition("?")[0] for _, path, *_ in impostor.requests]
    assert [path for path in asked if path.startswith(me)] == [me, f"{me}/", f"{me}/"]


def test_a_front_page_that_leads_to_a_language_is_no_move(impostor: Impostor) -> None:
    impostor.says("HEAD /", status=302, headers={"Location": "/en/"})
    assert client(impostor.url).me()["id"] == 1


def test_an_api_that_leads_back_to_the_front_page_is_none(impostor: Impostor) -> None:
    impostor.says("GET /wp-json/", status=301, headers={"Location": "/"})
    with pytest.raises(Rejected, match="there is no WordPress at this address, or its REST API is switched off"):
        client(impostor.url).me()


def test_a_private_address_is_refused_unless_allowed(impostor: Impostor) -> None:
    with pytest.raises(Rejected) as caught:
        client(impostor.url, allow_private=False).me()
    assert caught.value.code == "private_address"
    assert impostor.requests == []


DEEP = b"[" * 100_000
BAD_BODIES = {
    "html": b"<html>\xff</html>",
    "deep": DEEP,
    "number": b"7",
    "list": b"[]",
    "no id": b"{}",
    "string id": b'{"id": "7"}',
    "negative id": b'{"id": -7}',
    "true id": b'{"id": true}',
    "huge id": b'{"id": 9223372036854775808}',
    "null": b"null",
    "half": b'{"id": 7, "slug": "a',
    "nul": b"\x00\x00",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
@pytest.mark.parametrize("of", ["draft", "picture"])
def test_a_201_that_cannot_be_read_means_that_nobody_knows(impostor: Impostor, body: bytes, of: str) -> None:
    impostor.says("POST /wp-json/wp/v2/", body, 201)
    desk = client(impostor.url)
    with pytest.raises(Unreachable) as caught:
        desk.create_draft("key", {}) if of == "draft" else desk.upload("key", b"", "")
    assert caught.value.lost
    assert "\x00" not in caught.value.detail


@pytest.mark.parametrize("body", [b"", b"{}", b'{"code": "x"}', b"<html>", b'"a"', b"null", DEEP])
def test_a_look_up_without_a_list_does_not_mean_that_nothing_is_there(impostor: Impostor, body: bytes) -> None:
    impostor.says("GET /wp-json/wp/v2/posts", body)
    impostor.says("GET /wp-json/wp/v2/media", body)
    with pytest.raises(Unreachable):
        client(impostor.url).find_post("key", "1")
    with pytest.raises(Unreachable):
        client(impostor.url).find_media("key")


def test_what_is_not_ours_is_not_adopted(impostor: Impostor) -> None:
    """A site may leave out the condition: a plugin that searches otherwise, a cache that forgets the query."""
    others = [
        {"id": 1, "slug": "another", "content": {"raw": "Text"}, "source_url": "https://m.example.org/a.jpg"},
        {"id": 2, "slug": None, "content": "idem:1", "source_url": 7},
        "no object",
        {"id": "3", "slug": "key"},
    ]
    impostor.says("GET /wp-json/wp/v2/", others)
    assert client(impostor.url).find_post("key", "1") is None
    assert client(impostor.url).find_media("key") is None


def _queries(impostor: Impostor, start: str) -> list[dict[str, list[str]]]:
    """What was asked by requests that begin so, in their order."""
    asked = [(f"{method} {path}", urlsplit(path).query) for method, path, *_ in impostor.requests]
    return [parse_qs(query) for request, query in asked if request.startswith(start)]


def test_each_question_is_one_that_no_cache_has_heard(impostor: Impostor) -> None:
    desk = client(impostor.url)
    for _ in range(2):
        desk.find_media("key")

    asked = _queries(impostor, "GET /wp-json/wp/v2/media")
    assert len({query["_galley"][0] for query in asked}) == len(asked) == 4
    for _, _, headers, _ in impostor.requests:
        assert (headers["Accept"], headers["Cache-Control"]) == ("application/json", "no-cache")


def test_pictures_are_asked_for_a_hundred_at_a_time(impostor: Impostor) -> None:
    impostor.says("GET /wp-json/wp/v2/media", [{"id": 1}, {"id": 101}, {"id": "2"}, {}])
    desk = client(impostor.url)

    assert desk.media_there(list(range(1, 151))) == {1, 101}
    included = [query["include"][0] for query in _queries(impostor, "GET /wp-json/wp/v2/media")]
    assert included == [",".join(map(str, range(1, 101))), ",".join(map(str, range(101, 151)))]
    impostor.requests.clear()
    assert desk.media_there([]) == set()
    assert impostor.requests == []


@pytest.mark.parametrize(
    ("path", "read", "take_back"),
    [("posts/7", as_post, WordPress.trash_post), ("media/7", as_media, WordPress.delete_media)],
)
def test_only_what_is_as_it_was_answered_is_taken_back(
    impostor: Impostor, path: str, read: Callable[[Any], Any], take_back: Callable[[WordPress, Any], bool]
) -> None:
    """Somebody may have worked on it meanwhile."""
    answered = {"id": 7, "slug": "a", "modified_gmt": "2026-01-01T00:00:00"}
    impostor.says(f"GET /wp-json/wp/v2/{path}", answered)
    impostor.says(f"DELETE /wp-json/wp/v2/{path}", {"deleted": True})
    desk = client(impostor.url)

    assert take_back(desk, read(answered))
    assert len(_queries(impostor, "DELETE ")) == 1
    assert not take_back(desk, read(answered | {"modified_gmt": "2025-01-01T00:00:00"}))
    assert len(_queries(impostor, "DELETE ")) == 1
    impostor.says(f"DELETE /wp-json/wp/v2/{path}", {"code": "rest_cannot_delete"}, 403)
    with pytest.raises(Refused):
        take_back(desk, read(answered))


TERMS = [{"id": "1", "name": "Ports"}, {"id": 2, "name": "Ports of call"}, {"id": 3, "name": "R&amp;D"}, {"id": 4}]


@pytest.mark.parametrize(
    ("name", "status", "answer", "found"),
    [
        ("r&d", 500, {}, 3),  # nobody asks for another
        ("Ports", 201, {"id": 5}, 5),
        ("Ports", 400, {"code": "term_exists", "data": {"term_id": 6}}, 6),
        ("Ports", 403, {"code": "rest_cannot_create"}, None),
        ("Ports", 403, {"code": "firewall"}, Refused),
        ("Ports", 400, {"code": "rest_invalid_param"}, Rejected),
        ("Ports", 201, {"id": "5"}, Unreachable),
    ],
)
def test_a_category_is_one_of_that_name_or_made(
    impostor: Impostor, name: str, status: int, answer: Any, found: int | type[ProviderError] | None
) -> None:
    impostor.says("GET /wp-json/wp/v2/categories", TERMS)
    impostor.says("POST /wp-json/wp/v2/categories", answer, status)
    desk = client(impostor.url)

    if isinstance(found, type):
        with pytest.raises(found):
            desk.category(name)
    else:
        assert desk.category(name) == found


def test_only_what_is_used_is_kept_of_an_answer(impostor: Impostor) -> None:
    nested: Any = []
    for _ in range(900):
        nested = [nested]
    hostile = {
        "id": 7,
        "slug": "x" * 5000 + "\x00",
        "status": ["draft"],
        "featured_media": "7",
        "author": -1,
        "categories": [1, "2", None, {"id": 3}],
        "title": {"raw": "<script>alert(1)</script>"},
        "extra": nested,
        "link": "javascript:alert(1)",
        "source_url": {"a": 1},
        "alt_text": 5,
        "media_details": [1],
    }
    impostor.says("POST /wp-json/wp/v2/", hostile, 201)
    made = client(impostor.url)
    assert made.create_draft("key", {}) == {
        "id": 7,
        "slug": "x" * 200,
        "status": "",
        "title": "<script>alert(1)</script>",
        "featured_media": 0,
        "categories": [1],
        "tags": [],
        "excerpt": "",
        "comment_status": "",
        "author": 0,
        "date_gmt": "",
        "link": "",
        "modified": "",
        "version": "",
        "found": "",
    }
    assert made.upload("key", b"", "") == {
        "id": 7,
        "slug": "x" * 200,
        "source_url": "",
        "alt_text": "",
        "width": 0,
        "has_sizes": False,
        "modified": "",
    }


def test_a_mark_before_the_json_is_no_harm(impostor: Impostor) -> None:
    """PHP files saved with a byte order mark put it before every answer of a site."""
    impostor.says("POST /wp-json/wp/v2/posts", b'\xef\xbb\xbf\n{"id": 7}', 201)
    assert client(impostor.url).create_draft("key", {})["id"] == 7


@pytest.mark.parametrize("squeezed", [False, True])
def test_fifty_megabytes_are_not_read(impostor: Impostor, squeezed: bool) -> None:
    body = b'"' + b"x" * 50 * 1024 * 1024
    headers = {"Content-Encoding": "gzip"} if squeezed else {}
    impostor.says("GET /wp-json/wp/v2/users/me", gzip.compress(body, 1) if squeezed else body, headers=headers)
    start = time.monotonic()
    with pytest.raises(Garbled, match="the answer is larger than 16 MB"):
        client(impostor.url).me()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "message", ["<img src=x onerror=alert(1)>Bad\x1b[31m\n\nNext: pay\u202e", ["a"], {"a": 1}, None]
)
def test_what_a_site_says_is_one_line_of_words(impostor: Impostor, message: Any) -> None:
    impostor.says("GET /wp-json/wp/v2/users/me", {"code": "x", "message": message}, 400)
    with pytest.raises(Rejected) as caught:
        client(impostor.url).me()
    said = "Bad [31m Next: pay" if isinstance(message, str) else "400"
    assert caught.value.reason == f"the site did not accept the request ({said})"


@pytest.mark.parametrize(
    "answer",
    [{"token": 'a"b'}, {"token": "a\r\nX-Evil: 1"}, {"token": "ä"}, {"token": ["a"]}, {"token": "a" * 9000}, {}, []],
)
def test_a_token_that_is_none_is_not_used_nor_shown(impostor: Impostor, answer: Any) -> None:
    impostor.says("POST /wp-json/jwt-auth/v1/token", answer)
    with pytest.raises(Unreachable, match="is not one that WordPress gives"):
        client(impostor.url, kind="jwt").me()
    assert not [request for request in impostor.requests if "Authorization" in request[2]]


def test_a_token_is_asked_for_once_and_before_anything_else(impostor: Impostor) -> None:
    """Many questions are answered without one, too, and not with all that there is."""
    impostor.says("POST /wp-json/jwt-auth/v1/token", {"token": "a.b.c"})
    desk = client(impostor.url, kind="jwt")
    for _ in range(2):
        desk.me()

    asked = [(path.partition("?")[0], headers.get("Authorization")) for _, path, headers, _ in impostor.requests]
    me = ("/wp-json/wp/v2/users/me", "Bearer a.b.c")
    assert [each for each in asked if each[0].count("/") > 2] == [("/wp-json/jwt-auth/v1/token", None), me, me]


def test_a_plugin_that_is_not_set_up_and_a_token_that_never_counts(impostor: Impostor) -> None:
    impostor.says("POST /wp-json/jwt-auth/v1/token", {"code": "jwt_auth_bad_config"}, 403)
    with pytest.raises(Refused) as caught:
        client(impostor.url, kind="jwt").me()
    assert caught.value.reason == "the JWT plugin of the site is not set up"
    assert caught.value.mend == 'ask who runs site "Magazine" to set JWT_AUTH_SECRET_KEY'

    impostor.says("POST /wp-json/jwt-auth/v1/token", {"token": "a.b.c"})
    impostor.says("GET /wp-json/wp/v2/users/me", {"code": "jwt_auth_invalid_token"}, 403)
    impostor.requests.clear()
    with pytest.raises(Refused):
        client(impostor.url, kind="jwt").me()
    asked = [(method, path.partition("?")[0]) for method, path, *_ in impostor.requests]
    assert asked.count(("POST", "/wp-json/jwt-auth/v1/token")) == 2, "once more, and no more"


# The table


@pytest.mark.parametrize(
    ("kind", "status", "code", "error", "reason"),
    [
        ("app-password", 401, "incorrect_password", Refused, "the site did not accept the application password"),
        ("app-password", 501, "application_passwords_disabled", Refused, "application passwords are switched off"),
        ("app-password", 403, "rest_cannot_create", Refused, 'user "desk" has not the right'),
        ("jwt", 403, "[jwt_auth] incorrect_password", Refused, 'the site did not accept the password of user "desk"'),
        ("jwt", 403, "jwt_auth_bad_iss", Refused, "the site did not accept the login that it had given"),
        ("jwt", 401, "rest_cannot_create", Refused, "the site did not see the login"),
        ("app-password", 404, "rest_no_route", Rejected, "a WordPress answers, but a plugin hides a part"),
        ("app-password", 404, "", Rejected, "there is no WordPress at this address"),
        ("app-password", 404, "rest_post_invalid_id", Rejected, "the site did not accept the request (404)"),
        ("app-password", 429, "", Busy, "the site has had too many requests"),
        ("app-password", 503, "wp_die", Unreachable, "the site is down for maintenance"),
        ("app-password", 520, "", Unreachable, "the site took too long"),
        ("app-password", 507, "", Unreachable, "the site failed with an error of its own (507)"),
        ("app-password", 418, "", Rejected, "the site did not accept the request (418)"),
        ("app-password", 199, "", Unreachable, "the site's answer was empty"),
        ("app-password", 999, "", Unreachable, "the site's answer is not one that WordPress gives"),
    ],
)
def test_each_answer_finds_its_row(kind: Any, status: int, code: str, error: type[ProviderError], reason: str) -> None:
    body = f'{{"code": "{code}"}}' if code else ""
    login = Login("wordpress:1", "Magazine", "https://m.example.org", "desk", SECRET, kind, 60)
    found = failure(login, Reply(status, {"Retry-After": "30"}, {}, body))
    assert isinstance(found, error)
    assert found.reason.startswith(reason)
    assert found.retry_after == 30


@pytest.mark.parametrize("row", MEANINGS, ids=lambda row: row.pattern)
def test_every_row_reads_as_part_of_a_sentence(row: Any) -> None:
    for words in filter(None, (row.reason, row.mend)):
        assert not words.endswith((".", " ", ","))
        assert words[0].islower() or words.startswith("{")
    assert "Recover" not in row.mend


def test_a_login_does_not_show_its_secret() -> None:
    login = Login("wordpress:1", "Magazine", "https://m.example.org", "desk", SECRET, "jwt", 60)
    assert SECRET not in repr(login)
    assert login.black_out(f"a {SECRET} b Bearer ey.A-b_c= d") == "a … b Bearer … d"

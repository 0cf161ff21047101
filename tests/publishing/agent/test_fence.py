"""What a steered page may ask for: a table, of what its goal needs and of what a page could talk a model into."""

from __future__ import annotations

from urllib.parse import urlencode

import orjson
import pytest

from publishing.agent.fence import Asked, Fence
from publishing.wordpress.answers import Login

SITE, UID = "https://site.example.org", "0c6f5d41402a"
ADMIN = f"{SITE}/wp-admin/"
LOGIN = Login("wordpress:1", "Magazine", SITE, "desk", "s3cret", "page", 30)
TEXT = f'<!-- wp:paragraph {{"className":"idem-{UID} text-5d41402abc4b2a76"}} -->\n<p class="idem-{UID}">T</p>'
PAGE = f"{ADMIN}post-new.php"


def fence(sends: str) -> Fence:
    return Fence(LOGIN, ADMIN, sends, UID)


def lets(sends: str, method: str, path: str, body: str = "", page: str = PAGE, **headers: str) -> bool:
    url = path if ":" in path else f"{SITE}/{path}"
    return fence(sends).lets(Asked(method, url, body, headers), page)


def form(**fields: str) -> str:
    usual = {"action": "editpost", "post_ID": "7", "content": TEXT, "post_status": "draft"}
    return urlencode({**usual, **fields})


def rest(**fields: object) -> str:
    return orjson.dumps({"content": TEXT, **fields}).decode()


@pytest.mark.parametrize(
    "path",
    [
        "wp-admin/",
        "wp-admin/post-new.php",
        "wp-admin/post.php?post=7&action=edit",
        "wp-admin/edit.php?post_status=draft",
        "wp-admin/load-scripts.php?load=jquery",
        "wp-admin/css/colors.css",
        "wp-includes/js/jquery.js",
        "wp-content/uploads/ship.jpg",
        "wp-json/wp/v2/posts/7?context=edit",
        "?p=7&preview=true",
        "data:image/gif;base64,R0lGOD",
    ],
)
def test_it_looks_around(path: str) -> None:
    assert all(lets(sends, "GET", path) for sends in ("post", "picture", "page"))


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example.org/",
        "https://site.example.org.evil.example.org/",
        "wp-admin/users.php",
        "wp-admin/profile.php",
        "wp-admin/plugins.php?action=activate&plugin=x",
        "wp-admin/theme-editor.php",
        "wp-admin/options-general.php",
        "wp-admin/tools.php",
        "wp-admin/export.php",
        "wp-admin/comment.php?action=approve&c=1",
        "wp-admin/post.php?post=5&action=trash&_wpnonce=1",
        "wp-admin/post.php?post=5&action=delete&_wpnonce=1",
        "wp-admin/edit.php?action=trash&post[]=5",
        "wp-admin/edit.php?action=-1&action2=trash&post[]=5",
        "wp-admin/upload.php?action=delete&media[]=5",
        "wp-admin/edit.php?post_status=trash&delete_all=1&_wpnonce=1",
        "wp-admin/edit.php?action=edit&bulk_edit=Update&post[]=5&_status=publish",
        "wp-admin/edit.php?some_plugin=deed&_wpnonce=1",
        "//wp-admin/post.php?post=5",
        "%77p-admin/post.php?post=5",
        "wp-admin/post%2Ephp?post=5",
        "wp-admin/admin-ajax.php?action=delete-post",
        "wp-admin/admin-post.php?action=do",
        "wp-admin/options.php",
        "wp-login.php?action=logout",
        "wp-json/wp/v2/posts/5?_method=DELETE",
        "wp-cron.php",
        "xmlrpc.php",
    ],
)
def test_nothing_that_a_link_could_do_is_done(path: str) -> None:
    assert not any(lets(sends, "GET", path) for sends in ("post", "picture"))
    assert not lets("page", "GET", path)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("wp-admin/post.php", form()),
        ("wp-admin/post.php", form(action="post-quickdraft-save")),
        ("wp-json/wp/v2/posts/7", rest(status="draft", title="T")),
        ("index.php?rest_route=/wp/v2/posts/7", rest()),
        ("wp-json/wp/v2/posts/7/autosaves", rest()),
        ("wp-admin/admin-ajax.php", urlencode({"action": "heartbeat"})),
    ],
)
def test_the_article_is_saved_as_a_draft(path: str, body: str) -> None:
    assert lets("post", "POST", path, body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("wp-admin/post.php", form(content="Buy now")),
        ("wp-admin/post.php", form(publish="Publish")),
        ("wp-admin/post.php", form(post_status="publish")),
        ("wp-admin/post.php", form(post_status="private")),
        ("wp-admin/post.php", form(visibility="password")),
        ("wp-admin/post.php", form(action="trash")),
        ("wp-admin/post.php", form(post_ID="")),
        ("wp-json/wp/v2/posts/7", rest(status="publish")),
        ("wp-json/wp/v2/posts/7", rest(status="future")),
        ("wp-json/wp/v2/posts/7", rest(status="trash")),
        ("wp-json/wp/v2/posts/7", rest(_method="DELETE")),
        ("wp-json/wp/v2/posts/7", rest(content="Buy now")),
        ("wp-json/wp/v2/posts/7", "[]"),
        ("wp-json/wp/v2/posts/7", "no JSON"),
        ("wp-json/wp/v2/posts", rest()),
        ("wp-json/wp/v2/pages/7", rest()),
        ("wp-json/wp/v2/users/me", rest(password="new")),
        ("wp-json/wp/v2/settings", rest(title="Mine")),
        ("wp-json/wp/v2/comments", rest()),
        ("wp-json/batch/v1", rest()),
        ("wp-admin/admin-ajax.php", urlencode({"action": "delete-post", "id": "5"})),
        ("wp-admin/admin-ajax.php", urlencode({"action": "heartbeat", "data[wp_autosave][post_id]": "5"})),
        ("wp-admin/async-upload.php", "a picture"),
        ("wp-comments-post.php", "comment=Hello"),
        ("wp-login.php", "log=desk"),
        ("xmlrpc.php", "<methodCall/>"),
        ("wp-admin/admin.php?page=shop", "price=0"),
    ],
)
def test_and_nothing_else_is_sent(path: str, body: str) -> None:
    assert not lets("post", "POST", path, body)


def test_the_verb_in_a_header_counts() -> None:
    path = "wp-json/wp/v2/posts/7"
    assert lets("post", "POST", path, rest(), **{"x-http-method-override": "PUT"})
    assert not lets("post", "POST", path, rest(), **{"x-http-method-override": "DELETE"})
    assert not lets("post", "GET", path, **{"x-http-method-override": "DELETE"})
    assert not lets("post", "DELETE", path)


def test_one_post_and_one_picture_are_all() -> None:
    posts = fence("post")
    for path, goes in (("7", True), ("7", True), ("8", False)):
        assert posts.lets(Asked("POST", f"{SITE}/wp-json/wp/v2/posts/{path}", rest()), PAGE) == goes
    pictures = fence("picture")
    uploads = [Asked("POST", f"{ADMIN}{path}") for path in ("async-upload.php", "media-new.php")]
    assert [pictures.lets(upload, PAGE) for upload in uploads] == [True, False]
    assert not lets("picture", "POST", "wp-json/wp/v2/media/7", rest())
    assert lets("picture", "POST", "wp-json/wp/v2/media")


def test_a_page_in_the_way_is_answered_and_no_other() -> None:
    page = f"{ADMIN}admin.php?page=terms&step=1"
    assert lets("page", "GET", "wp-admin/admin.php?page=terms")
    assert lets("page", "POST", "wp-admin/admin.php?page=terms", "agree=1", page)
    assert not lets("page", "POST", "wp-admin/admin.php?page=shop", "agree=1", page)
    assert not lets("page", "POST", "wp-admin/post.php", form(), page)

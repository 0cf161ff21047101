"""The key to what browsers keep of people's typing, what is told to be taken, and buttons whose page was left."""

from __future__ import annotations

import base64

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from articles.models import Article
from articles.pipeline import transitions
from config.models import TypedKey
from tests.conftest import MANUSCRIPT
from tests.desk import ADD, as_, move, page_of, text

pytestmark = pytest.mark.django_db
KEY = "/admin/typed/"
MARK = "0123456789abcdef" * 2


@pytest.fixture
def article(editor: User) -> Article:
    article = Article(owner=editor, manuscript=MANUSCRIPT)
    transitions.submit(article)
    return article


def test_everybody_has_a_key_of_their_own(editor: User, chief: User) -> None:
    first, second = as_(editor).get(KEY).json(), as_(chief).get(KEY).json()

    assert first["person"] == editor.pk
    assert len(base64.b64decode(first["key"])) == 32
    assert first["key"] != second["key"]
    assert as_(editor).get(KEY).json() == first, "the same in each session"
    assert TypedKey.objects.count() == 2


def test_nobody_else_is_told_a_key(client: Client, editor: User) -> None:
    assert client.get(KEY).status_code == 302
    assert "no-store" in as_(editor).get(KEY).headers["Cache-Control"]


def test_what_was_taken_is_told(editor: User) -> None:
    answer = as_(editor).post(ADD, {"manuscript": MANUSCRIPT, "formatter": "template", "galley_typed": MARK})

    assert answer.status_code == 302
    assert answer.cookies[f"galley_sent_{MARK}"].value == "yes"


@pytest.mark.parametrize("mark", ["", "x; path=/", MARK * 2])
def test_no_other_name_becomes_a_cookie(mark: str, editor: User) -> None:
    answer = as_(editor).post(ADD, {"manuscript": MANUSCRIPT, "formatter": "template", "galley_typed": mark})

    assert not [name for name in answer.cookies if name.startswith("galley_sent")]


def test_what_was_refused_is_kept(editor: User, article: Article) -> None:
    move(article)
    refused = as_(editor).post(page_of(article), {"title": "Mine", "galley_typed": MARK})
    wrong = as_(editor).post(ADD, {"galley_typed": MARK})

    for answer in (refused, wrong):
        assert not [name for name in answer.cookies if name.startswith("galley_sent")]


def test_a_button_without_its_page_leads_to_it(editor: User, article: Article) -> None:
    answer = as_(editor).get(page_of(article, "cancel"), follow=True)

    assert answer.redirect_chain[0][0] == page_of(article)
    assert "Nothing was done. Press again." in text(answer)


def _for_numbers() -> list[str]:
    """All addresses of the desk that need nothing but numbers, and names that mean nothing."""
    desk = next(found for found in get_resolver().url_patterns if getattr(found, "namespace", "") == "admin")
    assert isinstance(desk, URLResolver)
    todo, found = [("/admin/", pattern) for pattern in desk.url_patterns], []
    while todo:
        before, pattern = todo.pop()
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found.append(route)
        else:
            todo += [(route, inner) for inner in pattern.url_patterns]
    return found


def test_no_address_of_the_desk_ends_in_the_browsers_own_error(admin_client: Client, article: Article) -> None:
    routes = [route for route in _for_numbers() if "^" not in route and "jsi18n" not in route]
    assert len(routes) > 80
    for route in routes:
        for name in ("pk", "object_id", "shot", "content_type_id"):
            route = route.replace(f"<int:{name}>", "1").replace(f"<path:{name}>", "1")
        address = route.replace("<slug:name>", "x").replace("<slug:what>", "x").replace("<str:deed>", "move")
        assert admin_client.get(address).status_code != 405, route


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("articles/batch/3/pause/", "articles/batch/3/change/"),
        ("articles/article/cancel/", "articles/article/"),
        ("articles/article/sweep/", "articles/article/"),
        ("worklist/document/3/do/note/", "worklist/document/3/change/"),
        ("publishing/site/3/test/", "publishing/site/3/change/"),
        ("backups/generation/3/pin/", "backups/"),
        ("backups/generation/restore/3/do/", "backups/generation/restore/3/"),
        ("backups/generation/now/files/", "backups/"),
        ("logout/", ""),
    ],
)
def test_where_a_button_stands(address: str, page: str, admin_client: Client) -> None:
    answer = admin_client.get(f"/admin/{address}")

    assert (answer.status_code, answer.headers.get("Location")) == (302, f"/admin/{page}")


def test_the_page_of_an_old_token_promises_what_is_true(editor: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")
    page = client.post(reverse("admin:articles_article_add"), {}).content.decode()

    assert f'<a href="{ADD}">Open the page anew</a>' in page

"""Words in texts: found by the database's index, among what one may see, and shown where they stand."""

from __future__ import annotations

from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from articles.full_text import find, index
from articles.models import Article
from tests.conftest import HandIn
from tests.desk import LIST, as_, text

TEXT = "# Night trains\n\nThey run through the *dark*, and nobody counts the carriages of the Café Zürich express."
PAGE = "<h2>Ports</h2><p>The <strong>quays</strong> lie empty &amp; still.</p>"


@pytest.fixture(params=["index", "without an index"])
def database(request: pytest.FixtureRequest) -> None:
    if request.param != "index":
        request.getfixturevalue("monkeypatch").setattr(index, "is_there", lambda _: False)


@pytest.fixture
def trains(hand_in: HandIn, database: None) -> Article:
    return hand_in(manuscript=TEXT)


@pytest.mark.parametrize(
    ("said", "passage"),
    [
        ("carriages", "counts the <mark>carriages</mark> of the Café"),
        ("CARR", "<mark>carriages</mark>"),
        ("dark trains", "through the *<mark>dark</mark>*"),
        ("cafe zurich", "<mark>Café</mark>"),
        ("café", "<mark>Café</mark>"),
    ],
)
def test_words_are_found_and_shown_where_they_stand(said: str, passage: str, trains: Article, editor: User) -> None:
    if connection.vendor == "postgresql" and said.startswith("cafe"):
        pytest.skip("PostgreSQL's own dictionary tells é from e")
    page = as_(editor).get(LIST, {"q": said})

    assert str(trains) in text(page)
    assert passage.split("…")[0] in page.content.decode().replace("\n", " ")


@pytest.mark.parametrize("said", ["arriages", "carriages ships", "strong", "href", "***", "\"' OR 1", "title:x NEAR"])
@pytest.mark.usefixtures("trains")
def test_what_stands_in_no_text_is_not_found(said: str, hand_in: HandIn, editor: User) -> None:
    article = hand_in()
    Article.objects.filter(pk=article.pk).update(idea="x", manuscript="", html=PAGE)

    assert "No article fits" in text(as_(editor).get(LIST, {"q": said}))


def test_what_was_written_is_found_until_it_is_gone(hand_in: HandIn, editor: User) -> None:
    client, article = as_(editor), hand_in()
    Article.objects.filter(pk=article.pk).update(title="Ahoy", idea="harbours", manuscript="", html=PAGE)

    page = client.get(LIST, {"q": "quay"})
    assert "Ports The <mark>quays</mark> lie empty &amp; still." in page.content.decode()
    assert "<mark>harbours</mark>" in client.get(LIST, {"q": "harbour"}).content.decode()
    assert "in its title" in text(client.get(LIST, {"q": "ahoy"}))
    Article.objects.filter(pk=article.pk).update(html="<p>Nothing of it</p>")
    assert "No article fits" in text(client.get(LIST, {"q": "quay"}))
    Article.objects.filter(pk=article.pk).update(html=PAGE)
    article.delete()
    assert find.find(Article.objects.all(), "quay") == []


@pytest.mark.usefixtures("trains")
def test_nobody_finds_what_is_not_theirs(other_editor: User, chief: User) -> None:
    assert "No article fits" in text(as_(other_editor).get(LIST, {"q": "carriages"}))
    assert "carriages" in as_(chief).get(LIST, {"q": "carr"}).content.decode()


@pytest.mark.usefixtures("database")
def test_hostile_text_is_shown_as_text(hand_in: HandIn, editor: User) -> None:
    hand_in(manuscript="words &lt;script&gt;alert(1)&lt;/script&gt; hostile <img src=x onerror=alert(2)> words")

    body = as_(editor).get(LIST, {"q": "hostile"}).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt; <mark>hostile</mark>" in body
    assert "<img" not in body


def test_the_cost_does_not_grow_with_the_articles(hand_in: HandIn, editor: User) -> None:
    client = as_(editor)
    for _ in range(3):
        hand_in(manuscript=TEXT)
    with CaptureQueriesContext(connection) as few:
        client.get(LIST, {"q": "carriages"})
    for _ in range(12):
        hand_in(manuscript=TEXT)

    with CaptureQueriesContext(connection) as many, mock.patch.object(find, "MOST", 4):
        page = client.get(LIST, {"q": "carriages"})

    assert len(many) == len(few)
    assert len(page.context["cl"].result_list) == 4, "the newest"


def test_an_index_that_is_gone_is_made_anew(hand_in: HandIn) -> None:
    """As a migration of SQLite leaves it, which makes the table of the articles anew."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP INDEX {index.INDEX}")
        else:
            cursor.execute(f"DROP TRIGGER {index.INDEX}_insert")
    article = hand_in(manuscript=TEXT)

    index.hang_up("default")

    assert index.is_there(connection)
    assert find.find(Article.objects.all(), "carriages") == [article.pk]
    index.hang_up("default")

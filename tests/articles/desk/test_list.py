"""The list: its columns, title and site changed in it, and what somebody has chosen kept under a name."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from articles.desk.listing.saved_filters import _is_choice
from articles.models import Article, SavedFilter, Stage
from publishing.models import Site
from tests.conftest import HandIn
from tests.desk import LIST, as_, move, stop, text

SAVE = "/admin/articles/article/filters/"


@pytest.fixture
def magazine() -> Site:
    return Site.objects.create(name="Magazine", url="https://magazine.example.org", user="desk")


@pytest.fixture
def stopped(hand_in: HandIn) -> Article:
    return stop(hand_in())


def quick(article: Article) -> str:
    return f"{LIST}{article.pk}/quick/"


def column(page: Any, name: str) -> str:
    html = page.content.decode().partition(f'class="field-{name}">')[2]
    return str(html.partition("</td>")[0])


# Columns


@pytest.mark.parametrize(
    ("status", "said"), [("publish", "just now"), ("future", "just now"), ("draft", "as a draft"), (None, "as a draft")]
)
def test_a_line_says_its_site_and_since_when_it_is_published(
    status: str | None, said: str, hand_in: HandIn, magazine: Site, editor: User
) -> None:
    article = hand_in(site=magazine)
    article.records.filter(stage=Stage.UPLOAD).update(
        state="done", finished_at=timezone.now(), details={"status": status} if status else {}
    )

    page = as_(editor).get(LIST)

    assert column(page, "where").strip() == "Magazine"
    assert said in column(page, "published")


def test_what_is_on_no_site_is_not_published(hand_in: HandIn, editor: User) -> None:
    hand_in().records.filter(stage=Stage.UPLOAD).update(state="done", finished_at=timezone.now())

    page = as_(editor).get(LIST)

    assert (column(page, "where").strip(), column(page, "published")) == ("no site", "–")


# Title and site, in the list


def test_title_and_site_are_changed_where_they_stand(stopped: Article, magazine: Site, editor: User) -> None:
    client = as_(editor)
    assert f"?edit={stopped.pk}" in client.get(LIST, {"state": "stopped"}).content.decode().replace(
        "state=stopped&amp;", "?"
    )
    page = client.get(LIST, {"state": "stopped", "edit": str(stopped.pk)})
    assert page.content.decode().count('form="quick-form"') == 3
    assert f'name="back" value="{LIST}?state=stopped"' in page.content.decode()

    answer = client.post(quick(stopped), {"title": "Quiet homes", "site": magazine.pk, "back": f"{LIST}?state=stopped"})

    stopped.refresh_from_db()
    assert answer["Location"] == f"{LIST}?state=stopped"
    assert (stopped.title, stopped.site, stopped.manifest_due is None) == ("Quiet homes", magazine, False)
    assert "“Quiet homes” is saved." in text(client.get(LIST))
    assert LogEntry.objects.get().get_change_message() == "Changed Title and Site."


def test_the_rules_are_those_of_its_own_page(stopped: Article, editor: User) -> None:
    client = as_(editor)
    stopped.records.filter(stage=Stage.ARTICLE).update(state="failed")

    client.post(quick(stopped), {"title": "Not yet", "formatter": "template", "byline": "x"})
    stopped.refresh_from_db()
    assert (stopped.title, stopped.byline) == ("Home batteries", ""), "its title is made with its text"

    stop(stopped)
    client.post(quick(stopped), {"title": "x" * 1000})
    assert "Title: Ensure this value has at most" in text(client.get(LIST))
    client.post(quick(stopped), {"title": "Quiet homes", "site": "999"})
    assert "Site: Select a valid choice." in text(client.get(LIST))
    stopped.refresh_from_db()
    assert stopped.title == "Home batteries"


def test_what_moves_is_not_changed(stopped: Article, editor: User) -> None:
    client = as_(editor)
    move(stopped)

    assert f"edit={stopped.pk}" not in client.get(LIST).content.decode()
    assert "quick-form" not in client.get(LIST, {"edit": str(stopped.pk)}).content.decode()
    client.post(quick(stopped), {"title": "Quiet homes"})

    stopped.refresh_from_db()
    assert stopped.title == "Home batteries"
    assert "Nothing was changed." in text(client.get(LIST))


def test_nobody_changes_what_is_not_theirs(stopped: Article, other_editor: User) -> None:
    client = as_(other_editor)
    assert client.post(quick(stopped), {"title": "Mine"}).status_code == 404
    assert Client().post(quick(stopped), {"title": "Mine"})["Location"].startswith("/admin/login/")
    assert client.get(LIST, {"edit": str(stopped.pk)}).status_code == 200
    stopped.refresh_from_db()
    assert stopped.title == "Home batteries"


# Saved choices


def test_a_choice_is_saved_shown_and_removed(stopped: Article, editor: User, other_editor: User) -> None:
    client = as_(editor)
    assert "Save this choice" not in text(client.get(LIST))
    page = client.get(LIST, {"state": "stopped", "q": "homé", "p": "1", "edit": str(stopped.pk)})
    address = page.context["cl"].address
    assert address == "?q=hom%C3%A9&state=stopped"

    client.post(SAVE, {"name": " My  troubles ", "address": address})

    page = client.get(f"{LIST}{address}")
    assert (
        f'<a href="{LIST}?q=hom%C3%A9&amp;state=stopped" aria-current="page" dir="auto">My troubles</a>'
        in page.content.decode()
    )
    assert "My troubles" not in text(as_(other_editor).get(LIST))
    saved = SavedFilter.objects.get()
    assert as_(other_editor).post(f"{SAVE}{saved.pk}/").status_code == 404
    client.post(SAVE, {"name": "My troubles", "address": "?state=done"})
    assert SavedFilter.objects.get().address == "?state=done"
    client.post(f"{SAVE}{saved.pk}/")
    assert "“My troubles” is removed. No article was changed." in text(client.get(LIST))
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    ("name", "address", "said"),
    [
        ("", "?q=a", "Give the filter a name."),
        ("x" * 61, "?q=a", "60 letters at most"),
        ("x", "", "Choose or search for something first"),
        ("x", "//evil.example.org/?q=a", "Choose or search for something first"),
        ("x", "?q=" + "a" * 2000, "Choose or search for something first"),
    ],
)
def test_what_is_no_choice_is_not_saved(name: str, address: str, said: str, editor: User) -> None:
    client = as_(editor)
    assert client.post(SAVE, {"name": name, "address": address})["Location"].startswith(LIST)
    assert said in text(client.get(LIST))
    assert not SavedFilter.objects.exists()


def test_there_is_a_most_of_them(editor: User) -> None:
    for n in range(SavedFilter.MOST):
        SavedFilter.objects.create(user=editor, name=f"Filter {n}", address="?q=a")
    client = as_(editor)
    client.post(SAVE, {"name": "One more", "address": "?q=a"})
    client.post(SAVE, {"name": "Filter 3", "address": "?q=b"})
    assert SavedFilter.objects.count() == SavedFilter.MOST
    assert SavedFilter.objects.get(name="Filter 3").address == "?q=b"


@pytest.mark.parametrize("address", ["?a=1\r\nSet-Cookie: x=1", "?a=1#x", "?", "a=1", "?a=\x00"])
def test_an_address_leads_nowhere_but_to_the_list(address: str) -> None:
    assert not _is_choice(address)

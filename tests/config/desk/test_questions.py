"""What an address can ask that no database can answer is refused with a sentence, in every list of the desk."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

LONG = "9" * 23
PAGES = ("backups.Generation", "articles.Preferences", "articles.DeskSettings")  # no lists
UNANSWERABLE = {
    "search of 3,000 words": {"q": "word " * 3000},
    "search of one long word": {"q": "w" * 5000},
    "search with NUL": {"q": "a\0b"},
    "no such year": {"created_at__year": "0"},
    "no such day": {"created_at__year": "2026", "created_at__month": "2", "created_at__day": "31"},
    "year in words": {"created_at__year": "never"},
    "far too large a year": {"created_at__year": LONG},
    "number of 23 digits": {"id": LONG},
    "status with NUL": {"status__exact": "\0"},
    "NUL in a name": {"a\0b": "1"},
}


def tables() -> dict[str, type[Model]]:
    """The models of the desk, by the addresses of their lists."""
    reverse("admin:index")  # loads them
    models = [model for model in admin.site._registry if model._meta.label not in PAGES]
    return {reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"): model for model in models}


def lists() -> list[str]:
    return list(tables())


@pytest.fixture
def root(client: Client, admin_user: User) -> Client:
    client.force_login(admin_user)
    client.raise_request_exception = False
    return client


@pytest.mark.reported("admin-search-long.md")
@pytest.mark.parametrize("name", UNANSWERABLE)
def test_every_list_says_what_was_wrong(root: Client, name: str) -> None:
    for address in lists():
        answer = root.get(address, UNANSWERABLE[name])
        assert answer.status_code == 400, address
        assert "Go back" in answer.content.decode()


def test_numbers_are_refused_where_the_database_is_asked_for_them(root: Client) -> None:
    """What is none of its fields a page reads itself, and no list fails by it."""
    for address, model in tables().items():
        is_field = "batch" in {field.name for field in model._meta.get_fields()}
        assert (root.get(address, {"batch": LONG}).status_code == 400) is is_field, address


@pytest.mark.parametrize("chosen", ["1\0", LONG, "\0"])
def test_what_cannot_be_chosen(root: Client, chosen: str) -> None:
    for address in lists():
        answer = root.post(address, {"action": "delete_selected", "_selected_action": [chosen]})
        assert answer.status_code == 400, address
        assert "What was chosen is not in this list" in answer.content.decode()


def test_letters_are_no_number(root: Client) -> None:
    answer = root.post(reverse("admin:articles_article_changelist"), {"action": "recover", "_selected_action": ["abc"]})
    assert answer.status_code == 400


@pytest.mark.parametrize("query", [{"q": "freight rates 1234567890123456789012"}, {"q": "word " * 20}, {"e": "1"}])
def test_what_can_be_answered_is(root: Client, query: dict[str, str]) -> None:
    for address in lists():
        assert root.get(address, query).status_code == 200, address


def test_whoever_is_not_logged_in_is_told_nothing(client: Client, db: None) -> None:
    answer = client.get(reverse("admin:articles_article_changelist"), {"id": LONG})
    assert answer.status_code == 302

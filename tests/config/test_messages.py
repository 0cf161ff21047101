"""The pages that nobody wants to see say what to do, and work when little else does."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500", "locked"])
def test_they_need_nothing(name: str) -> None:
    page = render_to_string(f"{name}.html")

    assert "To the desk" in page
    assert "style=" not in page
    assert "<script" not in page


def test_an_unknown_address(client: Client, db: None) -> None:
    answer = client.get("/nowhere")

    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_a_form_without_its_token(editor: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.post(reverse("admin:articles_article_add"), {})

    assert answer.status_code == 403
    assert "open for too long" in answer.content.decode()


def test_guessing_passwords_closes_the_door(client: Client, editor: User) -> None:
    form = {"username": editor.username, "password": "wrong"}
    answers = [client.post(reverse("admin:login"), form) for _ in range(django_settings.AXES_FAILURE_LIMIT)]

    assert answers[-1].status_code == 429
    assert "Too many wrong passwords" in answers[-1].content.decode()
    assert client.post(reverse("admin:login"), form | {"password": "a long password"}).status_code == 429


@pytest.mark.parametrize("after", ["", "?next=", "?next=https://evil.example/", "?next=/admin/articles/article/"])
def test_a_login_leads_to_the_desk(client: Client, editor: User, after: str) -> None:
    form = {"username": editor.username, "password": "a long password"}
    answer = client.post(reverse("admin:login") + after, form, follow=True)

    assert answer.status_code == 200
    assert answer.redirect_chain[0][0].startswith("/admin/")

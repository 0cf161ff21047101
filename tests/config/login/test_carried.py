"""A form that is sent when the session has ended goes through the login, for its writer alone."""

from __future__ import annotations

import html
import re
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config.login import carried
from tests.desk import ADD, text

pytestmark = pytest.mark.django_db
TYPED = "First line\r\n\r\n\nSecond <b>line</b> & an “ümlaut”"


def browser(person: User) -> Client:
    """Of somebody who has logged in, and whose session has ended since."""
    client = Client()
    log_in(client, person)
    client.cookies.pop("sessionid")
    return client


def log_in(client: Client, person: User, sealed: str = "", password: str = "a long password") -> Any:
    form = {"username": person.username, "password": password, "sealed": sealed, "next": ADD}
    return client.post(reverse("admin:login"), form)


def sealed_in(answer: Any) -> str:
    found = re.search(r'name="sealed" value="([^"]*)"', answer.content.decode())
    return found[1] if found else ""


def test_it_is_asked_for_the_login_and_goes_on(editor: User) -> None:
    client = browser(editor)
    asked = client.post(ADD + "?scheduled_at=x", {"manuscript": TYPED, "style": "calm", "site": ""})

    assert "Nothing is lost: log in, and what you sent goes on." in text(asked)
    assert "ümlaut" not in asked.content.decode(), "whoever sits there reads nothing of it"
    again = log_in(client, editor, sealed_in(asked), password="wrong")
    answer = log_in(client, editor, sealed_in(again))

    page = answer.content.decode()
    assert f'action="{ADD}?scheduled_at=x"' in page
    kept = re.search(r'(?s)<textarea name="manuscript" hidden>\n(.*?)</textarea>', page)
    assert kept
    assert html.unescape(kept[1]) == TYPED
    assert '<textarea name="style" hidden>\ncalm</textarea>' in page
    assert page.count("csrfmiddlewaretoken") >= 1
    assert client.session.get("_auth_user_id") == str(editor.pk)


def test_nobody_else_gets_it(editor: User, chief: User) -> None:
    client = browser(editor)
    asked = client.post(ADD, {"manuscript": TYPED})
    answer = log_in(client, chief, sealed_in(asked))

    assert answer.status_code == 302
    assert "somebody else's, or too old" in text(client.get(reverse("admin:index")))
    assert carried.unseal(sealed_in(asked), chief) is None
    assert carried.unseal(sealed_in(asked), editor)


def test_it_is_of_whoever_was_logged_in_last(editor: User, chief: User) -> None:
    client = browser(editor)
    log_in(client, chief)
    client.cookies.pop("sessionid")
    asked = client.post(ADD, {"manuscript": TYPED})

    assert carried.unseal(sealed_in(asked), editor) is None


def test_it_is_not_carried_for_ever(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = sealed_in(browser(editor).post(ADD, {"manuscript": TYPED}))
    monkeypatch.setattr(carried, "LIFE", -1)

    assert carried.unseal(sealed, editor) is None


@pytest.mark.parametrize("sealed", ["", "x", "ü\ud800", "gAAAAABm"])
def test_what_others_make_up_is_nothing(sealed: str, editor: User) -> None:
    assert carried.unseal(sealed, editor) is None


def test_without_its_token_nothing_is_carried(editor: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = browser(editor).cookies
    answer = client.post(ADD, {"manuscript": TYPED})

    assert answer.status_code == 403
    assert sealed_in(answer) == ""


@pytest.mark.parametrize("name", ["password", "new_password1", "api_key", "key", "Secret"])
def test_secrets_are_not_carried(name: str, editor: User) -> None:
    answer = browser(editor).post(ADD, {"manuscript": TYPED, name: "hush"})

    assert answer.status_code == 302
    assert "hush" not in answer.content.decode()


def test_a_keyword_is_no_key(editor: User) -> None:
    client = browser(editor)
    asked = client.post(ADD, {"manuscript": TYPED, "focus_keyword": "night trains"})
    assert "night trains" in log_in(client, editor, sealed_in(asked)).content.decode()


def test_a_stranger_is_carried_nothing(editor: User) -> None:
    assert Client().post(ADD, {"manuscript": TYPED}).status_code == 302
    forged = Client()
    forged.cookies[carried.COOKIE] = str(editor.pk)
    assert forged.post(ADD, {"manuscript": TYPED}).status_code == 302


def test_files_come_along(editor: User) -> None:
    client = browser(editor)
    file = BytesIO(b"# Trains\n\nThey run.")
    file.name = "trains.md"
    page = log_in(client, editor, sealed_in(client.post(ADD, {"file": file}))).content.decode()

    assert 'enctype="multipart/form-data"' in page
    assert 'data-name="trains.md" data-bytes="IyBUcmFpbnMKClRoZXkgcnVuLg=="' in page


def test_a_file_without_room_is_chosen_again(editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser(editor)
    monkeypatch.setattr(carried, "MOST", 1500)
    file = BytesIO(b"".join(sha256(bytes([n])).digest() for n in range(256)))
    file.name = "trains.docx"
    page = log_in(client, editor, sealed_in(client.post(ADD, {"style": "calm", "file": file})))

    assert "Choose trains.docx again" in text(page)
    assert "\ncalm</textarea>" in page.content.decode()
    monkeypatch.setattr(carried, "MOST", 10)
    client.cookies.pop("sessionid")
    assert client.post(ADD, {"style": "calm"}).status_code == 302, "nothing is carried"


def test_another_key_of_the_desk_ends_it(editor: User, settings: Settings) -> None:
    sealed = sealed_in(browser(editor).post(ADD, {"manuscript": TYPED}))
    before, settings.SECRET_KEY = settings.SECRET_KEY, "another " * 10
    assert carried.unseal(sealed, editor) is None
    settings.SECRET_KEY_FALLBACKS = [before]
    assert carried.unseal(sealed, editor)

"""Personal tokens: who has one, what it opens, and that its secret is nowhere."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from articles.models import Article
from config.models import MARK, Token
from tests.conftest import HandIn
from tests.desk import as_, text

LIST = "/admin/config/token/"
ADD = "/admin/config/token/add/"


def new_token(user: User, **fields: Any) -> Token:
    """With its secret, which only this object knows."""
    token = Token(user=user, **{"name": "nightly sweep", **fields})
    token.make_secret()
    token.save()
    return token


def bearer(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.secret}"}


def with_token_of(user: User) -> dict[str, str]:
    """The headers that a program of this person sends."""
    return bearer(new_token(user))


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("root", password="a long password")


@pytest.fixture
def address(hand_in: HandIn) -> str:
    """Something that the editor may ask."""
    return f"/api/v1/articles/{hand_in().pk}/progress"


def made_by(client: Client, **form: str) -> str:
    """The secret, as the page shows it."""
    page = client.post(ADD, {"name": "nightly sweep", "last_day": "", **form}).content.decode()
    found = re.search(r'<pre id="secret"[^>]*>(\S+)</pre>', page)
    assert found, page
    return found[1]


# What it opens


def test_it_opens_what_its_owner_may_open(address: str, editor: User, other_editor: User) -> None:
    assert Client().get(address, headers=with_token_of(editor)).status_code == 200
    assert Client().get(address, headers=with_token_of(other_editor)).status_code == 404
    assert Client().get(address, headers={"Authorization": f"bearer  {new_token(editor).secret} "}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer galley_",
        "Bearer galley_nobodys",
        "Bearer \xff\x00",
        f"Bearer {'x' * 5000}",
        "Basic YWRhOmFkYQ==",
        "galley_x",
        "",
    ],
)
def test_what_is_no_token_opens_nothing(header: str, address: str) -> None:
    answer = Client().get(address, headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["message"].endswith((".", "…"))


def test_neither_its_hash_nor_its_beginning_opens_anything(address: str, editor: User) -> None:
    token = new_token(editor)

    for secret in (token.sha256, f"{MARK}{token.sha256}", f"{MARK}{token.prefix}", token.secret.removeprefix(MARK)):
        assert Client().get(address, headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_it_ends_with_its_day(address: str, editor: User) -> None:
    now = timezone.now()
    assert Client().get(address, headers=bearer(new_token(editor, expires_at=now))).status_code == 401
    assert Client().get(address, headers=bearer(new_token(editor, expires_at=None))).status_code == 200
    later = new_token(editor)
    assert later.expires_at
    assert timedelta(days=364) < later.expires_at - now < timedelta(days=366)


def test_it_ends_with_its_owner(address: str, editor: User) -> None:
    headers = with_token_of(editor)

    User.objects.update(is_staff=False)
    assert Client().get(address, headers=headers).status_code == 403
    User.objects.update(is_staff=True, is_active=False)
    assert Client().get(address, headers=headers).status_code == 401


def test_its_last_use_is_noted_once_a_minute(address: str, editor: User) -> None:
    token = new_token(editor)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert Client().get(address, headers=bearer(token)).status_code == 200
        return len(captured)

    first, second = queries(), queries()
    assert second == first - 1
    token.refresh_from_db()
    used = token.last_used_at
    assert used

    Token.objects.update(last_used_at=used - timedelta(seconds=61))
    assert queries() == first
    token.refresh_from_db()
    assert token.last_used_at
    assert token.last_used_at >= used


# In the desk


def test_its_secret_is_shown_once_and_kept_nowhere(editor: User, address: str) -> None:
    client = as_(editor)

    secret = made_by(client)

    assert secret.startswith(MARK)
    assert len(secret) >= len(MARK) + 43  # 32 bytes in base64
    assert Client().get(address, headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    token = Token.objects.get()
    row = str(Token.objects.values().get())
    assert secret not in row
    assert secret.removeprefix(MARK)[8:] not in row
    assert token.prefix == secret.removeprefix(MARK)[:8]
    for page in (LIST, reverse("admin:config_token_change", args=[token.pk]), "/admin/"):
        assert secret not in client.get(page).content.decode()
    assert not any(secret in str(entry.get_decoded()) for entry in Session.objects.all())
    assert secret not in str(LogEntry.objects.values())


def test_the_page_that_shows_it_says_so_and_is_not_stored(editor: User) -> None:
    answer = as_(editor).post(ADD, {"name": "nightly sweep", "last_day": ""})

    assert "it is not shown again" in text(answer)
    assert "no-store" in answer["Cache-Control"]
    assert "style=" not in answer.content.decode()
    assert "<script>" not in answer.content.decode()


def test_a_page_that_is_loaded_again_makes_no_second_token(editor: User) -> None:
    client = as_(editor)
    made_by(client)

    again = client.post(ADD, {"name": "nightly sweep", "last_day": ""})

    assert "You have a token of this name already" in text(again)
    assert Token.objects.count() == 1


@pytest.mark.usefixtures("stopped_clock")
def test_it_is_valid_to_the_end_of_its_last_day(editor: User, settings: Settings) -> None:
    client, today = as_(editor), timezone.localdate()
    made_by(client, last_day=str(today))
    made_by(client, name="for ever", last_day="")

    assert {token.name: token.has_expired for token in Token.objects.all()} == {
        "nightly sweep": False,
        "for ever": False,
    }
    refused = client.post(ADD, {"name": "late", "last_day": str(today - timedelta(days=1))})
    assert "This day is past" in text(refused)
    settings.TIME_ZONE = "America/New_York"  # there the last day of all years ends beyond them
    timezone.deactivate()
    far = client.post(ADD, {"name": "late", "last_day": "9999-12-31"})
    assert "Choose a day before the year 3000, or none." in text(far)
    settings.TIME_ZONE = "UTC"
    timezone.deactivate()
    assert str(today + timedelta(days=365)) in client.get(ADD).content.decode()


def test_everybody_sees_and_revokes_their_own(editor: User, other_editor: User, superuser: User) -> None:
    token = new_token(editor, name="of ada")
    page, delete = (reverse(f"admin:config_token_{view}", args=[token.pk]) for view in ("change", "delete"))

    stranger = as_(other_editor)
    assert "of ada" not in text(stranger.get(LIST))
    for address in (page, delete):
        assert stranger.get(address)["Location"] == "/admin/"
        assert stranger.post(address, {"post": "yes"}).status_code in (302, 403)
    assert Token.objects.filter(pk=token.pk).exists()

    # Superusers see that it exists, and whose it is.
    seen = text(as_(superuser).get(LIST))
    assert "of ada" in seen
    assert token.prefix in seen
    assert token.sha256 not in seen

    owner = as_(editor)
    assert "of ada" in text(owner.get(LIST))
    assert "Last used not yet" in text(owner.get(page))
    assert "None" not in text(owner.get(page)) + text(owner.get(LIST))
    assert "Whatever uses “of ada” is refused" in text(owner.get(delete))
    assert Token.objects.filter(pk=token.pk).exists()
    assert "“of ada” is revoked" in text(owner.post(delete, {"post": "yes"}, follow=True))
    assert Client().get("/api/v1/openapi.json", headers=bearer(token)).status_code == 401


def test_none_is_changed_and_none_is_made_for_another(editor: User, superuser: User) -> None:
    token = new_token(editor)
    page = reverse("admin:config_token_change", args=[token.pk])

    for user in (editor, superuser):
        assert as_(user).post(page, {"name": "another", "last_day": ""}).status_code == 403
    made_by(as_(superuser), user=str(editor.pk))
    assert Token.objects.get(user=superuser)
    assert Token.objects.get(user=editor) == token


def test_no_right_is_needed_but_to_be_at_the_desk(db: None) -> None:
    staff = User.objects.create_user("staff", password="a long password", is_staff=True)
    reader = User.objects.create_user("reader", password="a long password")

    assert made_by(as_(staff))
    assert as_(reader).get(LIST).status_code == 302
    assert Client().get(LIST).status_code == 302
    assert "API tokens" not in text(Client().get("/admin/login/"))


def test_the_list_cannot_be_searched_by_hash(editor: User) -> None:
    token = new_token(editor)

    assert as_(editor).get(f"{LIST}?sha256__startswith={token.sha256[:2]}").status_code == 400


def test_a_hostile_name_is_only_shown(editor: User) -> None:
    client, name = as_(editor), "<script>alert(1)</script>"
    page = client.post(ADD, {"name": name, "last_day": ""}).content.decode()
    token = Token.objects.get()

    pages = [page] + [
        client.get(address).content.decode()
        for address in (
            LIST,
            *(reverse(f"admin:config_token_{view}", args=[token.pk]) for view in ("change", "delete")),
        )
    ]
    assert all("<script>alert" not in shown and "&lt;script&gt;alert" in shown for shown in pages)


def test_a_person_with_articles_keeps_their_tokens_apart(editor: User, hand_in: HandIn) -> None:
    """A token goes with its owner; an article holds its owner back."""
    new_token(editor)
    Article.objects.all().delete()
    editor.delete()

    assert not Token.objects.exists()

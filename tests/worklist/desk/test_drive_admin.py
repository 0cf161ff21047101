"""Google Drive in the desk: an account is connected by whoever began it, and nobody's login is shown."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from tests.desk import HOSTILE, as_, text
from tests.worklist.drive.conftest import LOGIN
from tests.worklist.drive.conftest import desk as desk
from tests.worklist.drive.conftest import google_settings as google_settings
from tests.worklist.drive.conftest import small as small
from tests.worklist.drive.small_drive import SHEET, SmallDrive
from tests.worklist.drive.test_client import service_key
from worklist.drive import accounts
from worklist.models import Document, DriveAccount, DriveFile, DriveFolder

pytestmark = pytest.mark.django_db
PAGE = "/admin/worklist/driveaccount/"


def at(name: str, *args: Any) -> str:
    return reverse(f"admin:worklist_drive_{name}", args=args)


def press(client: Client, pk: int, deed: str, **sent: str) -> str:
    return text(client.post(at("do", pk, deed), sent, follow=True))


def begun(client: Client) -> str:
    """The state with which a person goes to Google."""
    shown = client.post(at("connect")).content.decode()
    address = re.search(r'href="(http[^"]*/sign-in[^"]*)"', shown)
    assert address is not None
    query = parse_qs(urlsplit(address[1].replace("&amp;", "&")).query)
    assert query["redirect_uri"] == [f"http://127.0.0.1:8000{at('callback')}"]
    return query["state"][0]


@pytest.fixture(autouse=True)
def google_everywhere(google_settings: None, settings: Settings, small: SmallDrive) -> None:
    settings.GOOGLE_SIGN_IN_URL = f"{small.url}/sign-in"


def test_a_person_connects_an_account_and_names_a_folder(small: SmallDrive, chief: User) -> None:
    folder = small.folder("Desk")
    small.document("Ports", folder, "# Ports\n\nMany ships.")
    client = as_(chief)
    assert "No account is connected" in text(client.get(PAGE))
    small.codes["4/code"] = {}
    shown = text(client.get(at("callback"), {"state": begun(client), "code": "4/code"}, follow=True))
    assert "“desk@example.org” is connected" in shown
    account = DriveAccount.objects.get()
    assert (account.connected_by, account.kind) == (chief, "person")
    said = press(client, account.pk, "follow", folder=f"https://drive.google.com/drive/u/1/folders/{folder}?usp=x")
    assert "“Desk” is followed" in said
    assert "1 new document" in press(client, DriveFolder.objects.get().pk, "sync")
    assert "1 document; looked at" in text(client.get(PAGE))
    assert "https://docs.example.org/" in client.get(Document.objects.get().get_absolute_url()).content.decode()
    assert LogEntry.objects.count() == 2


def test_nobody_elses_sign_in_counts(small: SmallDrive, chief: User) -> None:
    client, other = as_(chief), as_(chief)
    small.codes["4/code"] = {}
    state = begun(client)
    for who, query in (
        (other, {"state": state, "code": "4/code"}),  # another session
        (client, {"state": "guessed", "code": "4/code"}),
        (client, {"state": state, "code": "4/code"}),  # which the wrong guess has ended
    ):
        assert "not begun here" in text(who.get(at("callback"), query, follow=True))
    assert "told no" in text(client.get(at("callback"), {"state": begun(client), "error": "denied"}, follow=True))
    assert "did not accept" in text(client.get(at("callback"), {"state": begun(client), "code": "x"}, follow=True))
    assert not DriveAccount.objects.exists()
    assert "4/code" in small.codes


def test_a_service_account_connects_by_its_key(small: SmallDrive, chief: User) -> None:
    client, key = as_(chief), service_key()
    wrong = client.post(at("key"), {"key": SimpleUploadedFile("key.json", b'{"type": "x"}')})
    assert "no key of a service account" in text(wrong)
    client.post(at("key"), {"key": SimpleUploadedFile("key.json", key.encode())})
    account = DriveAccount.objects.get()
    assert account.kind == "service"
    assert "PRIVATE KEY" not in account.encrypted_login + client.get(PAGE).content.decode()


def test_what_has_ended_says_so_beside_what_ends_it(small: SmallDrive, desk: str, chief: User, editor: User) -> None:
    small.revoke()
    client = as_(chief)
    assert "Connect it again" in press(client, DriveFolder.objects.get().pk, "sync")
    shown = text(client.get(PAGE))
    assert "Ended Google lets Galley into this account no more. Connect it again. Connect again" in shown
    assert "lasting" not in client.get(PAGE).content.decode()


def test_what_is_left_out_and_what_is_missing(small: SmallDrive, desk: str, chief: User) -> None:
    small.blob(HOSTILE, desk, b"", SHEET)
    ids = [small.document(f"Mill {number}", desk, f"# Mill {number}\n\nWords.") for number in range(12)]
    client, folder = as_(chief), DriveFolder.objects.get().pk
    press(client, folder, "sync")
    shown = client.get(PAGE)
    assert "It is a spreadsheet." in text(shown)
    assert HOSTILE not in shown.content.decode()
    for each in ids:
        small.trash(each)
    assert "12 documents missing at once" in press(client, folder, "sync")
    assert "12 documents missing there at once" in text(client.get(PAGE))
    assert "12 gone" in press(client, folder, "missing")
    assert Document.objects.exclude(gone_at=None).count() == 12


def test_leaving_and_disconnecting_keep_the_documents(small: SmallDrive, desk: str, chief: User) -> None:
    small.document("Ports", desk, "# Ports\n\nMany ships.")
    client = as_(chief)
    press(client, DriveFolder.objects.get().pk, "sync")
    press(client, DriveFolder.objects.get().pk, "leave")
    assert not DriveFile.objects.exists()
    press(client, DriveAccount.objects.get().pk, "disconnect")
    assert not DriveAccount.objects.exists()
    assert Document.objects.get().gone_at is None


def test_who_may_do_what(small: SmallDrive, desk: str, editor: User, django_user_model: type[User]) -> None:
    client, account, folder = as_(editor), DriveAccount.objects.get().pk, DriveFolder.objects.get().pk
    assert client.get(PAGE).status_code == 200
    assert "Connect an account" not in text(client.get(PAGE))
    assert client.post(at("connect")).status_code == 403
    assert client.get(at("callback"), {"state": "x", "code": "y"}).status_code == 403
    assert client.post(at("key")).status_code == 403
    for pk, deed in ((account, "follow"), (account, "disconnect"), (folder, "leave"), (folder, "missing")):
        assert client.post(at("do", pk, deed), {"folder": desk}).status_code == 403
    assert client.post(at("do", folder, "sync")).status_code == 302
    stranger = as_(django_user_model.objects.create_user("stranger", is_staff=True))
    assert stranger.get(PAGE).status_code == 403
    assert stranger.post(at("do", folder, "sync")).status_code == 403
    assert DriveAccount.objects.exists()


def test_buttons_are_no_links(desk: str, chief: User) -> None:
    client, folder = as_(chief), DriveFolder.objects.get().pk
    assert [client.get(each).status_code for each in (at("connect"), at("key"), at("do", folder, "sync"))] == [302] * 3
    assert client.post(at("do", folder, "burn")).status_code == 404
    assert client.post(at("do", 999, "sync")).status_code == 404
    assert "no link to a folder" in press(client, DriveAccount.objects.get().pk, "follow", folder="../x")
    assert "not there any more" in press(client, DriveAccount.objects.get().pk, "follow", folder="nowhere")
    DriveFolder.objects.update(busy_until=timezone.now() + timedelta(minutes=1))
    assert "Somebody" in press(client, folder, "sync")
    assert accounts.connect(LOGIN).pk == DriveAccount.objects.get().pk

"""What is asked of Google Drive, and what its answers mean, over a real socket."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.worklist.drive.conftest import LOGIN
from tests.worklist.drive.small_drive import SmallDrive
from worklist.drive import client, signin
from worklist.drive.client import Drive
from worklist.drive.errors import (
    DriveError,
    FileClosed,
    Later,
    NotThere,
    SignInEnded,
    TokenRefused,
    TooMany,
)
from worklist.drive.signin import Google


def test_a_folder_is_listed_page_by_page_without_the_trash(small: SmallDrive, drive: Drive) -> None:
    small.page = 2
    folder = small.folder("Mills 'n' more")
    documents = [small.document(f"Mill {number}", folder, "Words.") for number in range(5)]
    small.trash(documents[0])
    listing = drive.listing(folder)
    assert [file.id for file in listing.files] == documents[1:]
    assert listing.is_whole
    assert small.count("list") == 2
    small.is_incomplete = True
    assert not drive.listing(folder).is_whole


def test_a_file_as_google_says_it(small: SmallDrive, drive: Drive) -> None:
    folder = small.folder("Desk", drive="shared")
    file = drive.file(small.blob("ports.md", folder, b"# Ports"))
    assert (file.name, file.version, file.size, file.parent, file.writer) == ("ports.md", 1, 7, folder, "Grace")
    assert (file.drive, file.may_be_read, file.link[:8]) == ("shared", True, "https://")


def test_the_log_is_read_to_its_end(small: SmallDrive, drive: Drive) -> None:
    folder, token = small.folder("Desk"), drive.start_token()
    small.page = 2
    ids = [small.document(f"Mill {number}", folder, "Words.") for number in range(4)]
    small.delete(ids[0])
    changes, following = drive.changes(token)
    assert [(change.id, change.file is not None) for change in changes] == [
        (ids[0], False),
        *((each, True) for each in ids[1:]),
        (ids[0], False),
    ]
    assert drive.changes(following) == ([], following)
    small.first_token = 100
    with pytest.raises(TokenRefused):
        drive.changes(following)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("rateLimitExceeded", TooMany),
        ("userRateLimitExceeded", TooMany),
        ("tooMany", TooMany),
        ("insufficientFilePermissions", FileClosed),
        ("cannotDownloadFile", FileClosed),
        ("exportSizeLimitExceeded", FileClosed),
        ("notFound", NotThere),
        ("backendError", Later),
        ("cut", Later),
        ("reset", Later),
    ],
)
def test_each_refusal_is_what_its_reason_says(
    small: SmallDrive, drive: Drive, kind: str, error: type[DriveError]
) -> None:
    ports = small.document("Ports", small.folder("Desk"), "# Ports\n\nMany words about ships.")
    small.fail("export", kind)
    with pytest.raises(error) as raised:
        drive.export(ports, "text/markdown")
    assert type(raised.value) is error
    assert str(raised.value).endswith(".")
    assert drive.export(ports, "text/markdown").startswith(b"# Ports")


def test_a_page_of_somebody_else_is_no_answer(small: SmallDrive, drive: Drive) -> None:
    small.fail("start", "page")
    with pytest.raises(Later):
        drive.start_token()


def test_what_takes_too_long_or_is_too_large_ends(
    small: SmallDrive, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = small.blob("ports.txt", small.folder("Desk"), b"word " * 1000)
    drive.who()  # signed in
    with pytest.raises(FileClosed, match="larger than"):
        drive.content(ports, 100)
    monkeypatch.setattr(client, "FILE_SECONDS", 0.2)
    small.fail("content", "hang")
    with pytest.raises(Later):
        drive.content(ports, 10_000)


def test_an_old_access_is_renewed_and_a_revoked_one_told(small: SmallDrive, drive: Drive) -> None:
    assert drive.who() == "desk@example.org"
    small.access.clear()  # an hour is over
    small.rotates = True
    assert drive.who() == "desk@example.org"
    assert {drive.refresh_token} == small.lasting != {"lasting-0"}
    small.revoke()
    with pytest.raises(SignInEnded):
        drive.who()


def test_a_server_that_fails_says_nothing_about_the_account(
    small: SmallDrive, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # google-auth's pauses between three tries
    small.fail("token", "backendError", times=None)
    with pytest.raises(Later):
        Drive(google, LOGIN).who()
    with pytest.raises(Later):
        Drive(replace(google, token="http://127.0.0.1:9/token"), LOGIN).who()


def test_addresses_inside_the_network_are_not_spoken_to(small: SmallDrive, google: Google) -> None:
    with pytest.raises(Later):
        Drive(replace(google, allow_private=False), LOGIN).who()
    assert small.served == []


def test_a_person_comes_in_by_consent(small: SmallDrive, google: Google) -> None:
    asked = signin.ask(google, "https://desk.example.org/back/")
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked.address).query).items()}
    assert (query["access_type"], query["prompt"], query["scope"]) == ("offline", "consent", signin.READ_ONLY)
    assert (query["state"], query["code_challenge_method"]) == (asked.state, "S256")
    assert asked.verifier not in asked.address
    small.codes["4/code"] = {}
    login = signin.exchange(google, "4/code", asked.verifier, "https://desk.example.org/back/")
    assert Drive(google, login).who() == "desk@example.org"
    with pytest.raises(SignInEnded):  # twice
        signin.exchange(google, "4/code", asked.verifier, "https://desk.example.org/back/")


def test_a_consent_without_the_right_is_refused(small: SmallDrive, google: Google) -> None:
    small.codes["4/code"], small.scope = {}, "openid"
    with pytest.raises(SignInEnded, match="box"):
        signin.exchange(google, "4/code", "v", "https://desk.example.org/back/")


def service_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    said = {"type": "service_account", "client_email": "reader@project.example.org", "private_key": pem}
    return orjson.dumps({**said, "private_key_id": "1", "token_uri": "http://169.254.169.254/"}).decode()


def test_a_service_account_comes_in_by_its_key(small: SmallDrive, google: Google) -> None:
    key = signin.key_of(service_key())
    assert "token_uri" not in key, "it may name any address"
    drive = Drive(google, key)
    assert drive.who() == "desk@example.org"
    assert drive.refresh_token == ""


@pytest.mark.parametrize("text", ["", "[]", '{"type": "authorized_user"}', '{"type": "service_account"}', "{" * 20_000])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(DriveError, match="no key"):
        signin.key_of(text)

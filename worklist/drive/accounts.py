"""Accounts: connected, opened, and what is known of how they do."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from publishing import secrets
from worklist.drive.client import Drive
from worklist.drive.errors import DriveError, Later, SignInEnded
from worklist.drive.follow import FolderClosed
from worklist.drive.signin import Google
from worklist.models import DriveAccount, DriveFolder

LONGEST_WAIT = 64.0  # seconds, between two tries at an account
_ID = re.compile(r"[A-Za-z0-9_-]{2,200}")
_LINK = re.compile(r"https://drive\.google\.com/(?:drive/(?:u/\d+/)?folders/|open\?id=)([A-Za-z0-9_-]{2,200})")


def google() -> Google:
    """As the settings have it."""
    return Google(
        api=settings.GOOGLE_BASE_URL.rstrip("/"),
        token=settings.GOOGLE_TOKEN_URL,
        sign_in=settings.GOOGLE_SIGN_IN_URL,
        client_id=settings.GOOGLE_CLIENT_ID,
        client_secret=settings.GOOGLE_CLIENT_SECRET,
        allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES,
    )


def connect(login: dict[str, Any], by: User | None = None) -> DriveAccount:
    """Keep a login, under the address that Google says it is of; once more is a new login. Raises DriveError."""
    drive = Drive(google(), login)
    try:
        name = drive.who() or str(login.get("client_email", ""))
        rotated = drive.refresh_token
    finally:
        drive.close()
    if not name:
        raise DriveError("Google does not say which account this is.")
    if rotated:
        login = {**login, "refresh_token": rotated}
    kind = DriveAccount.Kind.SERVICE if "private_key" in login else DriveAccount.Kind.PERSON
    fresh = {"kind": kind, "connected_at": timezone.now(), "connected_by": by, "used_at": timezone.now()}
    fresh |= {"ended_at": None, "error": "", "wait_until": None, "failures": 0}
    made = DriveAccount()
    made.login = login
    account, _ = DriveAccount.objects.update_or_create(
        name=name[:254], defaults={**fresh, "encrypted_login": made.encrypted_login}
    )
    return account


def follow(account: DriveAccount, folder: str) -> DriveFolder:
    """Follow a folder, by its link or its id. Raises DriveError where it cannot be seen."""
    given = _LINK.match(folder.strip())
    folder_id = given[1] if given else folder.strip()
    if not _ID.fullmatch(folder_id):
        raise DriveError("This is no link to a folder. Open the folder in Google Drive, and copy its address.")
    with opened(account) as drive:
        said = drive.file(folder_id)
    if not said.is_folder or said.trashed:
        raise DriveError("This is no folder." if not said.is_folder else "The folder lies in the trash.")
    made, _ = DriveFolder.objects.get_or_create(
        account=account, folder_id=folder_id, defaults={"name": said.name[:200], "drive_id": said.drive}
    )
    return made


@contextmanager
def opened(account: DriveAccount) -> Iterator[Drive]:
    """Its Drive; how it went is written to the account. Raises DriveError."""
    try:
        try:
            login = account.login
        except secrets.Undecipherable as exc:
            raise SignInEnded("Its login cannot be read with the present keys. Connect it again.") from exc
        drive = Drive(google(), login)
        try:
            yield drive
        finally:
            _keep_rotated(account, login, drive.refresh_token)
            drive.close()
    except FolderClosed:
        _note_good(account)
        raise
    except DriveError as exc:
        _note_bad(account, exc)
        raise
    _note_good(account)


def _keep_rotated(account: DriveAccount, login: dict[str, Any], rotated: str) -> None:
    """Google may give another lasting token at any time; one that a person gives meanwhile stays."""
    if rotated and rotated != login.get("refresh_token"):
        old = account.encrypted_login
        account.login = {**login, "refresh_token": rotated}
        same = DriveAccount.objects.filter(pk=account.pk, encrypted_login=old)
        same.update(encrypted_login=account.encrypted_login)


def _note_good(account: DriveAccount) -> None:
    good = {"used_at": timezone.now(), "ended_at": None, "error": "", "wait_until": None, "failures": 0}
    DriveAccount.objects.filter(pk=account.pk).update(**good)


def _note_bad(account: DriveAccount, exc: DriveError) -> None:
    now = timezone.now()
    if isinstance(exc, SignInEnded):
        same = DriveAccount.objects.filter(pk=account.pk, encrypted_login=account.encrypted_login)
        same.update(error=str(exc), ended_at=account.ended_at or now)
    elif isinstance(exc, Later):
        failures = min(account.failures + 1, 20)
        seconds = exc.seconds or backoff(failures)
        wait = {"wait_until": now + timedelta(seconds=seconds), "failures": failures}
        DriveAccount.objects.filter(pk=account.pk).update(error=str(exc), **wait)


def backoff(failures: int) -> float:
    """Seconds until the next try, after so many failures in a row."""
    return min(2.0**failures + random.random(), LONGEST_WAIT)  # noqa: S311  so that not all come at once

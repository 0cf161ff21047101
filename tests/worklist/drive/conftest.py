"""A Drive with a folder in it, and how one gets in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from tests.worklist.drive.small_drive import SmallDrive, small_drive
from worklist.drive import accounts
from worklist.drive.client import Drive
from worklist.drive.signin import Google

LOGIN: dict[str, Any] = {"refresh_token": "lasting-0"}


@pytest.fixture
def small() -> Iterator[SmallDrive]:
    with small_drive() as served:
        yield served


@pytest.fixture
def google(small: SmallDrive) -> Google:
    return Google(small.url, f"{small.url}/token", f"{small.url}/sign-in", "client", "hidden-secret", True)


@pytest.fixture
def drive(google: Google) -> Iterator[Drive]:
    opened = Drive(google, LOGIN)
    yield opened
    opened.close()


@pytest.fixture
def google_settings(small: SmallDrive, settings: Settings) -> None:
    """The desk with the small Drive for Google."""
    settings.GOOGLE_BASE_URL, settings.GOOGLE_TOKEN_URL = small.url, f"{small.url}/token"
    settings.GOOGLE_CLIENT_ID, settings.GOOGLE_CLIENT_SECRET = "client", "hidden-secret"
    settings.GALLEY_ALLOW_PRIVATE_ADDRESSES = True


@pytest.fixture
def desk(small: SmallDrive, google_settings: None, db: None) -> str:
    """A folder that is followed."""
    folder = small.folder("Desk")
    accounts.follow(accounts.connect(LOGIN), folder)
    return folder

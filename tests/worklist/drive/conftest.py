"""A Drive with a folder in it, and how one gets in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.worklist.drive.small_drive import SmallDrive, small_drive
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

"""The places where backups may lie: a folder, and a bucket of each S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backups.manifests import FILES
from backups.places import Bucket, Folder, Place
from backups.repository import Repository
from backups.signing import Keys
from tests.services import s3

KEYS = Keys(["a key that signs the backups of these tests"])


def bucket(server: s3.S3, prefix: str, **settings: Any) -> Bucket:
    own: dict[str, Any] = {
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
        "region": server.region,
    }
    return Bucket(server.bucket, prefix, server.endpoint_url, **(own | settings))


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    if reason := s3.rclone_available():
        pytest.skip(reason)
    with s3.rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    if reason := s3.moto_available():
        pytest.skip(reason)
    with s3.moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(params=["folder", "rclone", "moto"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(tmp_path / "place")
    return bucket(request.getfixturevalue(request.param), f"desk/{tmp_path.name}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "place")


@pytest.fixture
def repository(folder: Folder) -> Repository:
    return Repository(folder, FILES, KEYS)

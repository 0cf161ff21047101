"""Where backups may lie: a folder, and a bucket of each S3 server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connections as databases
from pytest_django import DjangoDbBlocker

from audit.acting import off
from backups.database import connections
from backups.repository.manifests import DATABASE, FILES
from backups.repository.repository import Repository
from backups.repository.signing import SigningKeys
from backups.storage.bucket import Bucket
from backups.storage.folder import Folder
from backups.storage.port import ObjectStore
from tests.backups.desks import Copies
from tests.journeys.installation import migrated
from tests.services import postgres, s3

KEYS = SigningKeys(["a key that signs the backups of these tests"])


@pytest.fixture(autouse=True)
def unnoted() -> Iterator[None]:
    """What these desks are filled with is nobody's change: it would be rows of a backup, too."""
    with off():
        yield


@pytest.fixture
def quick_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scratch database is a copy of a migrated one. The commands and the kit show that migrations make it, too."""
    migrate = connections.prepare

    def prepare(alias: str) -> None:
        if databases[alias].vendor != "sqlite":
            migrate(alias)
            return
        databases[alias].ensure_connection()
        with closing(sqlite3.connect(migrated())) as source:
            source.backup(databases[alias].connection)

    monkeypatch.setattr(connections, "prepare", prepare)


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
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return Folder(tmp_path / "place")
    return bucket(request.getfixturevalue(request.param), f"desk/{tmp_path.name}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "place")


@pytest.fixture
def repository(folder: Folder) -> Repository:
    return Repository(folder, FILES, KEYS)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Copies:
    with django_db_blocker.unblock():
        return Copies(tmp_path_factory.mktemp("desks"), None)


@pytest.fixture(scope="session")
def postgres_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Copies]:
    if reason := postgres.available():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("server")
    with postgres.cluster(folder) as server:
        with django_db_blocker.unblock():
            made = Copies(folder, server)
        yield made


@pytest.fixture
def sqlite_copies(sqlite_template: Copies, django_db_blocker: DjangoDbBlocker) -> Iterator[Copies]:
    with django_db_blocker.unblock():
        yield sqlite_template


@pytest.fixture
def postgres_copies(postgres_template: Copies, django_db_blocker: DjangoDbBlocker) -> Iterator[Copies]:
    with django_db_blocker.unblock():
        yield postgres_template


@pytest.fixture(params=["sqlite", "postgres"])
def copies(request: pytest.FixtureRequest) -> Copies:
    """Migrated databases of either kind."""
    found: Copies = request.getfixturevalue(f"{request.param}_copies")
    return found


@pytest.fixture
def desk(copies: Copies) -> Iterator[str]:
    """The alias of a migrated database that this test may lose."""
    with copies.desk() as alias:
        yield alias


@pytest.fixture
def sqlite_desk(sqlite_copies: Copies) -> Iterator[str]:
    with sqlite_copies.desk() as alias:
        yield alias


@pytest.fixture
def store(folder: Folder, tmp_path: Path) -> Repository:
    """Where databases are backed up to."""
    return Repository(folder, DATABASE, KEYS, cache=tmp_path / "cache")

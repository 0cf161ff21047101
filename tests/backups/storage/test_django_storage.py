"""The two kinds of storage promise the same: whole or not at all, and the same name is the same file."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from backups.storage.django_bucket import BucketStorage
from backups.storage.django_folder import LocalStorage
from config.env import Environment
from tests.services import s3
from tests.services.process import wait_until


def _bucket(server: s3.S3, prefix: str, secret: str = "") -> BucketStorage:
    entry = Environment({"GALLEY_STORAGE_URL": server.galley_url(prefix)}).storage("GALLEY_STORAGE_URL", "file:///none")
    return BucketStorage(**entry["OPTIONS"], access_key=server.access_key, secret_key=secret or server.secret_key)


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    if reason := s3.rclone_available():
        pytest.skip(reason)
    with s3.rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    if reason := s3.moto_available():
        pytest.skip(reason)
    with s3.moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(params=["local", "rclone", "moto"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(str(tmp_path / "backups"))
    return _bucket(request.getfixturevalue(request.param), f"desk/{tmp_path.name}")


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(3_000_000)], ids=["empty", "one byte", "3 MB"])
def test_what_is_saved_is_read(storage: Storage, content: bytes) -> None:
    assert storage.save("user_1/a/03_hero.jpg", ContentFile(content)) == "user_1/a/03_hero.jpg"

    with storage.open("user_1/a/03_hero.jpg", "rb") as file:
        assert file.read() == content
    assert storage.size("user_1/a/03_hero.jpg") == len(content)


def test_the_same_name_is_replaced(storage: Storage) -> None:
    for content in (b"first, and longer", b"second"):
        assert storage.save("a/manifest.json", ContentFile(content)) == "a/manifest.json"

    with storage.open("a/manifest.json", "rb") as file:
        assert file.read() == b"second"


def test_what_is_not_there_is_said_so(storage: Storage) -> None:
    assert not storage.exists("a/none")
    with pytest.raises(FileNotFoundError):
        storage.open("a/none", "rb").read()


def test_a_wrong_key_is_refused(rclone: s3.S3) -> None:
    with pytest.raises(ClientError):
        _bucket(rclone, "x", secret="not the secret key, but long").save("a", ContentFile(b"x"))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    storage.save("a", ContentFile(b"old"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past the limit is then an OSError
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(OSError, match="too large"):
            storage.save("a", ContentFile(b"x" * 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


WRITER = """
import sys
import django
from django.core.files.base import ContentFile
django.setup()
from backups.storage.django_folder import LocalStorage
storage, n = LocalStorage(sys.argv[1]), 0
while True:
    n += 1
    storage.save("manifest.json", ContentFile(b"%010d" % n * 200_000))
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        )
        try:
            wait_until((tmp_path / "manifest.json").exists, 120)
            time.sleep(0.05)
        finally:
            writer.kill()
            writer.wait()
        content = (tmp_path / "manifest.json").read_bytes()
        assert content == content[:10] * 200_000
        (tmp_path / "manifest.json").unlink()

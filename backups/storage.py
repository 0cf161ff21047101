"""The storage port: Django's Storage, in two kinds that promise the same.

A name is written whole or not at all, and writing it again replaces it: names are deterministic here, so a
repeated write after a crash is the same write. Names are POSIX paths without "..".
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from botocore.config import Config
from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages
from storages.backends.s3 import S3Storage

CONNECT_SECONDS, READ_SECONDS = 10, 60


def backup_storage() -> LocalStorage | BucketStorage:
    """The storage that settings name for backups."""
    return storages["backups"]  # type: ignore[return-value]


class LocalStorage(FileSystemStorage):
    """A folder on this machine. A file appears complete and on the disk, or it does not appear."""

    def __init__(self, location: str) -> None:
        super().__init__(location=location, allow_overwrite=True, file_permissions_mode=0o640)

    def _save(self, name: str, content: File[Any]) -> str:
        path = Path(self.path(name))
        self._make_folder(path.parent)
        handle, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), self.file_permissions_mode or 0o640)
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105  both names are plain strings here
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108
            raise
        _sync_folder(path.parent)
        return name.replace("\\", "/")

    def _make_folder(self, folder: Path) -> None:
        """Make the folder and its parents, each of them entered in its own parent on the disk."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)

    def unwritable(self) -> str | None:
        """Why nothing can be written here, or None."""
        try:
            Path(self.location).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.location):
                return None
        except OSError as exc:
            return f"{self.location}: {exc.strerror}"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class BucketStorage(S3Storage):  # type: ignore[misc]  # untyped library
    """A bucket of S3 or of a store that speaks its protocol.

    Each object is sent in one PutObject, which never leaves part of an object behind, together with its MD5 and
    SHA-256, so that the store refuses what arrived damaged. Since botocore 1.36 neither is sent by itself, and the
    trailing CRC32 sent instead has been stored inside objects by other stores (boto3#4435).
    """

    def get_default_settings(self) -> dict[str, Any]:
        defaults: dict[str, Any] = super().get_default_settings()
        return defaults | {
            "file_overwrite": True,
            "default_acl": None,
            "gzip": False,
            "querystring_auth": True,
            "querystring_expire": 300,
            "max_memory_size": 32 * 1024 * 1024,
            "client_config": Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"max_attempts": 3, "mode": "standard"},
            ),
        }

    def _save(self, name: str, content: File[Any]) -> str:
        content.seek(0)
        body = content.read()
        key = self._normalize_name(name)
        self.connection.meta.client.put_object(
            Bucket=self.bucket_name,
            Key=key,
            Body=body,
            ContentType=self._get_write_parameters(name, content)["ContentType"],
            ContentMD5=base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
            ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
        )
        return name

"""The storage port over a bucket: apart, as the libraries for it take a tenth of a second to load."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3File, S3Storage

from backups.errors import Failed
from backups.storage.manner import Manner, goes_in_circles
from backups.storage.options import BucketOptions

log = structlog.get_logger("galley.backups")

CONNECT_SECONDS, READ_SECONDS = 10, 60


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Around whatever the client does: it raises anything at all on an answer that it did not foresee.

    A redirect without an address, for one, sends it in circles until Python ends that (boto3#2148). Raises Failed for
    such; the errors that the client knows itself, and those of the disk, stay what they are.
    """
    try:
        yield
    except Exception as exc:
        if goes_in_circles(exc):
            said = f"The backup storage sends us to and fro about {what}: look at its address and region."
            raise Failed(said) from exc
        if isinstance(exc, OSError | BotoCoreError | ClientError):
            raise
        raise Failed(f"The backup storage gave an answer about {what} that its client cannot read: {exc!r}") from exc


class BucketFile(S3File):  # type: ignore[misc]  # untyped library
    """An object that is being read."""

    def _get_file(self) -> Any:
        with asking(self.name):
            return super()._get_file()

    file = property(_get_file, S3File._set_file)


class BucketStorage(S3Storage):  # type: ignore[misc]  # untyped library
    """A bucket of S3 or of a store that speaks its protocol.

    Each object is sent in one PutObject, which never leaves part of an object behind, together with its MD5 and
    SHA-256, so that the store refuses what arrived damaged. Since botocore 1.36 neither is sent by itself, and the
    trailing CRC32 sent instead has been stored inside objects by other stores (boto3#4435). A store that does not know
    the SHA-256 gets the MD5 alone. Raises OSError, BotoCoreError, ClientError, Failed.
    """

    def __init__(self, **options: str) -> None:
        given = BucketOptions(**options)
        self._manner = Manner()
        super().__init__(**given.of_django_storages(), client_config=client_config(given))

    def get_default_settings(self) -> dict[str, Any]:
        defaults: dict[str, Any] = super().get_default_settings()
        return defaults | {
            "file_overwrite": True,
            "default_acl": None,
            "gzip": False,
            "querystring_auth": True,
            "querystring_expire": 300,
            "max_memory_size": 32 * 1024 * 1024,
        }

    def _open(self, name: str, mode: str = "rb") -> BucketFile:
        with asking(name):
            try:
                return BucketFile(self._normalize_name(name), mode, self)
            except ClientError as exc:
                if exc.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    raise FileNotFoundError(f"{name} is not in the backup storage.") from exc
                raise

    def _save(self, name: str, content: File[bytes]) -> str:
        content.seek(0)
        body = content.read()
        request = {
            "Bucket": self.bucket_name,
            "Key": self._normalize_name(name),
            "Body": body,
            "ContentType": self._get_write_parameters(name, content)["ContentType"],
            "ContentMD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        }
        checksum = {"ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
        with asking(name):
            self._put(request, checksum)
        return name

    def _put(self, request: dict[str, Any], checksum: dict[str, str]) -> None:
        put = self.connection.meta.client.put_object
        if self._manner.checksums:
            try:
                put(**request, **checksum)
            except ClientError as exc:
                said = f"{exc} {exc.response.get('Error')}"
                known = self._manner.after(said, conditional=False)
                if known.checksums:
                    raise
                log.warning("the storage does not know SHA-256; Galley sends the MD5 alone", storage=self.bucket_name)
                self._manner = known
            else:
                return
        put(**request)

    def exists(self, name: str) -> bool:
        with asking(name):
            return bool(super().exists(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with asking(name or "its folders"):
            folders, files = super().listdir(name)
            return folders, files

    def delete(self, name: str) -> None:
        with asking(name):
            super().delete(name)

    def size(self, name: str) -> int:
        with asking(name):
            return int(super().size(name))


def client_config(options: BucketOptions) -> Config:
    """Of each client that boto3 makes for this bucket."""
    style: Literal["auto", "path", "virtual"] = "auto"
    if options.addressing_style:
        style = "virtual" if options.is_virtual else "path"
    return Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"max_attempts": 3, "mode": "standard"},
        s3={"addressing_style": style},
    )

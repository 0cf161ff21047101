"""The storage port over a bucket: apart, as the libraries for it take a tenth of a second to load."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from botocore.config import Config
from django.core.files import File
from storages.backends.s3 import S3Storage

from backups.storage.options import BucketOptions

CONNECT_SECONDS, READ_SECONDS = 10, 60


class BucketStorage(S3Storage):  # type: ignore[misc]  # untyped library
    """A bucket of S3 or of a store that speaks its protocol.

    Each object is sent in one PutObject, which never leaves part of an object behind, together with its MD5 and
    SHA-256, so that the store refuses what arrived damaged. Since botocore 1.36 neither is sent by itself, and the
    trailing CRC32 sent instead has been stored inside objects by other stores (boto3#4435).
    """

    def __init__(self, **options: str) -> None:
        super().__init__(**BucketOptions(**options).of_django_storages())

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

    def _save(self, name: str, content: File[bytes]) -> str:
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

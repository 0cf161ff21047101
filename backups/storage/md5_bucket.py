"""Writes into a bucket whose store insists on a Content-MD5 with each body, as with Object Lock's default retention.

obstore sends none, so these go by boto3: slower, and for such stores alone.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backups.errors import Denied, Exists, Failed, StorageUnreachable
from backups.redaction import black_out

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 16


@dataclass(frozen=True)
class MD5Bucket:
    """`config` is that of obstore's S3Store. Its methods raise what those of an object store do."""

    bucket: str
    prefix: str
    endpoint: str
    config: Mapping[str, str | bool]

    @cached_property
    def _client(self) -> S3Client:
        import boto3  # a quarter of a second that most runs do not need
        from botocore.config import Config

        virtual = self.config.get("virtual_hosted_style_request") == "true"
        endpoint = self.endpoint.replace(f"://{self.bucket}.", "://", 1) if virtual else self.endpoint
        return boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=self._text("region"),
            aws_access_key_id=self._text("access_key_id"),
            aws_secret_access_key=self._text("secret_access_key"),
            config=Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=THREADS,
                retries={"max_attempts": 5, "mode": "standard"},
                s3={"addressing_style": "virtual" if virtual else "path"},
            ),
        )

    def put(self, key: str, content: bytes, *, create: bool) -> str:
        """Write an object in one request, and return its etag; with `create` only where there is none."""
        condition: Any = {"IfNoneMatch": "*"} if create else {}
        with _asking(key):
            answer = self._client.put_object(
                **self._where(key), **self._encrypted(), **condition, Body=content, ContentMD5=_md5(content)
            )
        return answer["ETag"]

    def put_stream(self, key: str, chunks: Iterable[bytes], part_bytes: int) -> None:
        """Write an object in parts. Nothing appears when `chunks` raises."""
        where = self._where(key)
        with _asking(key):
            upload = self._client.create_multipart_upload(**where, **self._encrypted())["UploadId"]
        try:
            parts: list[Any] = []
            for number, part in enumerate(_joined(chunks, part_bytes), 1):
                with _asking(key):
                    sent = self._client.upload_part(
                        **where, UploadId=upload, PartNumber=number, Body=part, ContentMD5=_md5(part)
                    )
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            with _asking(key):
                self._client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
        except BaseException:
            with contextlib.suppress(Exception):
                self._client.abort_multipart_upload(**where, UploadId=upload)
            raise

    def _where(self, key: str) -> Any:
        return {"Bucket": self.bucket, "Key": f"{self.prefix}/{key}".lstrip("/")}

    def _encrypted(self) -> Any:
        names = {"server_side_encryption": "ServerSideEncryption", "sse_kms_key_id": "SSEKMSKeyId"}
        return {name: self.config[own] for own, name in names.items() if own in self.config}

    def _text(self, name: str) -> str | None:
        return str(self.config[name]) if name in self.config else None


@contextlib.contextmanager
def _asking(key: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as exc:
        status, said = exc.response["ResponseMetadata"]["HTTPStatusCode"], black_out(str(exc))
        if status in (409, 412):
            raise Exists(f"{key} is there already.") from exc
        if status in (401, 403):
            raise Denied(f"The backup storage does not let us reach {key}: {said}") from exc
        if status < 500:
            raise Failed(f"The backup storage refused {key}: {said}") from exc
        raise StorageUnreachable(f"The backup storage did not answer about {key}: {said}") from exc
    except BotoCoreError as exc:
        raise StorageUnreachable(f"The backup storage did not answer about {key}: {exc}") from exc


def _joined(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """In pieces of this size, the last one smaller; an empty one for no content."""
    waiting, sent = bytearray(), False
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
            sent = True
    if waiting or not sent:
        yield bytes(waiting)


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()

"""What the settings say of the storage of the backups, read once for the three libraries that reach a bucket.

django-storages  holds the files of articles' trees  `django_bucket`
obstore          holds very many objects             `bucket`
boto3            asks how safe the bucket is         `backups.health.bucket_audit`

The options have the names that django-storages gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class FolderOptions:
    """A folder of this machine, by its path."""

    location: str


@dataclass(frozen=True)
class BucketOptions:
    """A bucket. `location` is the prefix of all keys; without `access_key` its keys come from elsewhere.

    `addressing_style` is "path" (`https://store/bucket/key`) or "virtual" (`https://bucket.store/key`); where it is not
    given and an `endpoint_url` is, it is "path".
    """

    bucket_name: str
    location: str = ""
    endpoint_url: str | None = None
    region_name: str | None = None
    addressing_style: str | None = None
    access_key: str | None = None
    secret_key: str | None = None

    def of_django_storages(self) -> dict[str, str]:
        """The arguments of its S3Storage."""
        return _given(asdict(self))

    def of_obstore(self) -> dict[str, str]:
        """What the configuration of its S3Store has beside bucket, prefix and endpoint."""
        return _given(
            {
                "region": self.region_name,
                "access_key_id": self.access_key,
                "secret_access_key": self.secret_key,
                "virtual_hosted_style_request": "true" if self.is_virtual else None,
            }
        )

    @property
    def is_virtual(self) -> bool:
        return self.addressing_style == "virtual"

    @property
    def obstore_endpoint(self) -> str:
        """obstore wants the bucket in it where the store does."""
        if not (self.endpoint_url and self.is_virtual):
            return self.endpoint_url or ""
        parts = urlsplit(self.endpoint_url)
        return parts._replace(netloc=f"{self.bucket_name}.{parts.netloc}").geturl()


def read_options(options: Mapping[str, object]) -> FolderOptions | BucketOptions:
    """The OPTIONS of an entry of STORAGES. Raises TypeError for one that is not known here."""
    texts = {name: str(value) for name, value in options.items()}
    return BucketOptions(**texts) if "bucket_name" in texts else FolderOptions(**texts)


def overlap(one: FolderOptions | BucketOptions, other: FolderOptions | BucketOptions) -> bool:
    """Whether one is the other, or lies in it."""
    if isinstance(one, FolderOptions) and isinstance(other, FolderOptions):
        here, there = Path(one.location).resolve(), Path(other.location).resolve()
        return here.is_relative_to(there) or there.is_relative_to(here)
    if isinstance(one, BucketOptions) and isinstance(other, BucketOptions) and _is_same_bucket(one, other):
        within, without = f"{one.location}/".lstrip("/"), f"{other.location}/".lstrip("/")
        return within.startswith(without) or without.startswith(within)
    return False


def goes_with(one: FolderOptions | BucketOptions, other: FolderOptions | BucketOptions) -> bool:
    """Whether both are on one disk, or in one bucket."""
    if isinstance(one, FolderOptions) and isinstance(other, FolderOptions):
        return _disk(Path(one.location)) == _disk(Path(other.location))
    return isinstance(one, BucketOptions) and isinstance(other, BucketOptions) and _is_same_bucket(one, other)


def _is_same_bucket(one: BucketOptions, other: BucketOptions) -> bool:
    """Names are given once in all of Amazon's regions, and by each other store by itself."""
    return (one.bucket_name, one.endpoint_url) == (other.bucket_name, other.endpoint_url)


def _disk(folder: Path) -> int:
    """Of a folder, or of the first above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev


def _given(options: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}

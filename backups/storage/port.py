"""Where objects lie: a folder or a bucket, which promise the same.

An object appears whole or not at all. Its key is a POSIX path without "..". `put` is for objects that are written once:
it raises Exists where the store knows of one already, and a store that cannot tell writes the same bytes again, because
every key says what lies there. Threads may share a store; a process that is forked makes its own.

Bulk transfer is bound by the interpreter in boto3 and not in obstore, which leaves it for as long as a request takes:
sixteen threads that read, hash and put are quicker than its asyncio, and easier to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backups.errors import TooLarge

FIRST, SECOND = "first", "second"  # storages: where backups go, and where all of it lies once more
INCOMPLETE = ".part-"  # begins the name of a file that is not complete
STREAM_BYTES = 8 * 1024 * 1024  # of each piece of what is streamed
LEAST_LISTED = 0.9  # a listing that shows less than this share of what is known is not believed


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it. `etag` is the MD5 in hex digits where the store keeps to that, else ""."""

    key: str
    bytes: int
    modified: datetime
    etag: str = ""


class ObjectStore(Protocol):
    """All keys are relative to the store. Every method raises StorageError; those that read, Missing."""

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        """Write an object, and return its etag as in `Listed`."""

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:
        """Write an object of so many bytes with flat memory. Nothing appears when `chunks` raises."""

    def get(self, key: str, limit: int) -> bytes:
        """The content. Raises TooLarge for one of more than `limit` bytes."""

    def stream(self, key: str) -> Iterator[bytes]:
        """The content in pieces of about STREAM_BYTES; raises at the first of them, or in between."""

    def head(self, key: str) -> Listed:
        """What a listing would show of one object."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """What lies below the folder `prefix`, in no order; of a folder also PART files that were never completed."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""


def bounded(key: str, content: bytes, limit: int) -> bytes:
    """The content of an object. Raises TooLarge for one of more than `limit` bytes."""
    if len(content) > limit:
        raise TooLarge(f"{key} is larger than the {limit:,} bytes that it may have.")
    return content

"""Where objects lie: a folder or a bucket, which promise the same.

An object appears whole or not at all. Its key is a POSIX path without "..". `put` is for objects that are written once:
it raises Exists where the store knows of one already, and a store that cannot tell writes the same bytes again, because
every key says what lies there. Threads may share a place; a process that is forked makes its own.

Bulk transfer is bound by the interpreter in boto3 and not in obstore, which leaves it for as long as a request takes:
sixteen threads that read, hash and put are quicker than its asyncio, and easier to read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import obstore
from obstore import exceptions
from obstore.store import S3Store

from backups.errors import Denied, Exists, Failed, Missing, TooLarge, Unreachable

PART = ".part-"  # begins the name of a file that is not complete
CHUNK = 8 * 1024 * 1024  # bytes, of what is streamed
PARTS = 9_000  # of an upload; S3 takes 10,000
CONNECT, ANSWER = timedelta(seconds=10), timedelta(seconds=300)
RETRIES, PATIENCE = 5, timedelta(seconds=60)


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it. `etag` is the MD5 in hex digits where the store keeps to that, else ""."""

    key: str
    bytes: int
    modified: datetime
    etag: str = ""


class Place(Protocol):
    """All keys are relative to the place. Every method raises PlaceError."""

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        """Write an object, and return its etag as in `Listed`."""

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:
        """Write an object of so many bytes with flat memory. Nothing appears when `chunks` raises."""

    def get(self, key: str, limit: int) -> bytes:
        """The content; raises Failed for one of more than `limit` bytes."""

    def stream(self, key: str) -> Iterator[bytes]: ...

    def look(self, key: str) -> Listed: ...

    def list(self, prefix: str) -> Iterator[Listed]:
        """What lies below the folder `prefix`, in no order; of a folder also PART files that were never completed."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""


class Folder:
    """A folder of this machine. What is put is on the disk when `put` returns."""

    def __init__(self, location: str | Path) -> None:
        self.root = Path(location)

    def __str__(self) -> str:
        return str(self.root)

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        with _disk(key):
            path = self._path(key)
            if not replace and path.exists():
                raise Exists(f"{key} is there already.")
            self._write(path, (content,))
        return ""

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:  # noqa: ARG002  a disk needs no parts
        with _disk(key):
            self._write(self._path(key), chunks)

    def get(self, key: str, limit: int) -> bytes:
        with _disk(key), self._path(key).open("rb") as file:
            return _bounded(key, file.read(limit + 1), limit)

    def stream(self, key: str) -> Iterator[bytes]:
        with _disk(key), self._path(key).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def look(self, key: str) -> Listed:
        with _disk(key):
            return self._listed(key, self._path(key).stat())

    def list(self, prefix: str) -> Iterator[Listed]:
        waiting = [prefix]
        while waiting:
            folder = waiting.pop()
            with _disk(folder), contextlib.suppress(FileNotFoundError), os.scandir(self._path(folder)) as entries:
                for entry in entries:
                    key = f"{folder}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(key)
                    elif entry.is_file(follow_symlinks=False):
                        with contextlib.suppress(FileNotFoundError):  # renamed or deleted since the folder was read
                            yield self._listed(key, entry.stat(follow_symlinks=False))

    def delete(self, key: str) -> None:
        with _disk(key):
            self._path(key).unlink(missing_ok=True)

    def _listed(self, key: str, stat: os.stat_result) -> Listed:
        return Listed(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    def _path(self, key: str) -> Path:
        if any(step in ("", ".", "..") for step in key.split("/")) or "\0" in key:
            raise Failed(f"{key!r} cannot be the name of an object.")
        return self.root / key

    def _write(self, path: Path, chunks: Iterable[bytes]) -> None:
        _make_folder(path.parent)
        handle, part = tempfile.mkstemp(prefix=PART, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), 0o640)
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)  # noqa: PTH105  both names are plain strings here
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)  # noqa: PTH108
            raise
        sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Make the folder and its parents, each of them entered in its own parent on the disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _disk(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise Missing(f"{key} is not in the backup storage.") from exc
    except PermissionError as exc:
        raise Denied(f"The backup storage does not let us reach {key}: {exc.strerror}.") from exc
    except OSError as exc:
        busy = exc.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN)
        raise (Unreachable if busy else Failed)(f"The backup storage failed at {key}: {exc.strerror or exc}.") from exc


class Bucket:
    """A bucket of S3 or of a store that speaks its protocol.

    Each request is signed with the SHA-256 of its body, so a body that is damaged on its way is refused. `settings` are
    obstore's, on top of our own. Without keys among them they come from the environment, or with `ask_boto3` from
    wherever that finds keys.
    """

    def __init__(
        self, bucket: str, prefix: str = "", endpoint: str = "", *, ask_boto3: bool = False, **settings: Any
    ) -> None:
        own: dict[str, Any] = {"checksum_algorithm": "SHA256", "virtual_hosted_style_request": False}
        if endpoint:
            own["endpoint"] = endpoint
        self._name = f"s3://{bucket}/{prefix}".rstrip("/") + (f" at {endpoint}" if endpoint else "")
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config={**own, **settings},  # type: ignore[arg-type]
            client_options={"allow_http": True, "connect_timeout": CONNECT, "timeout": ANSWER},
            retry_config={"max_retries": RETRIES, "retry_timeout": PATIENCE},
            credential_provider=_boto3() if ask_boto3 else None,
        )

    def __str__(self) -> str:
        return self._name

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        mode: Literal["overwrite", "create"] = "overwrite" if replace else "create"
        try:
            with _bucket(key, "There is no such bucket"):
                return _md5(obstore.put(self._store, key, content, mode=mode, use_multipart=False)["e_tag"])
        except Exists as exc:
            if not replace:
                raise
            raise Unreachable(f"The backup storage did not take {key}: others write it right now.") from exc

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:
        part = max(CHUNK, -(-size // PARTS))
        with _bucket(key, "There is no such bucket"):
            obstore.put(self._store, key, iter(chunks), chunk_size=part, max_concurrency=2)

    def get(self, key: str, limit: int) -> bytes:
        with _bucket(key):
            answer = obstore.get(self._store, key)
            if answer.meta["size"] > limit:
                raise TooLarge(f"{key} is larger than the {limit:,} bytes that it may have.")
            return _bounded(key, bytes(answer.bytes()), limit)

    def stream(self, key: str) -> Iterator[bytes]:
        with _bucket(key):
            yield from obstore.get(self._store, key).stream(CHUNK)

    def look(self, key: str) -> Listed:
        with _bucket(key):
            return self._listed(obstore.head(self._store, key))

    def list(self, prefix: str) -> Iterator[Listed]:
        with _bucket(prefix):
            for some in obstore.list(self._store, prefix, chunk_size=1000):
                yield from map(self._listed, some)

    def delete(self, key: str) -> None:
        with contextlib.suppress(Missing), _bucket(key):
            obstore.delete(self._store, key)

    def _listed(self, meta: Any) -> Listed:
        return Listed(meta["path"], meta["size"], meta["last_modified"], _md5(meta["e_tag"]))


def _boto3() -> Any:
    from obstore.auth.boto3 import Boto3CredentialProvider  # a quarter of a second that most runs do not need

    try:
        return Boto3CredentialProvider()
    except ValueError as exc:
        raise Denied("No keys of the bucket were found, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.") from exc


@contextlib.contextmanager
def _bucket(key: str, absent: str = "") -> Iterator[None]:
    """obstore's errors become ours; it has repeated by then what repeating can help."""
    try:
        yield
    except FileNotFoundError as exc:
        if absent:
            raise Failed(f"{absent}: {_first_line(exc)}") from exc
        raise Missing(f"{key} is not in the backup storage.") from exc
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as exc:
        raise Exists(f"{key} is there already.") from exc
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as exc:
        raise Denied(f"The backup storage does not let us reach {key}: {_first_line(exc)}") from exc
    except (exceptions.BaseError, ValueError) as exc:
        said = str(exc)
        if "status code: 4" in said or isinstance(exc, ValueError):
            raise Failed(f"The backup storage refused {key}: {_first_line(exc)}") from exc
        raise Unreachable(f"The backup storage did not answer about {key}: {_first_line(exc)}") from exc


def _md5(etag: str | None) -> str:
    """An etag that may be an MD5; those of uploads in parts are none."""
    bare = (etag or "").strip('"')
    return bare if len(bare) == 32 else ""


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:300]


def _bounded(key: str, content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise TooLarge(f"{key} is larger than the {limit:,} bytes that it may have.")
    return content

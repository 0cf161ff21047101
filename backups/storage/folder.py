"""A folder of this machine as an object store."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from backups.errors import Denied, Exists, Failed, Missing, StorageUnreachable
from backups.storage.port import INCOMPLETE, STREAM_BYTES, Listed, bounded


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
            write_whole(path, (content,))
        return ""

    def put_stream(self, key: str, chunks: Iterable[bytes], size: int) -> None:  # noqa: ARG002  a disk needs no parts
        with _disk(key):
            write_whole(self._path(key), chunks)

    def get(self, key: str, limit: int) -> bytes:
        with _disk(key), self._path(key).open("rb") as file:
            return bounded(key, file.read(limit + 1), limit)

    def stream(self, key: str) -> Iterator[bytes]:
        with _disk(key), self._path(key).open("rb") as file:
            while chunk := file.read(STREAM_BYTES):
                yield chunk

    def head(self, key: str) -> Listed:
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


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that appears complete and on the disk, or not at all, in folders that are made for it."""
    _make_folder(path.parent)
    handle, part = tempfile.mkstemp(prefix=INCOMPLETE, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
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
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder, as it keeps what the files hold. Raises OSError."""
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
        raise (StorageUnreachable if busy else Failed)(
            f"The backup storage failed at {key}: {exc.strerror or exc}."
        ) from exc

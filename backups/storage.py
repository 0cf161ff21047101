"""The storage port: Django's Storage, in two kinds that promise the same. The one for buckets is in `backups.bucket`.

A name is written whole or not at all, and writing it again replaces it: names are deterministic here, so a
repeated write after a crash is the same write. Names are POSIX paths without "..".
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages

if TYPE_CHECKING:
    from backups.bucket import BucketStorage


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

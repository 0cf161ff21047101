"""The storage of article trees over a folder: Django's Storage, which promises what the one for buckets does.

A name is written whole or not at all, and writing it again replaces it: names are deterministic here, so a
repeated write after a crash is the same write. Names are POSIX paths without "..".
"""

from __future__ import annotations

import contextlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage

from backups.storage.folder import write_whole
from backups.storage.port import INCOMPLETE


class LocalStorage(FileSystemStorage):
    """A folder on this machine. A file appears complete and on the disk, or it does not appear."""

    def __init__(self, location: str) -> None:
        super().__init__(location=location, allow_overwrite=True)

    def _save(self, name: str, content: File[bytes]) -> str:
        write_whole(Path(self.path(name)), content.chunks())
        return name.replace("\\", "/")

    def remove_parts(self, folders: str, before: datetime) -> int:
        """Remove what writes that were killed before this moment have left in `folders`, a pattern such as `user_*/*`.

        Returns how many files. Whoever writes just now has begun later.
        """
        removed = 0
        for part in Path(self.location).glob(f"{folders}/{INCOMPLETE}*"):
            with contextlib.suppress(FileNotFoundError):  # finished, or removed, since the folder was read
                if datetime.fromtimestamp(part.stat().st_mtime, UTC) < before:
                    part.unlink()
                    removed += 1
        return removed

    def unwritable(self) -> str | None:
        """Why nothing can be written here, or None."""
        try:
            Path(self.location).mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.location):
                return None
        except OSError as exc:
            return f"{self.location}: {exc.strerror}"

"""The folder that files are restored to. Nothing is ever written outside of it, whatever names and links say.

Every step of a path is opened by itself, relative to the one before, and no symbolic link is followed: a link inside of
the target that leads elsewhere, made before or in the very moment, stops that file and no other. A file is complete and
checked before it gets its name, and what it replaces is set aside, not deleted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backups.errors import BackupError, Failed, Hostile
from backups.storage.port import STREAM_BYTES

TEMPORARY = ".galley-part-"  # begins the name of a file that is not complete
ASIDE = ".replaced-"  # begins the name of the folder where replaced files go
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Blocked(BackupError):
    """A file cannot go where it should; the message says why."""


@dataclass(frozen=True)
class There:
    """What lies under a name: a file with its size and time (ns), or something that is none."""

    is_file: bool
    size: int = 0
    mtime: int = 0


class Target:
    """A folder that is there. Threads may share it. Close it after use. Raises Failed."""

    def __init__(self, root: Path, aside: str) -> None:
        self.root = root.resolve()
        self.aside = f"{ASIDE}{aside}"
        try:
            self._root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise Failed(f"{self.root} cannot be opened: {exc.strerror}.") from exc

    def close(self) -> None:
        os.close(self._root)

    def claim(self) -> None:
        """Be the only one at work here, until it is closed or this process dies. Raises Blocked.

        A file system that knows no locks lets everybody in: then two at once may take each other's parts for leftovers,
        which costs single files that are said to have failed.
        """
        try:
            fcntl.flock(self._root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Blocked(f"Another restore is at work in {self.root}.") from exc
        except OSError as exc:
            if exc.errno not in NO_LOCKS:
                raise

    def stat(self, path: str) -> There | None:
        """What is there, None for nothing. Raises Blocked when the way there leads elsewhere."""
        with self._folder(path) as (folder, name):
            if folder is None:
                return None
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return None
            return There(stat.S_ISREG(found.st_mode), found.st_size, found.st_mtime_ns)

    def sha256(self, path: str) -> str:
        """Of the file that is there; "" when it cannot be read."""
        digest = hashlib.sha256()
        try:
            with self._folder(path) as (folder, name):
                handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
                try:
                    while chunk := os.read(handle, STREAM_BYTES):
                        digest.update(chunk)
                finally:
                    os.close(handle)
        except OSError:
            return ""
        return digest.hexdigest()

    def put(self, path: str, chunks: Iterable[bytes], *, mtime: int, mode: int, replace: bool) -> tuple[int, int]:
        """Write a file, complete before it gets its name. Returns its device and inode.

        Raises Blocked, and what `chunks` raises: then nothing is left. What it replaces is set aside.
        """
        with self._folder(path, create=True) as (folder, name):
            part = f"{TEMPORARY}{secrets.token_hex(8)}"
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
            try:
                try:
                    for chunk in chunks:
                        _write(handle, chunk)
                    os.fchmod(handle, mode & 0o777)
                    os.utime(handle, ns=(mtime, mtime))
                    made = os.fstat(handle)
                finally:
                    os.close(handle)
                if replace:
                    self.set_aside(path)
                _name(part, name, folder)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(part, dir_fd=folder)
        return made.st_dev, made.st_ino

    def identity(self, path: str) -> tuple[int, int] | None:
        """The device and inode of what is there; None when nothing is, or it cannot be looked at."""
        with self._folder(path) as (folder, name), contextlib.suppress(OSError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            return found.st_dev, found.st_ino
        return None

    def set_aside(self, path: str) -> None:
        """Move what lies there, if anything does, to the folder of replaced files. Raises Blocked."""
        if self.stat(f"{self.aside}/{path}"):
            raise Blocked(f"Something of its name lies in {self.aside} already.")
        with (
            self._folder(path) as (folder, name),
            self._folder(f"{self.aside}/{path}", create=True) as (kept, kept_name),
            contextlib.suppress(FileNotFoundError),
        ):
            os.rename(name, kept_name, src_dir_fd=folder, dst_dir_fd=kept)

    def put_back(self, path: str, *, over: bool) -> None:
        """Move what was set aside to where it was, in one step over what lies there, or to where nothing may lie.

        Raises Blocked. Killed in between, it may be in both places: done again, it is in one.
        """
        with (
            self._folder(f"{self.aside}/{path}") as (kept, kept_name),
            self._folder(path, create=True) as (folder, name),
        ):
            try:
                if kept is None:
                    raise FileNotFoundError
                if over or self.identity(path) == self.identity(f"{self.aside}/{path}"):
                    os.rename(kept_name, name, src_dir_fd=kept, dst_dir_fd=folder)
                else:
                    _name(kept_name, name, folder, of=kept)
                with contextlib.suppress(FileNotFoundError):  # a rename between two names of one file does nothing
                    os.unlink(kept_name, dir_fd=kept)
            except FileNotFoundError as exc:
                raise Blocked(f"It does not lie in {self.aside} any more.") from exc

    def remove(self, path: str) -> None:
        """Delete a file; one that is not there is no error. Raises Blocked, OSError."""
        with self._folder(path) as (folder, name), contextlib.suppress(FileNotFoundError):
            if folder is not None:
                os.unlink(name, dir_fd=folder)

    def remove_folder(self, path: str) -> None:
        """If it is empty."""
        with contextlib.suppress(OSError, Blocked), self._folder(path) as (folder, name):
            if folder is not None:
                os.rmdir(name, dir_fd=folder)

    def files(self) -> Iterator[str]:
        """The paths of all files and links, without those that were set aside or are not complete."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            with contextlib.suppress(OSError), os.scandir(self.root / folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if folder or not entry.name.startswith(ASIDE):
                            waiting.append(f"{folder}{entry.name}/")
                    elif not entry.name.startswith(TEMPORARY):
                        yield f"{folder}{entry.name}"

    def sweep(self) -> None:
        """Remove what an earlier restore, killed while it wrote, has left."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name.startswith(TEMPORARY):
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, name))  # noqa: PTH108, PTH118  os.walk gives strings

    @contextlib.contextmanager
    def _folder(self, path: str, *, create: bool = False) -> Iterator[tuple[int | None, str]]:
        """The open folder that a path lies in, None if it is not there, and the name within it."""
        *steps, name = check_path(path).split("/")
        with contextlib.ExitStack() as opened:
            folder = self._root
            for step in steps:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(step, 0o777, dir_fd=folder)
                try:
                    folder = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                except FileNotFoundError:
                    yield None, name
                    return
                except OSError as exc:
                    if exc.errno in (errno.ELOOP, errno.ENOTDIR):
                        raise Blocked(f"{step!r} in the target is a link or a file, not a folder.") from exc
                    raise Blocked(f"{step!r} in the target cannot be opened: {exc.strerror}.") from exc
                opened.callback(os.close, folder)
            yield folder, name


def check_path(path: str) -> str:
    """The path of a file below a folder. Raises Hostile for one that would lead out of it, or be another."""
    steps = path.split("/")
    if any(step in ("", ".", "..") or "\0" in step or len(os.fsencode(step)) > 255 for step in steps):
        raise Hostile(f"The backup names a file that would lie elsewhere: {path[:100]!r}.")
    return path


def _write(handle: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(handle, view) :]


def _name(part: str, name: str, folder: int | None, *, of: int | None = None) -> None:
    """Give a complete file its name, which must be free; `of`: the folder that it lies in, if that is another one."""
    of = folder if of is None else of
    try:
        os.link(part, name, src_dir_fd=of, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as exc:
        raise Blocked("Something else has come to lie there meanwhile.") from exc
    except OSError as exc:
        if exc.errno not in NO_LINKS:
            raise
        os.rename(part, name, src_dir_fd=of, dst_dir_fd=folder)  # a file system without hard links

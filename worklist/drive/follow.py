"""What a followed folder has: listed as a whole at first, told by the log of changes from then on.

The token of the log is asked for before the listing, so nothing falls between the two. The log tells of any file of
the account: ours are those whose folders lead to the folder that is followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from worklist.drive.client import Drive, File
from worklist.drive.errors import DriveError, FileClosed, NotThere


class FolderClosed(DriveError):
    """The followed folder itself is gone, or not for us. Nothing is known of what it holds."""


@dataclass(frozen=True)
class Known:
    """A file that was there."""

    parent: str
    is_folder: bool
    target: str = ""


@dataclass
class Sight:
    """What a look has found. `missing` are known files that are there no more; `again` shortcuts whose target moved."""

    token: str  # empty: the next look lists everything
    files: dict[str, File] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    name: str = ""  # of the followed folder; empty where it was not told
    drive_id: str = ""


def listed(drive: Drive, folder_id: str, known: Iterable[str]) -> Sight:
    """All that is there. An empty listing, or one that is not whole, says of nothing that it is missing."""
    try:
        root = drive.file(folder_id)
    except NotThere as exc:
        raise FolderClosed("The folder is not there any more, or not shared with this account.") from exc
    if root.trashed or not root.is_folder:
        raise FolderClosed("The folder lies in the trash." if root.trashed else "This is no folder.")
    token = drive.start_token(root.drive)
    files, is_whole, is_complete = _walk(drive, [folder_id], root.drive)
    sight = Sight(token if is_complete else "", files, name=root.name, drive_id=root.drive)
    if files and is_whole:
        sight.missing = set(known) - files.keys()
    return sight


def _walk(drive: Drive, folders: list[str], drive_id: str) -> tuple[dict[str, File], bool, bool]:
    """What lies in these and below; whether that is all; and whether looking once more could tell more."""
    found: dict[str, File] = {}
    waiting, seen = list(folders), set(folders)
    is_whole = is_complete = True
    while waiting:
        try:
            listing = drive.listing(waiting.pop(), drive_id)
        except (NotThere, FileClosed):
            is_whole = False
            continue
        is_complete = is_complete and listing.is_whole
        for file in listing.files:
            found[file.id] = file
            if file.is_folder and file.id not in seen:
                seen.add(file.id)
                waiting.append(file.id)
    return found, is_whole and is_complete, is_complete


def told(drive: Drive, folder_id: str, token: str, drive_id: str) -> tuple[dict[str, File | None], str]:
    """What the log says of any file since, and the token from which it goes on. None: not there any more.

    Raises FolderClosed, TokenRefused.
    """
    changes, following = drive.changes(token, drive_id)
    said = {change.id: change.file if change.file and not change.file.trashed else None for change in changes}
    if folder_id in said and said[folder_id] is None:
        raise FolderClosed("The folder lies in the trash, or is not shared with this account any more.")
    return said, following


def followed(
    drive: Drive, folder_id: str, said: dict[str, File | None], token: str, known: Mapping[str, Known], drive_id: str
) -> Sight:
    """What that means for the followed folder. A folder that has come into it is walked through."""
    sight = Sight(token, drive_id=drive_id)
    parents = {each: its.parent for each, its in known.items()}
    _take(said, parents)
    folders = {each for each, its in known.items() if its.is_folder}
    while new := [each for each in _folders_of(said) - folders if _is_inside(each, parents, folder_id)]:
        found, _, is_complete = _walk(drive, new, drive_id)
        sight.token = sight.token if is_complete else ""
        said |= found
        _take(found, parents)
        folders |= set(new) | _folders_of(found)
    inside = {each for each in parents if _is_inside(each, parents, folder_id)}
    sight.files = {each: file for each, file in said.items() if file is not None and each in inside}
    sight.missing = known.keys() - inside
    sight.again = {each for each, its in known.items() if its.target in said} & inside
    if root := said.get(folder_id):
        sight.name = root.name
    return sight


def _take(said: Mapping[str, File | None], parents: dict[str, str]) -> None:
    for each, file in said.items():
        if file is None:
            parents.pop(each, None)
        else:
            parents[each] = file.parent


def _folders_of(said: Mapping[str, File | None]) -> set[str]:
    return {each for each, file in said.items() if file is not None and file.is_folder}


def _is_inside(file_id: str, parents: Mapping[str, str], folder_id: str) -> bool:
    passed: set[str] = set()
    while file_id in parents and file_id not in passed and file_id != folder_id:
        passed.add(file_id)
        file_id = parents[file_id]
    return file_id == folder_id and bool(passed)


def place(file_id: str, parents: Mapping[str, str], names: Mapping[str, str], folder_id: str, root: str) -> str:
    """The names of the folders above a file, from the followed one."""
    above: list[str] = []
    while (file_id := parents.get(file_id, folder_id)) != folder_id and len(above) < 100:
        above.append(names.get(file_id, ""))
    return "/".join([root, *reversed(above)])

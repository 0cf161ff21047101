"""What a look has found, written down: the rows of files and the token of the log, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from worklist.drive import documents, follow
from worklist.drive.client import File
from worklist.drive.follow import Known, Sight
from worklist.models import Document, DriveFile, DriveFolder

AT_ONCE = 500  # rows in a statement
CHANGED = [
    *("parent_id", "target_id", "name", "place", "kind", "writer", "is_folder", "version", "read_version", "link"),
    *("reason", "again_at", "missing_at", "is_gone"),
]


def known(folder: DriveFolder) -> dict[str, Known]:
    """What is there, as far as the rows know."""
    there = folder.files.filter(missing_at=None).values_list("file_id", "parent_id", "is_folder", "target_id")
    return {file_id: Known(parent, is_folder, target) for file_id, parent, is_folder, target in there}


def write(folder: DriveFolder, sight: Sight) -> bool:
    """Whether it was written: not where another machine has looked meanwhile, and knows better."""
    with transaction.atomic():
        locked = DriveFolder.objects.select_for_update().get(pk=folder.pk)
        if locked.page_token != folder.page_token:
            return False
        if sight.files or sight.missing or sight.again or (sight.name and sight.name[:200] != locked.name):
            _write_files(locked, sight)
        locked.page_token, locked.looked_at, locked.error = sight.token, timezone.now(), ""
        locked.drive_id = sight.drive_id or locked.drive_id
        locked.save(update_fields=["page_token", "looked_at", "error", "drive_id", "name"])
    return True


def _write_files(folder: DriveFolder, sight: Sight) -> None:
    rows = {row.file_id: row for row in folder.files.all()}
    new: list[DriveFile] = []
    touched: dict[str, DriveFile] = {}
    for file_id, file in sight.files.items():
        row = rows.get(file_id)
        if row is None:
            rows[file_id] = row = DriveFile(folder=folder, file_id=file_id)
            new.append(row)
        else:
            touched[file_id] = row
        _bring(row, file)
    for file_id in sight.missing:
        rows[file_id].missing_at = timezone.now()
    for file_id in sight.again & rows.keys():
        rows[file_id].read_version, rows[file_id].again_at = 0, None
        touched[file_id] = rows[file_id]
    folder.name = sight.name[:200] or folder.name
    moved = _put_in_place(folder, rows)
    old = list(touched.values())
    DriveFile.objects.bulk_create(new, batch_size=AT_ONCE)
    DriveFile.objects.bulk_update(old, CHANGED, batch_size=AT_ONCE)
    _update([rows[file_id].pk for file_id in sight.missing], missing_at=timezone.now())
    for place, there in moved.items():
        _update([row.pk for row in there], place=place)
        of = [row.document_id for row in there if row.document_id]
        for part in _parts(of):
            Document.objects.filter(pk__in=part).update(folder=place)


def _update(pks: list[int], **values: Any) -> None:
    """The same for all of these rows, however many."""
    for part in _parts(pks):
        DriveFile.objects.filter(pk__in=part).update(**values)


def _parts(pks: list[int]) -> Iterator[list[int]]:
    return (pks[first : first + AT_ONCE] for first in range(0, len(pks), AT_ONCE))


def _bring(row: DriveFile, file: File) -> None:
    """To what the Drive says of it. What was away is read anew; what cannot be read needs no reading."""
    row.name, row.parent_id, row.kind = file.name[:300], file.parent, file.kind[:100]
    row.is_folder, row.target_id, row.link = file.is_folder, file.target, file.link[:500]
    row.writer = file.writer[:200]
    if row.missing_at is not None or row.version != file.version:
        row.again_at = None
    if row.missing_at is not None:
        row.read_version = 0
    row.missing_at, row.is_gone, row.version = None, False, file.version
    if not row.is_folder and (against := documents.reason_against(file)):
        row.reason, row.read_version = against, file.version


def _put_in_place(folder: DriveFolder, rows: dict[str, DriveFile]) -> dict[str, list[DriveFile]]:
    """By their place, the rows that lie elsewhere now: they or a folder above them were moved or renamed."""
    there = {file_id: row for file_id, row in rows.items() if row.missing_at is None}
    parents = {file_id: row.parent_id for file_id, row in there.items()}
    names = {file_id: row.name for file_id, row in there.items()}
    moved: dict[str, list[DriveFile]] = {}
    for file_id, row in there.items():
        place = follow.place(file_id, parents, names, folder.folder_id, folder.name)[:200]
        if place != row.place:
            row.place = place
            moved.setdefault(place, []).append(row)
    return moved

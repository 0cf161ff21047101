"""What a look has found, written down: the rows of files and the token of the log, in one transaction."""

from __future__ import annotations

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
        rows[file_id].missing_at = rows[file_id].missing_at or timezone.now()
        touched[file_id] = rows[file_id]
    for file_id in sight.again & rows.keys():
        rows[file_id].read_version, rows[file_id].again_at = 0, None
        touched[file_id] = rows[file_id]
    folder.name = sight.name[:200] or folder.name
    touched |= _put_in_place(folder, rows)
    old = [row for row in touched.values() if row.pk]
    DriveFile.objects.bulk_create(new, batch_size=AT_ONCE)
    DriveFile.objects.bulk_update(old, CHANGED, batch_size=AT_ONCE)


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


def _put_in_place(folder: DriveFolder, rows: dict[str, DriveFile]) -> dict[str, DriveFile]:
    """The rows that lie elsewhere now, as they or a folder above them were moved or renamed; documents follow."""
    there = {file_id: row for file_id, row in rows.items() if row.missing_at is None}
    parents = {file_id: row.parent_id for file_id, row in there.items()}
    names = {file_id: row.name for file_id, row in there.items()}
    moved = {}
    for file_id, row in there.items():
        place = follow.place(file_id, parents, names, folder.folder_id, folder.name)[:200]
        if place != row.place:
            row.place = place
            moved[file_id] = row
    by_place: dict[str, list[int]] = {}
    for row in moved.values():
        if row.document_id:
            by_place.setdefault(row.place, []).append(row.document_id)
    for place, documents_there in by_place.items():
        for first in range(0, len(documents_there), AT_ONCE):
            Document.objects.filter(pk__in=documents_there[first : first + AT_ONCE]).update(folder=place)
    return moved

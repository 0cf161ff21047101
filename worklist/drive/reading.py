"""Files that have changed, read one by one: each becomes a document, or says why it is none."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.text import capfirst

from articles.content.manuscripts import Unreadable
from worklist import intake
from worklist.drive import comments, documents
from worklist.drive.accounts import backoff
from worklist.drive.client import Drive, File
from worklist.drive.errors import DriveError, FileClosed, Later, NotThere, SignInEnded, TooMany
from worklist.intake import Arrival
from worklist.models import DriveFile, DriveFolder, Source

POINTS_NOWHERE = "What it points to is not there any more, or not shared with this account."


def due(folder: DriveFolder) -> DriveFile | None:
    """The next file to be read."""
    unread = folder.files.filter(missing_at=None, is_folder=False).exclude(read_version=F("version"))
    return unread.filter(Q(again_at=None) | Q(again_at__lte=timezone.now())).order_by("pk").first()


def read(row: DriveFile, drive: Drive) -> bool:
    """Whether a new document came of it. What went wrong with this file alone is written to its row.

    Raises TooMany and SignInEnded, which are about the account, and Later, of which the caller counts how many come.
    """
    try:
        return _read(row, drive)
    except (TooMany, SignInEnded):
        raise
    except Later as exc:
        failures = min(row.failures + 1, 20)
        again = timezone.now() + timedelta(seconds=exc.seconds or backoff(failures))
        DriveFile.objects.filter(pk=row.pk).update(reason=str(exc), failures=failures, again_at=again)
        raise
    except NotThere as exc:
        if row.target_id:
            _points_nowhere(row)
        else:  # the log will say what has become of it
            _done(row, str(exc))
    except (Unreadable, DriveError) as exc:
        _done(row, capfirst(str(exc)))
    return False


def _read(row: DriveFile, drive: Drive) -> bool:
    file = _file(row, drive)
    if file.trashed:
        raise NotThere(POINTS_NOWHERE)
    if row.target_id and (against := documents.reason_against(file)):
        raise FileClosed(against)
    arrival = documents.read(drive, file, row.place)
    said = comments.read(drive, file)
    return _arrive(row, file.id, arrival, said)


def _file(row: DriveFile, drive: Drive) -> File:
    """As the log said it; of a shortcut, what it points to."""
    if row.target_id:
        return drive.file(row.target_id)
    return File(id=row.file_id, name=row.name, kind=row.kind, version=row.version, writer=row.writer)


def _arrive(row: DriveFile, source_id: str, arrival: Arrival, said: list[comments.Comment] | None) -> bool:
    """One transaction: the document with its notes, and how far its file was read."""
    with transaction.atomic():
        now = DriveFile.objects.select_for_update().filter(pk=row.pk).first()
        if now is None or now.missing_at is not None or now.read_version > row.version:
            return False  # it went away meanwhile, or another machine has read a later one
        document, is_new = intake.arrive(Source.DRIVE, source_id, arrival)
        if said is not None:
            comments.write(document, said)
        now.document, now.read_version, now.reason = document, row.version, ""
        now.failures, now.again_at = 0, None
        now.save(update_fields=["document", "read_version", "reason", "failures", "again_at"])
    return is_new


def _done(row: DriveFile, reason: str) -> None:
    """It is read again when it has changed."""
    same = DriveFile.objects.filter(pk=row.pk, version=row.version)
    same.update(read_version=row.version, reason=reason[:500], failures=0, again_at=None)


def _points_nowhere(row: DriveFile) -> None:
    with transaction.atomic():
        _done(row, POINTS_NOWHERE)
        if row.document_id and not DriveFile.objects.filter(file_id=row.target_id, missing_at=None).exists():
            intake.gone(row.document_id)

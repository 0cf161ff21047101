"""The worklist brought to what a followed folder has: look, believe what is missing, read what has changed.

Each step is a transaction of its own and leaves behind what the next needs, so a sync may be killed anywhere, run
twice, and run on two machines: whoever comes next goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from worklist import intake
from worklist.drive import follow, reading, rows
from worklist.drive.accounts import opened
from worklist.drive.client import Drive
from worklist.drive.errors import DriveError, Later, TokenRefused, TooMany
from worklist.drive.follow import FolderClosed
from worklist.models import DriveFile, DriveFolder

SECONDS = 240.0  # of reading, in one go: below the time-out of the queue
LEASE = timedelta(seconds=300)  # for which a folder is somebody's, from the last file that was read
FAILURES = 3  # files in a row of which Google gives nothing: then it is not their fault


@dataclass
class Report:
    """What a sync has done with a folder; `waits` says why it did nothing, or no more."""

    new: int = 0
    read: int = 0
    gone: int = 0
    held: int = 0  # missing, and not taken for gone, as they are too many
    waits: str = ""


def sync_all(seconds: float = SECONDS) -> dict[int, Report]:
    """All followed folders, those first that were not looked at for longest."""
    ends = time.monotonic() + seconds
    folders = DriveFolder.objects.select_related("account").order_by("looked_at", "pk")
    return {folder.pk: sync(folder, seconds=max(ends - time.monotonic(), 1)) for folder in folders}


def sync(folder: DriveFolder, *, believe_missing: bool = False, seconds: float = SECONDS) -> Report:
    """One folder. Never raises a DriveError: what stopped it stands in the report, and with the account."""
    report = Report()
    folder.refresh_from_db()
    account, now = folder.account, timezone.now()
    if account.ended_at is not None or (account.wait_until is not None and account.wait_until > now):
        report.waits = account.error
    elif not _claim(folder):
        report.waits = "Somebody looks at it at the moment."
    if report.waits:
        return report
    try:
        with opened(account) as drive:
            _look(folder, drive)
            _believe(folder, report, believe_missing=believe_missing)
            _read(folder, drive, report, time.monotonic() + seconds)
    except FolderClosed as exc:
        report.waits = str(exc)
        DriveFolder.objects.filter(pk=folder.pk).update(error=str(exc), page_token="", looked_at=timezone.now())
    except DriveError as exc:
        report.waits = str(exc)
    finally:
        DriveFolder.objects.filter(pk=folder.pk, busy_until=folder.busy_until).update(busy_until=None)
    return report


def _claim(folder: DriveFolder) -> bool:
    until = timezone.now() + LEASE
    free = Q(busy_until=None) | Q(busy_until__lt=timezone.now())
    folder.busy_until = until
    return bool(DriveFolder.objects.filter(free, pk=folder.pk).update(busy_until=until))


def _look(folder: DriveFolder, drive: Drive) -> None:
    """By the log where there is one to read on from, else by a listing of everything."""
    if folder.page_token:
        try:
            said, token = follow.told(drive, folder.folder_id, folder.page_token, folder.drive_id)
        except TokenRefused:
            pass
        else:
            there = rows.known(folder) if said else {}
            sight = follow.followed(drive, folder.folder_id, said, token, there, folder.drive_id)
            rows.write(folder, sight)
            return
    rows.write(folder, follow.listed(drive, folder.folder_id, rows.known(folder)))


def _believe(folder: DriveFolder, report: Report, *, believe_missing: bool) -> None:
    """Tell the documents of what is missing, unless that is so much that a person has to say it."""
    missing = missing_of(folder)
    report.held = missing.count()
    if not report.held:
        return
    known = folder.files.filter(document__isnull=False, is_gone=False).count()
    if intake.is_much(report.held, known) and not believe_missing:
        return
    for row in missing:
        report.gone += _tell(row)
    report.held = 0


def missing_of(folder: DriveFolder) -> QuerySet[DriveFile]:
    """Files of documents that are not there any more, which nobody has believed yet."""
    return folder.files.filter(missing_at__isnull=False, is_gone=False, document__isnull=False)


def _tell(row: DriveFile) -> bool:
    """Whether its document is gone by that: not where the same text lies in another folder, or behind a shortcut."""
    with transaction.atomic():
        same = DriveFile.objects.filter(pk=row.pk, missing_at__isnull=False, is_gone=False)
        if not same.update(is_gone=True) or row.document_id is None:
            return False
        elsewhere = DriveFile.objects.filter(document=row.document_id, missing_at=None)
        if elsewhere.exists():
            return False
        intake.gone(row.document_id)
    return True


def _read(folder: DriveFolder, drive: Drive, report: Report, ends: float) -> None:
    failures = 0
    while time.monotonic() < ends and (row := reading.due(folder)) is not None:
        try:
            report.new += reading.read(row, drive)
        except TooMany:
            raise
        except Later:
            failures += 1
            if failures == FAILURES:
                raise
        else:
            failures = 0
            report.read += 1
        if not _go_on(folder):
            return


def _go_on(folder: DriveFolder) -> bool:
    """Whether the folder is still ours; if so, for a while more."""
    until = timezone.now() + LEASE
    ours = DriveFolder.objects.filter(pk=folder.pk, busy_until=folder.busy_until)
    if not ours.update(busy_until=until):
        return False
    folder.busy_until = until
    return True

"""What the page of Google Drive shows: which accounts, how they do, what comes of each folder, what is left out."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, F, Q

from worklist.drive import sync
from worklist.models import DriveAccount, DriveFile, DriveFolder

SHOWN = 100  # files that were left out, of a folder


@dataclass(frozen=True)
class ShownFolder:
    folder: DriveFolder
    documents: int
    waiting: int  # files still to be read
    held: int  # missing, and not believed
    left_out: list[DriveFile]
    more: int  # left out, beyond those that are shown


@dataclass(frozen=True)
class ShownAccount:
    account: DriveAccount
    folders: list[ShownFolder]


@dataclass(frozen=True)
class DrivePage:
    accounts: list[ShownAccount]
    may_ask_people: bool  # the settings know us as a client of Google


def drive_page() -> DrivePage:
    """Four queries, and two for each folder."""
    accounts = DriveAccount.objects.prefetch_related("folders")
    shown = [ShownAccount(each, [_folder(folder) for folder in each.folders.all()]) for each in accounts]
    return DrivePage(shown, may_ask_people=bool(settings.GOOGLE_CLIENT_ID))


def _folder(folder: DriveFolder) -> ShownFolder:
    there = Q(missing_at=None, is_folder=False)
    counted = folder.files.aggregate(
        documents=Count("document", there, distinct=True),
        waiting=Count("pk", there & ~Q(read_version=F("version"))),
        left_out=Count("pk", there & ~Q(reason="")),
    )
    left_out = list(folder.files.filter(there).exclude(reason="").order_by("place", "name")[:SHOWN])
    held = sync.missing_of(folder).count()
    more = counted["left_out"] - len(left_out)
    return ShownFolder(folder, counted["documents"], counted["waiting"], held, left_out, more)

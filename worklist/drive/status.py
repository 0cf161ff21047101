"""How the followed folders do, in a line each: for programs and for the shell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import Count, F, Q
from django_q.tasks import async_task

from worklist.models import DriveFolder

log = structlog.get_logger("galley.worklist")


@dataclass(frozen=True)
class Line:
    account: str
    folder: str
    connected_since: datetime
    last_good_use: datetime | None
    connect_again: bool
    looked_at: datetime | None
    reason: str
    documents: int
    to_read: int
    left_out: int
    held: int


def lines() -> list[Line]:
    """All folders, in one query."""
    there = Q(files__missing_at=None, files__is_folder=False, files__isnull=False)
    missing = Q(files__missing_at__isnull=False, files__is_gone=False, files__document__isnull=False)
    folders = DriveFolder.objects.select_related("account").annotate(
        documents=Count("files__document", there, distinct=True),
        to_read=Count("files", there & ~Q(files__read_version=F("files__version"))),
        left_out=Count("files", there & ~Q(files__reason="")),
        held=Count("files", missing),
    )
    return [
        Line(
            account=folder.account.name,
            folder=str(folder),
            connected_since=folder.account.connected_at,
            last_good_use=folder.account.used_at,
            connect_again=folder.account.ended_at is not None,
            looked_at=folder.looked_at,
            reason=folder.account.error or folder.error,
            documents=folder.documents,
            to_read=folder.to_read,
            left_out=folder.left_out,
            held=folder.held,
        )
        for folder in folders
    ]


def sync_soon() -> int:
    """Have all folders looked at by the workers. Returns how many there are; the schedule does what the queue loses."""
    number = DriveFolder.objects.count()
    if number:
        try:
            async_task("worklist.tasks.follow_drives", task_name="worklist: Google Drive")
        except Exception:
            log.warning("the queue took no message; the schedule will look", exc_info=True)
    return number

"""What the queue's schedules call. A task never raises."""

from __future__ import annotations

import structlog

from worklist.drive import sync

log = structlog.get_logger("galley.worklist")


def follow_drives() -> None:
    """Bring the worklist to what the followed folders of Google Drive have."""
    try:
        sync.sync_all()
    except Exception:
        log.exception("Google Drive was not looked at; it is tried again in a minute")

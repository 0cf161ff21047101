"""What the queue's schedule calls."""

from __future__ import annotations

import structlog

from recovery.expire import expire

log = structlog.get_logger("galley.recovery")


def expire_backups() -> None:
    """Remove the trees of articles that were done a week ago."""
    try:
        expire(apply=True)
    except Exception:
        log.exception("no backup was removed; it is tried again tomorrow")

"""What the queue's schedules call. A task never raises."""

from __future__ import annotations

import structlog
from django.utils import timezone

from config.housekeeping import remove_what_ended

log = structlog.get_logger("galley.housekeeping")


def keep_house() -> None:
    """Remove what nobody needs any more."""
    try:
        log.info("removed what had ended", timelines=remove_what_ended(timezone.now()))
    except Exception:
        log.exception("not all that had ended was removed; it is tried again tomorrow")

"""What the queue's schedules call. A task never raises."""

from __future__ import annotations

import structlog
from django.utils import timezone

from insights import storage
from insights.rollups import days

log = structlog.get_logger("galley.insights")


def roll_up() -> None:
    """Sum the days anew in which something has changed."""
    try:
        days.roll_up()
    except Exception:
        log.exception("the figures of some days were not summed; it is tried again in some minutes")


def measure_storage() -> None:
    """How much everything takes up today."""
    try:
        storage.measure(timezone.now())
    except Exception:
        log.exception("nobody measured what is stored; it is tried again tomorrow")

"""Whether somebody must learn how the backups do.

A schedule of its own asks: a backup that does not run tells nobody that it did not.
"""

from __future__ import annotations

from datetime import datetime

from django.dispatch import Signal

from backups.health.report import Report, note_sources, remembered
from backups.restores import database

watched = Signal()  # with `report`


def watch(now: datetime) -> Report:
    """End the restores whose worker is dead, note new sources, and tell whoever wants to know how the backups do."""
    database.give_up(now)
    note_sources(now)
    report = remembered(now)
    watched.send(sender=None, report=report)
    return report

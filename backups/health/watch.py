"""Whether somebody must learn how the backups do.

A schedule of its own asks: a backup that does not run tells nobody that it did not.
"""

from __future__ import annotations

from datetime import datetime

from django.dispatch import Signal

from backups.health.report import Report, note_sources, remembered

watched = Signal()  # with `report`


def watch(now: datetime) -> Report:
    """Note new sources, and tell whoever wants to know how the backups do."""
    note_sources(now)
    report = remembered(now)
    watched.send(sender=None, report=report)
    return report

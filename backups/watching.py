"""Whether somebody must learn how the backups do.

A schedule of its own asks: a backup that does not run tells nobody that it did not.
"""

from __future__ import annotations

from datetime import datetime

from django.dispatch import Signal

from backups import health, jobs

watched = Signal()  # with `report`


def watch(now: datetime) -> health.Report:
    """End the restores whose worker is dead, note new sources, and tell whoever wants to know how the backups do."""
    jobs.give_up(now)
    health.note_sources(now)
    report = health.remembered(now)
    watched.send(sender=None, report=report)
    return report

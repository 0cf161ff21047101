"""A look at what is slow to ask: the storage, the bucket, and how far the database is ahead of its last backup."""

from __future__ import annotations

from datetime import datetime

from backups import configured, database, models, posture
from backups.errors import BackupError
from backups.manifests import DATABASE, TIERS


def look(now: datetime) -> models.Look:
    """Ask, bring the rows of both tiers up to date, and keep what was seen. Takes as long as the storage does."""
    pending, unread = None, ""
    try:
        for tier in TIERS.values():
            models.rebuild(configured.repository(tier))
        pending = database.pending(configured.repository(DATABASE))
    except BackupError as exc:
        unread = str(exc)
    seen = posture.look(now)
    fields = {
        "at": now,
        "pending": None if pending is None else sum(pending.values()),
        "unread": unread,
        "findings": seen.findings,
        "unfinished": seen.unfinished,
    }
    return models.Look.objects.update_or_create(pk=1, defaults=fields)[0]

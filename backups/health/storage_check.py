"""A check of what is slow to ask: the storage, the bucket, and how far the database is ahead of its last backup."""

from __future__ import annotations

from datetime import datetime

from backups import catalogue, configured, models
from backups.database import backup
from backups.errors import BackupError
from backups.health import bucket_audit, bucket_findings
from backups.repository.manifests import DATABASE, TIERS


def check(now: datetime) -> models.Look:
    """Ask, bring the rows of both tiers up to date, and keep what was seen. Takes as long as the storage does."""
    pending, unread = None, ""
    try:
        for tier in TIERS.values():
            catalogue.rebuild(configured.repository(tier))
        pending = backup.pending(configured.repository(DATABASE))
    except BackupError as exc:
        unread = str(exc)
    audit = bucket_audit.audit(now)
    fields = {
        "at": now,
        "pending": None if pending is None else sum(pending.values()),
        "unread": unread,
        "findings": [bucket_findings.to_json(finding) for finding in audit.findings],
        "unfinished": audit.unfinished,
    }
    return models.Look.objects.update_or_create(pk=1, defaults=fields)[0]

"""What retention takes of a tier, by the settings and by all that the rows know."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from backups import catalogue, configured
from backups.errors import Failed
from backups.health.damage import find_damage
from backups.models import Generation
from backups.repository import prune
from backups.repository.manifests import Tier


def remove_old(tier: Tier, now: datetime, *, apply: bool) -> prune.Pruned:
    """Remove what may go, or only say what would. Raises StorageError, before anything is removed."""
    rows = Generation.objects.filter(tier=tier.name)
    if not rows.exists():
        raise Failed("This desk knows of no backup, so it could not miss one. First: manage.py verify_backups")
    repository = configured.repository(tier)
    broken = find_damage(tier.name, (), now).broken
    pruned = prune.prune(
        repository,
        prune.Retention(settings.GALLEY_BACKUP_KEEP_DAYS, settings.GALLEY_BACKUP_KEEP_MONTHS),
        known=catalogue.known(tier.name),
        verified=set(rows.exclude(verified_at=None).values_list("name", flat=True)).difference(broken),
        now=now,
        apply=apply,
        going=lambda ids: rows.filter(name__in=ids).delete(),
    )
    if apply:
        catalogue.rebuild(repository)
    return pruned

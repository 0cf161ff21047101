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
from backups.storage.port import FIRST


def remove_old(tier: Tier, now: datetime, storage: str = FIRST, *, apply: bool) -> prune.Pruned:
    """Remove what may go, or only say what would. Raises StorageError, before anything is removed."""
    rows = Generation.objects.filter(tier=tier.name, storage=storage)
    if not rows.exists():
        raise Failed("This desk knows of no backup, so it could not miss one. First: manage.py verify_backups")
    repository = configured.repository(tier, storage)
    broken = find_damage(tier.name, (), now, storage).broken
    pruned = prune.prune(
        repository,
        by_settings(),
        known=catalogue.known(tier.name, storage),
        verified=verified(tier.name, storage).difference(broken),
        now=now,
        apply=apply,
        going=lambda ids: rows.filter(name__in=ids).delete(),
    )
    if apply:
        catalogue.rebuild(repository)
    return pruned


def by_settings() -> prune.Retention:
    return prune.Retention(settings.GALLEY_BACKUP_KEEP_DAYS, settings.GALLEY_BACKUP_KEEP_MONTHS)


def verified(tier: str, storage: str) -> set[str]:
    """Names of those whose objects were all there, when they were looked for."""
    rows = Generation.objects.filter(tier=tier, storage=storage)
    return set(rows.exclude(verified_at=None).values_list("name", flat=True))

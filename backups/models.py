"""What the database remembers of backups. The storage is the truth: these rows can be rebuilt from it at any time."""

from __future__ import annotations

from django.db import models

from backups.errors import Failed
from backups.manifests import Generation as Manifest
from backups.repository import Repository


class Generation(models.Model):
    """A backup that is complete, as its signed manifest tells it; and what was found out about it since."""

    class Tier(models.TextChoices):
        FILES = "files", "Files"
        DATABASE = "database", "Database"

    tier = models.CharField(max_length=20, choices=Tier)
    name = models.CharField(max_length=80)  # the manifest's id
    parent = models.CharField(max_length=80, blank=True)
    began = models.DateTimeField()
    made = models.DateTimeField()  # signed; everything that goes by age goes by this
    counts = models.JSONField(default=dict)
    about = models.JSONField(default=dict)
    verified_at = models.DateTimeField(null=True, blank=True)  # when all of its objects were there, the last time
    damage = models.JSONField(default=list, blank=True)  # a sentence each

    class Meta:
        ordering = ["-made", "-name"]
        constraints = [models.UniqueConstraint(fields=["tier", "name"], name="one_row_per_generation")]
        indexes = [models.Index(fields=["tier", "-made"])]  # the newest of a tier

    def __str__(self) -> str:
        return f"{self.get_tier_display()} of {self.made:%Y-%m-%d %H:%M}"


def remember(manifest: Manifest) -> Generation:
    """The row of a generation, made or brought up to date."""
    fields = {
        "parent": manifest.parent or "",
        "began": manifest.began,
        "made": manifest.made,
        "counts": manifest.counts,
        "about": manifest.about,
    }
    row, _ = Generation.objects.update_or_create(tier=manifest.tier, name=manifest.id, defaults=fields)
    return row


def rebuild(repository: Repository) -> list[str]:
    """Make the rows of a tier what its storage says: those of generations that are gone go. Returns what is unusable.

    What only the rows know, such as verdicts, stays with the rows that stay. Raises PlaceError, also when the storage
    lists nothing where rows say that there must be something.
    """
    survey = repository.survey()
    rows = Generation.objects.filter(tier=repository.tier.name)
    if not survey.generations and (known := rows.count()):
        raise Failed(f"The storage lists no backup where {known:,} are known. Is the right storage connected?")
    for manifest in survey.generations:
        remember(manifest)
    there = [manifest.id for manifest in survey.generations]
    rows.exclude(name__in=there).delete()
    return list(survey.unusable.values())

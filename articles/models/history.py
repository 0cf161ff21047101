"""What happened to an article: its stages, its attempts, its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from articles.models.choices import Stage
from backups.trees.tree import Stored

if TYPE_CHECKING:
    pass


class StageRecord(models.Model):
    """One stage of one article: a retry uses the record again, there is never a second one."""

    class State(models.TextChoices):
        PENDING = "pending", "Not begun"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Stopped"

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="records")
    stage = models.CharField(max_length=10, choices=Stage)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    file = models.CharField(max_length=100, blank=True)  # its name in the tree
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    maker = models.CharField(max_length=100, blank=True)  # the model, or the formatter
    details = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["article", "stage"], name="one_record_per_stage")]
        indexes = [models.Index(fields=["finished_at"], name="record_by_finish")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.get_stage_display()}: {self.get_state_display()}"

    @property
    def stored(self) -> Stored | None:
        return Stored(self.file, self.sha256, self.bytes) if self.file else None


class Attempt(models.Model):
    """One go at an article: who asked for it and why, from which stage, and how it ended."""

    class Why(models.TextChoices):
        SUBMITTED = "submitted", "Handed in"
        RECOVERED = "recovered", "Recovered"
        RETRIED = "retried", "Tried again by itself"
        INTERRUPTED = "interrupted", "Went on after an interruption"
        PUBLISHED = "published", "Published again"
        CHANGED = "changed", "Changed when it was done"

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        WAITING = "waiting", "Waited"
        PAUSED = "paused", "Went on later"
        INTERRUPTED = "interrupted", "Interrupted"
        CANCELLED = "cancelled", "Cancelled"

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField(null=True)  # the article's attempt that it became; null: not begun
    why = models.CharField(max_length=12, choices=Why)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    from_stage = models.CharField(max_length=10, choices=Stage, blank=True)
    reused = models.JSONField(default=list)  # names of files that were there and whole
    again = models.JSONField(default=list)  # what was to be made again, in words
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    # What stopped it (articles.failures). Null where nothing did: the index holds the others alone.
    cause = models.CharField(max_length=300, null=True)  # noqa: DJ001

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["article", "number"], name="attempt_by_number"),
            models.Index(fields=["cause", "ended_at"], condition=Q(cause__isnull=False), name="attempt_by_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.get_why_display()} {self.asked_at:%Y-%m-%d %H:%M}"


class Event(models.Model):
    """The timeline of an article: written once, never changed."""

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=20)  # submitted, started, saved, waiting, stopped, …
    stage = models.CharField(max_length=10, blank=True)
    provider = models.CharField(max_length=100, blank=True)  # whose setback it was
    attempt = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=500)
    detail = models.TextField(blank=True)  # what the other side answered, for the fold

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["article", "-id"], name="event_newest"),
            models.Index(fields=["at"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return self.message

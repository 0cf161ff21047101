"""What has happened to a task, line by line, for those who watch it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from articles.models.cost_records import today
from publishing.models.task import PublishTask


class ExecutionLog(models.Model):
    """One line: written with what it tells of, in one transaction, and never changed (`publishing.execution_log`).

    Its sentence is made of `code` and `values` when somebody reads it. On PostgreSQL it lies in partitions, one a month
    (`backups.partitions`).
    """

    class Level(models.TextChoices):
        INFO = "info", "Went well"
        WARNING = "warning", "Was not as hoped, and goes on"
        ERROR = "error", "Has stopped it"

    class Code(models.TextChoices):
        ASKED = "asked", "It was asked for"
        BEGAN = "began", "A worker has begun"
        STEP = "step", "A step is at hand"
        TURNED = "turned", "Another way was begun"
        WAITS = "waits", "It did not succeed, and is tried again or stops"
        STOPPED = "stopped", "It has stopped"
        CANCELLED = "cancelled", "Somebody has stopped it"
        RESUMED = "resumed", "Somebody lets it go on"
        COMPLETED = "completed", "It is completed"

    task = models.ForeignKey(PublishTask, models.CASCADE, related_name="log")
    at = models.DateTimeField(default=timezone.now)
    day = models.DateField(default=today)  # of `at`, in the desk's time zone then
    level = models.CharField(max_length=10, choices=Level, default=Level.INFO)
    step = models.CharField(max_length=20, choices=PublishTask.Status)  # how the task stood
    code = models.CharField(max_length=20, choices=Code)
    values = models.JSONField(default=dict)  # {"at": "the hero image"}, {"from": "rest", "to": "xmlrpc"}, a SavedError

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["task", "id"], name="log_of_task")]

    def __str__(self) -> str:
        return f"{self.code}, {self.step}"

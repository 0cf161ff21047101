"""One go of an article's fifth stage: onto which site, by which way, how far it is, what the site has kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Self, cast

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from articles.models import RequestKey
from articles.models.access import EVERYTHING, may_look
from articles.providers.errors import SavedError
from publishing.models.site import Site, Way
from publishing.options import Options


class PublishTaskQuerySet(models.QuerySet["PublishTask"]):
    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Those of the articles that this person may see and change."""
        if not may_look(user, self.model):
            return self.none()
        return self if user.has_perm(EVERYTHING) else self.filter(article__owner=user)

    def open(self) -> Self:
        return self.exclude(status__in=PublishTask.ENDED)


class PublishTask(models.Model):
    """It runs under the claim of its article, whose lease, calls and recovery are its own (`publishing.tasks`).

    Steps are counted, so that progress moves with what was done and never back: also when another way begins anew with
    what is there already.
    """

    class Status(models.TextChoices):
        IDLE = "idle", "Waits for its article"
        PENDING = "pending", "Waits for its turn"
        INITIALIZING = "initializing", "Beginning"
        LOGGING_IN = "logging_in", "Signing in"
        UPLOADING_IMAGES = "uploading_images", "Uploading pictures"
        CREATING_POST = "creating_post", "Writing the post"
        CONFIGURING_SEO = "configuring_seo", "Search engines"
        PUBLISHING = "publishing", "Publishing"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Stopped"

    ENDED = (Status.COMPLETED, Status.FAILED)

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="publish_tasks")
    site = models.ForeignKey(Site, models.PROTECT, null=True, related_name="tasks")  # null: a page at the desk
    publisher = models.CharField("way", max_length=20, choices=Way)
    way = models.CharField(max_length=20, choices=Way, blank=True)  # that it takes, or took at last
    # Why another way was begun: [{"from": "rest", "to": "xmlrpc", "code": "rest_no_route", "reason": "…", "at": "…"}]
    turns = models.JSONField(default=list)
    options = models.JSONField(default=dict)  # publishing.options.Options
    status = models.CharField(max_length=20, choices=Status, default=Status.IDLE)
    current_step = models.CharField(max_length=60, blank=True)  # what is at hand, in words: "the hero image"
    completed_steps = models.PositiveSmallIntegerField(default=0)
    total_steps = models.PositiveSmallIntegerField(default=0)  # 0: not known yet
    progress = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])  # percent
    retry_count = models.PositiveSmallIntegerField(default=0)  # how often a person has had it tried again
    error = models.JSONField(null=True)  # ProviderError.saved(), while it waits or once it has stopped
    cancelled = models.BooleanField(default=False)  # of one that has stopped: somebody wanted it so
    kept = models.JSONField(default=list)  # what the site made of what it got: publishing.keeping
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))  # US dollars
    post_id = models.PositiveBigIntegerField(null=True)
    link = models.CharField(max_length=500, blank=True)  # of the post, for readers
    was_done = models.BooleanField(default=False)  # the article was finished when it was asked for
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField("asked for", default=timezone.now)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField("ended", null=True)

    objects = PublishTaskQuerySet.as_manager()

    class Meta:
        verbose_name = "publication"
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="task_newest"),
            models.Index(fields=["status", "-created_at"], name="task_by_status"),
            models.Index(fields=["article", "-id"], name="task_of_article"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["article", "site"],
                condition=~Q(status__in=["completed", "failed"]),
                name="one_open_task_per_site",
            ),
            # Where there is no site, its absence is the same each time: not so for the constraint above.
            models.UniqueConstraint(
                fields=["article"],
                condition=Q(site__isnull=True) & ~Q(status__in=["completed", "failed"]),
                name="one_open_preview_task",
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | Q(error__isnull=False) | Q(cancelled=True),
                name="task_failed_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.article} → {self.site or 'a page at the desk'}"

    def get_absolute_url(self) -> str:
        return reverse("admin:publishing_publishtask_change", args=[self.pk])

    @property
    def asked(self) -> Options:
        return Options.read(self.options)

    @property
    def failure(self) -> SavedError | None:
        return cast("SavedError | None", self.error)

    @property
    def is_open(self) -> bool:
        return self.status not in self.ENDED

    @property
    def seconds(self) -> float | None:
        """From its beginning to its end, or until now."""
        if self.started_at is None:
            return None
        return ((self.completed_at or timezone.now()) - self.started_at).total_seconds()


class Shot(models.Model):
    """A picture of what a browser showed at a step. It shows text that nobody has published: the rights are the
    article's. It is gone after some days (`config.housekeeping`).
    """

    MOST = 60  # of one task
    MOST_BYTES = 500_000

    task = models.ForeignKey(PublishTask, models.CASCADE, related_name="film")
    step = models.CharField(max_length=40)  # signed_in, picture, draft, failed
    at = models.DateTimeField(default=timezone.now)
    jpeg = models.BinaryField()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["at"], name="shot_by_time")]

    def __str__(self) -> str:
        return self.step


class SubmitKey(RequestKey):
    """Of a task that was asked for."""

    task = models.ForeignKey(PublishTask, models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_submit_per_key")]

"""A batch and the sections of its articles."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from articles import bounds
from articles.models.access import OwnedQuerySet
from articles.models.calls import IN_FLIGHT, Call, Cost
from articles.models.choices import Design, Formatter, new_uid
from articles.tree import names
from backups import configured
from backups.trees.tree import Stored, Tree

if TYPE_CHECKING:
    pass


_TOO_LONG = "This has %(show_value)d characters; at most %(limit_value)d characters are possible."


class BatchQuerySet(OwnedQuerySet["Batch"]):
    """Batches, each of one person."""

    def with_cost(self) -> BatchQuerySet:
        """Adds `in_flight`, how many calls are without an answer just now: what `Batch.cost` lacks."""
        calls = Call.objects.filter(IN_FLIGHT, reserved__isnull=False, article__batch=OuterRef("pk")).order_by()
        number = calls.values("article__batch").annotate(number=Count("pk")).values("number")
        return self.annotate(in_flight=Coalesce(Subquery(number), 0))


class Batch(models.Model):
    """A named set of articles: so many styles, each with the same sections, worked on while it is running.

    The same owner and name are the same batch, the same style the same article of it, the same heading the same
    section: whatever is there already is not made again.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Not started"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="batches")
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=100, editable=False)  # the name, folded
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    brief = models.TextField(
        validators=[MaxLengthValidator(bounds.LONGEST_BRIEF, f"{_TOO_LONG} Shorten it.")],
        help_text="What each section is about. {style}, {section} and {number} stand for the words of its lines, "
        "and so does the name of every further column.",
    )
    styles = models.TextField(
        validators=[MaxLengthValidator(bounds.LONGEST_LIST, f"{_TOO_LONG} Make several batches of it.")],
        help_text="One article each: a line each, or CSV with a first line that names the columns.",
    )
    sections = models.TextField(
        validators=[MaxLengthValidator(bounds.LONGEST_LIST, f"{_TOO_LONG} Make several batches of it.")],
        help_text="The sections of every article, in their order: a line each, or CSV.",
    )
    images_per_style = models.PositiveSmallIntegerField(
        default=1,
        validators=[MaxValueValidator(bounds.MOST_PICTURES)],
        help_text="General pictures of each article; the first opens it.",
    )
    images_per_section = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(bounds.MOST_PICTURES)]
    )
    style = models.CharField(
        "writing style", max_length=200, blank=True, help_text="For example: calm magazine feature, first person."
    )
    formatter = models.CharField(
        max_length=10, choices=Formatter, default=Formatter.TEMPLATE, help_text="Who lays the pages out."
    )
    design = models.CharField(
        max_length=10,
        choices=Design,
        blank=True,
        help_text="How the pages are drawn. Empty: as the site or your preferences say.",
    )
    site = models.ForeignKey(
        "publishing.Site", models.PROTECT, null=True, blank=True, help_text="Without a site: preview pages here."
    )
    budget = models.DecimalField(
        "budget in US dollars",
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text="The batch pauses before more than this is spent. Empty: no limit.",
    )

    BUDGET = "budget"

    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    reason = models.CharField(max_length=500, blank=True, editable=False)  # why it is paused, a sentence
    cause = models.CharField(max_length=300, blank=True, editable=False)  # of what has paused it: articles, or BUDGET
    # While its rows are being made, slice by slice: what they are made of (`articles.batches.plan.given`), and who
    # asked. None of its articles is admitted until they are whole.
    starting = models.CharField(max_length=64, blank=True, editable=False)
    starting_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    # One more with each change of a section of it, written in the same transaction: whoever has seen everything up
    # to a revision misses nothing by asking for what is greater.
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    # Sums over all its articles, those that are deleted by now among them (`articles.pipeline.money.spending`).
    spent = models.DecimalField(max_digits=12, decimal_places=6, default=0, editable=False)  # US dollars, known
    reserved = models.DecimalField(max_digits=12, decimal_places=6, default=0, editable=False)  # US dollars, of calls
    open_costs = models.PositiveIntegerField(default=0, editable=False)  # calls that have something reserved
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    # Since when the storage does not know this row as it is; null: it does (`articles.tree.due`).
    manifest_due = models.DateTimeField(null=True, default=timezone.now, editable=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state"], name="batch_by_state")]
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_batch_per_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:articles_batch_change", args=[self.pk])

    @property
    def more_budget(self) -> Decimal | None:
        """Half as much again, in whole cents, of one that its budget has paused; None of all others."""
        if self.state != self.State.PAUSED or self.cause != self.BUDGET or self.budget is None:
            return None
        return (self.budget * Decimal("1.5")).quantize(Decimal("0.01"), ROUND_UP)

    @property
    def cost(self) -> Cost:
        """What its articles have cost, of one that was fetched `with_cost`."""
        return Cost(self.spent, max(self.open_costs - self.in_flight, 0))  # type: ignore[attr-defined]  # from `with_cost`

    @property
    def tree(self) -> Tree:
        """Its manifest alone; its articles have trees of their own."""
        return configured.tree(names.batch(self.uid))


class Section(models.Model):
    """A part of a long article, written, kept and shown on its own; `index` counts from 1 and never changes."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Missing"

    article = models.ForeignKey("articles.Article", models.CASCADE, related_name="sections")
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, related_name="all_sections")  # the article's
    index = models.PositiveSmallIntegerField()
    heading = models.CharField(max_length=bounds.LONGEST_NAME)
    key = models.CharField(max_length=bounds.LONGEST_NAME)  # the heading, folded
    fields = models.JSONField(default=dict)  # what its line says: {"section": "Kitchen", "number": "3", …}
    html = models.TextField(blank=True)
    word_count = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    error = models.JSONField(null=True)  # ProviderError.saved()
    sha256 = models.CharField(max_length=64, blank=True)  # of its file, once its text is there
    bytes = models.PositiveBigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    revision = models.PositiveBigIntegerField(default=0)  # the batch's, when this row was changed last

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["article", "index"], name="one_section_per_index"),
            models.UniqueConstraint(fields=["article", "key"], name="one_section_per_heading"),
        ]
        indexes = [
            models.Index(fields=["batch", "revision"], condition=Q(batch__isnull=False), name="section_changes"),
            models.Index(fields=["batch", "state"], condition=Q(batch__isnull=False), name="section_by_state"),
            models.Index(fields=["batch", "finished_at"], condition=Q(batch__isnull=False), name="section_by_end"),
        ]

    def __str__(self) -> str:
        return self.heading

    @property
    def file_name(self) -> str:
        return names.section(self.index)

    @property
    def stored(self) -> Stored | None:
        return Stored(self.file_name, self.sha256, self.bytes) if self.sha256 else None

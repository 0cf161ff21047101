"""The records of an article: what was asked for, what was made, what every call to the outside cost and answered.

Rows are the truth about a run. Only `articles.pipeline` moves them from one state to another.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import ValidationError
from django.core.files.storage import Storage
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Count, DecimalField, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Substr
from django.urls import reverse
from django.utils import timezone

from backups.storage import backup_storage
from backups.trees.tree import Stored, Tree

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

is_colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "Write a colour like #1a4d8f.")
PRIMARY, ACCENT = "#1a4d8f", "#b3541e"


def storage_of_images() -> Storage:
    """A callable, so that migrations do not hold the storage of one machine."""
    return backup_storage()


def new_uid() -> str:
    return uuid.uuid4().hex


class Stage(models.TextChoices):
    """The five stages, in their order."""

    ARTICLE = "article", "Article"
    PROMPTS = "prompts", "Prompts"
    IMAGES = "images", "Images"
    FORMAT = "format", "Format"
    UPLOAD = "upload", "Upload"

    @property
    def step(self) -> int:
        return list(Stage).index(self) + 1


class Formatter(models.TextChoices):
    """Who lays a page out."""

    AUTO = "auto", "Claude if it can, else the template"
    CLAUDE = "claude", "Claude only"
    TEMPLATE = "template", "The template"


class BatchQuerySet(models.QuerySet["Batch"]):
    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> BatchQuerySet:
        """What this person may see and change: everything for chief editors, else their own."""
        if not isinstance(user, User):
            return self.none()
        return self if user.has_perm("articles.touch_every_article") else self.filter(owner=user)


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

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="batches")
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=100, editable=False)  # the name, folded
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    brief = models.TextField(
        validators=[MaxLengthValidator(5000)],
        help_text="What each section is about. {style}, {section} and {number} stand for the words of its lines, "
        "and so does the name of every further column.",
    )
    styles = models.TextField(
        validators=[MaxLengthValidator(1_000_000)],
        help_text="One article each: a line each, or CSV with a first line that names the columns.",
    )
    sections = models.TextField(
        validators=[MaxLengthValidator(1_000_000)],
        help_text="The sections of every article, in their order: a line each, or CSV.",
    )
    images_per_style = models.PositiveSmallIntegerField(
        default=1, validators=[MaxValueValidator(6)], help_text="General pictures of each article; the first opens it."
    )
    images_per_section = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(6)])
    style = models.CharField(
        "writing style", max_length=200, blank=True, help_text="For example: calm magazine feature, first person."
    )
    formatter = models.CharField(
        max_length=10, choices=Formatter, default=Formatter.TEMPLATE, help_text="Who lays the pages out."
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

    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    reason = models.CharField(max_length=500, blank=True, editable=False)  # why it is paused, a sentence
    cause = models.CharField(max_length=300, blank=True, editable=False)  # of the articles whose stop has paused it
    # One more with each change of a section of it, written in the same transaction: whoever has seen everything up
    # to a revision misses nothing by asking for what is greater.
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    objects = BatchQuerySet.as_manager()
    if TYPE_CHECKING:
        articles: RelatedManager[Article]
        all_sections: RelatedManager[Section]

    class Meta:
        verbose_name_plural = "batches"
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state"], name="batch_by_state")]
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_batch_per_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:articles_batch_change", args=[self.pk])


class ArticleQuerySet(models.QuerySet["Article"]):
    def touchable_by(self, user: AbstractBaseUser | AnonymousUser) -> ArticleQuerySet:
        """What this person may see and change: everything for chief editors, else their own."""
        if not isinstance(user, User):
            return self.none()
        return self if user.has_perm("articles.touch_every_article") else self.filter(owner=user)

    def resting(self) -> ArticleQuerySet:
        """Those with `rests`."""
        return self.filter(Q(status__in=["failed", "cancelled"]) | Q(status="waiting", attempt=0))

    def with_cost(self) -> ArticleQuerySet:
        """Adds `cost`, in US dollars, without joining the rows to others."""
        spent = Call.objects.filter(article=OuterRef("pk")).order_by().values("article").annotate(sum=Sum("cost"))
        field = DecimalField(max_digits=12, decimal_places=6)
        return self.annotate(
            cost=Coalesce(Subquery(spent.values("sum"), output_field=field), Decimal(0), output_field=field)
        )

    def with_written(self) -> ArticleQuerySet:
        """Adds `planned` and `written`, how many sections are wanted and there, without joining the rows to others."""
        of_article = Section.objects.filter(article=OuterRef("pk")).order_by().values("article")

        def number(sections: QuerySet[Section, Any]) -> Coalesce:
            return Coalesce(Subquery(sections.annotate(number=Count("pk")).values("number")), 0)

        return self.annotate(
            planned=number(of_article),
            written=number(of_article.filter(state=Section.State.DONE)),
        )

    def with_progress(self) -> ArticleQuerySet:
        """With all that a line in a list shows, in a constant number of queries."""
        return (
            self.select_related("owner", "site")
            .defer("manuscript", "html")
            .prefetch_related(
                "records",
                Prefetch(
                    "images",
                    ImageFile.objects.only("article_id", "role", "sha256", "file", "bytes", "wordpress_media_id"),
                ),
            )
            .with_cost()
            .with_written()
            .annotate(opening=Substr("manuscript", 1, 200))
        )


class Article(models.Model):
    """What an editor handed in, and the state of its run."""

    class Status(models.TextChoices):
        DRAFT = "draft", "In line"  # of a batch, which gives the workers a few of its articles at a time
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        FAILED = "failed", "Stopped"
        CANCELLED = "cancelled", "Cancelled"

    Formatter = Formatter

    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="articles")
    created_at = models.DateTimeField("handed in", default=timezone.now, editable=False)
    tree_prefix = models.CharField("backup", max_length=100, unique=True, editable=False)

    idea = models.TextField(
        blank=True,
        validators=[MaxLengthValidator(20_000)],
        help_text="What the article should be about. The text service writes it.",
    )
    manuscript = models.TextField(blank=True, help_text="A finished text. It is used as it is: nothing is rewritten.")
    manuscript_name = models.CharField(max_length=255, blank=True, editable=False)
    style = models.CharField(
        "writing style",
        max_length=200,
        blank=True,
        help_text="For example: calm magazine feature, first person.",
    )
    formatter = models.CharField(
        max_length=10, choices=Formatter, default=Formatter.AUTO, help_text="Who lays the page out."
    )
    brand_primary = models.CharField("main colour", max_length=7, default=PRIMARY, validators=[is_colour])
    brand_accent = models.CharField("accent colour", max_length=7, default=ACCENT, validators=[is_colour])
    # By label: articles know nothing of publishing, the database keeps the reference whole.
    site = models.ForeignKey(
        "publishing.Site",
        models.PROTECT,
        null=True,
        blank=True,
        help_text="Without a site: a preview page here.",
    )

    is_long = models.BooleanField(
        "long, section by section",
        default=False,
        help_text="For an idea: an outline first, then each section on its own. Choose it from 2,000 words on.",
    )
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, blank=True, related_name="articles", editable=False)
    batch_key = models.CharField(max_length=200, blank=True, editable=False)  # the style, folded
    batch_fields = models.JSONField(default=dict, editable=False)  # what its line says: {"style": "Art Deco", …}
    spent = models.DecimalField(max_digits=12, decimal_places=6, default=0, editable=False)  # of a batch: US dollars

    scheduled_at = models.DateTimeField(
        "begin",
        null=True,
        blank=True,
        help_text="When work on it begins, in the time of the desk. Empty: at once.",
    )

    title = models.CharField(max_length=300, blank=True)
    html = models.TextField("article", blank=True, editable=False)
    word_count = models.PositiveIntegerField(default=0, editable=False)
    components = models.JSONField(default=list, editable=False)  # [{type, text, …}]

    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    attempt = models.PositiveIntegerField(default=0, editable=False)  # the fencing token: one more with each claim
    crashes = models.PositiveSmallIntegerField(default=0, editable=False)  # claims since something was saved
    retries = models.PositiveSmallIntegerField(default=0, editable=False)  # waits since something was saved
    lease_owner = models.CharField(max_length=200, blank=True, editable=False)  # host|pid|start time
    lease_until = models.DateTimeField(null=True, editable=False)
    queued_at = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField("next try", null=True, editable=False)
    error = models.JSONField(null=True, editable=False)  # ProviderError.saved(), with the stage
    cause = models.CharField(max_length=300, blank=True, editable=False)  # of a stopped one: articles.problems
    ended_at = models.DateTimeField("ended", null=True, editable=False)
    tree_expired_at = models.DateTimeField("backup removed", null=True, editable=False)
    link = models.URLField(max_length=500, blank=True, editable=False)  # of the draft, or of the preview

    objects = ArticleQuerySet.as_manager()
    if TYPE_CHECKING:
        # Rows of other tables, and what `with_cost` adds.
        records: RelatedManager[StageRecord]
        sections: RelatedManager[Section]
        images: RelatedManager[ImageFile]
        calls: RelatedManager[Call]
        attempts: RelatedManager[Attempt]
        events: RelatedManager[Event]

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [("touch_every_article", "Can see and touch the articles of others")]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="article_newest"),
            models.Index(fields=["owner", "-created_at"], name="article_of_owner"),
            models.Index(fields=["status", "-created_at"], name="article_by_status"),
            models.Index(fields=["status", "cause", "owner", "ended_at"], name="article_by_cause"),
            models.Index(fields=["scheduled_at"], name="article_by_schedule"),
            models.Index(fields=["-ended_at"], name="article_by_end"),
            models.Index(fields=["batch", "status"], condition=Q(batch__isnull=False), name="article_of_batch"),
            # What the sweep looks for; tiny, because few articles are in these states.
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="article_running"),
            models.Index(fields=["next_at"], condition=Q(status="waiting"), name="article_waiting"),
            models.Index(fields=["queued_at"], condition=Q(status="queued"), name="article_queued"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(idea="", manuscript=""),
                name="article_has_a_source",
                violation_error_message="Give an idea or a manuscript.",
            ),
            models.UniqueConstraint(
                fields=["batch", "batch_key"], condition=Q(batch__isnull=False), name="one_article_per_style"
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False),
                name="article_running_has_a_lease",
            ),
            models.CheckConstraint(
                condition=~Q(status="waiting") | Q(next_at__isnull=False), name="article_waiting_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(status="queued") | Q(queued_at__isnull=False), name="article_queued_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | Q(error__isnull=False), name="article_failed_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.working_title

    def get_absolute_url(self) -> str:
        return reverse("admin:articles_article_change", args=[self.pk])

    @property
    def working_title(self) -> str:
        """Something to call it by before it has a title: its first line, shortened."""
        # `opening` is from `with_progress`, which leaves the manuscript in the database.
        text = (self.idea or getattr(self, "opening", "") or self.manuscript[:1000]).strip()
        words = ("" if set(line) <= set("-+=") else line.strip("# ") for line in text.split("\n"))
        first = next(filter(None, words), "Untitled").removeprefix("title:").strip(" \"'")
        return f"{first[:77]}…" if len(first) > 78 else first

    def clean(self) -> None:
        if self.idea.strip() and self.manuscript.strip():
            raise ValidationError("Give an idea or a manuscript, not both.")

    @property
    def address(self) -> str:
        """Where the draft, or the preview page, is reached from anywhere."""
        return f"{settings.GALLEY_BASE_URL}{self.link}" if self.link.startswith("/") else self.link

    @property
    def tree(self) -> Tree:
        return Tree(backup_storage(), self.tree_prefix)

    @property
    def sections_written(self) -> tuple[int, int]:
        """How many sections are there, of how many; (0, 0) without any. No query when fetched `with_written`."""
        if not (self.is_long or self.batch_id):
            return 0, 0
        if not hasattr(self, "planned"):
            states = list(self.sections.values_list("state", flat=True))
            return states.count(Section.State.DONE), len(states)
        return self.written, self.planned  # type: ignore[attr-defined]  # from `with_written`

    @property
    def is_moving(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING, self.Status.WAITING)

    # One that waits may be told to go on now: whoever mended the cause need not wait for the next try.
    RECOVERABLE = (Status.FAILED, Status.CANCELLED, Status.WAITING)

    @property
    def can_recover(self) -> bool:
        return self.status in self.RECOVERABLE

    @property
    def is_scheduled(self) -> bool:
        """It waits for its time, and was never worked on."""
        return self.status == self.Status.WAITING and not self.attempt

    @property
    def rests(self) -> bool:
        """Nobody works on it just now, or will within moments: what it is made with may be changed."""
        return self.status in (self.Status.FAILED, self.Status.CANCELLED) or self.is_scheduled

    @property
    def can_cancel(self) -> bool:
        return self.is_moving or self.status == self.Status.FAILED

    def record(self, stage: Stage) -> StageRecord:
        """The record of a stage; no query when the records were fetched before."""
        return next(record for record in self.records.all() if record.stage == stage)


class Section(models.Model):
    """A part of a long article, written, kept and shown on its own; `index` counts from 1 and never changes."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Missing"

    article = models.ForeignKey(Article, models.CASCADE, related_name="sections")
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, related_name="all_sections")  # the article's
    index = models.PositiveSmallIntegerField()
    heading = models.CharField(max_length=200)
    key = models.CharField(max_length=200)  # the heading, folded
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
        ]

    def __str__(self) -> str:
        return self.heading

    @property
    def file_name(self) -> str:
        return f"01_section_{self.index}.html"

    @property
    def stored(self) -> Stored | None:
        return Stored(self.file_name, self.sha256, self.bytes) if self.sha256 else None


class StageRecord(models.Model):
    """One stage of one article: a retry uses the record again, there is never a second one."""

    class State(models.TextChoices):
        PENDING = "pending", "Not begun"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Stopped"

    article = models.ForeignKey(Article, models.CASCADE, related_name="records")
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


class Call(models.Model):
    """One call to the outside that costs money or changes the world, and the ledger of what it cost.

    The intent is committed before the call, the raw answer before anything is read from it. A call that was sent
    and whose answer is not here may have been charged; `lost_answers` counts these.
    """

    class State(models.TextChoices):
        INTENT = "intent", "Sent, no answer yet"
        RECEIVED = "received", "Answered"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CLOSED = "closed", "Given up"

    article = models.ForeignKey(Article, models.CASCADE, related_name="calls")
    key = models.CharField(max_length=60)  # text, prompts, image:hero, format, media:hero, post
    generation = models.PositiveSmallIntegerField(default=1)  # one more each time it is asked anew
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100, blank=True)
    idempotency_key = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State, default=State.INTENT)
    sends = models.PositiveSmallIntegerField(default=0)
    lost_answers = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(null=True)  # raw, as the provider gave it
    error = models.JSONField(null=True)  # ProviderError.saved()
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True)  # US dollars; null: unknown
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["sent_at"], name="call_by_sending"),
            models.Index(fields=["received_at"], name="call_by_answer"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["article", "key", "generation"], name="one_call_per_generation"),
            models.CheckConstraint(
                condition=~Q(state__in=["received", "done"]) | Q(answer__isnull=False),
                name="call_received_has_an_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.get_state_display()})"

    @property
    def is_paid(self) -> bool:
        return self.state in (self.State.RECEIVED, self.State.DONE)

    @property
    def raw(self) -> dict[str, Any]:
        """The raw answer of a call that has one."""
        return cast(dict[str, Any], self.answer)


class ImageFile(models.Model):
    """One picture of an article, from its prompt to the media library of the site."""

    article = models.ForeignKey(Article, models.CASCADE, related_name="images")
    role = models.CharField(max_length=20)  # hero, section_1 …; written in sections: general_2, section_7_1
    prompt = models.TextField(validators=[MaxLengthValidator(4000)])
    alt_text = models.CharField(max_length=300, blank=True)
    aspect = models.CharField(max_length=5)  # 16:9
    source_url = models.URLField(max_length=2000, blank=True)
    source_expires_at = models.DateTimeField(null=True)
    file = models.FileField(storage=storage_of_images, max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    base64_sha256 = models.CharField(max_length=64, blank=True)
    wordpress_media_id = models.PositiveBigIntegerField(null=True)
    wordpress_url = models.URLField(max_length=500, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["article", "role"], name="one_image_per_role")]

    def __str__(self) -> str:
        return self.label

    @property
    def is_stored(self) -> bool:
        return bool(self.sha256)

    @property
    def section(self) -> int | None:
        """The index of the section that it came with; None for a picture of the whole article."""
        parts = self.role.split("_")
        return int(parts[1]) if len(parts) == 3 else None

    @property
    def label(self) -> str:
        """`hero`, `section 2`, or `section 7, picture 1` of one that came with a section: a word for people."""
        words = self.role.split("_")
        return f"section {words[1]}, picture {words[2]}" if len(words) == 3 else " ".join(words)

    @property
    def file_name(self) -> str:
        return f"03_{self.role}.jpg"

    @property
    def base64_name(self) -> str:
        return f"03_{self.role}_base64.txt"

    @property
    def stored(self) -> Stored:
        return Stored(self.file_name, self.sha256, self.bytes)

    @property
    def stored_base64(self) -> Stored:
        return Stored(self.base64_name, self.base64_sha256, 4 * -(-self.bytes // 3))

    def url_is_fresh(self, now: datetime) -> bool:
        return bool(self.source_url and self.source_expires_at and self.source_expires_at > now)


class Attempt(models.Model):
    """One go at an article: who asked for it and why, from which stage, and how it ended."""

    class Why(models.TextChoices):
        SUBMITTED = "submitted", "Handed in"
        RECOVERED = "recovered", "Recovered"
        RETRIED = "retried", "Tried again by itself"
        INTERRUPTED = "interrupted", "Went on after an interruption"

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        WAITING = "waiting", "Waited"
        PAUSED = "paused", "Went on later"
        INTERRUPTED = "interrupted", "Interrupted"
        CANCELLED = "cancelled", "Cancelled"

    article = models.ForeignKey(Article, models.CASCADE, related_name="attempts")
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

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["article", "number"], name="attempt_by_number")]

    def __str__(self) -> str:
        return f"{self.get_why_display()} {self.asked_at:%Y-%m-%d %H:%M}"


class Event(models.Model):
    """The timeline of an article: written once, never changed."""

    article = models.ForeignKey(Article, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=20)  # submitted, started, saved, waiting, stopped, …
    stage = models.CharField(max_length=10, blank=True)
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


class Pace(models.Model):
    """How fast a service may be asked, by all workers on all machines together (`articles.pace`)."""

    provider = models.CharField(max_length=100, unique=True)
    next_at = models.DateTimeField(default=timezone.now)  # the next free turn, where there is a limit
    closed_until = models.DateTimeField(null=True)  # it asked us to wait
    reason = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.provider


class Preferences(models.Model):
    """What an editor always wants: read whenever an article of theirs is written, or stops."""

    class StopMail(models.TextChoices):
        AT_ONCE = "at_once", "at once"
        DAILY = "daily", "once a day"
        NEVER = "never", "never"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="preferences")
    instructions = models.TextField(
        "standing instructions",
        blank=True,
        validators=[MaxLengthValidator(5000)],
        help_text="Sent to the text service with every idea of yours: tone, audience, words to avoid.",
    )
    style = models.CharField("usual writing style", max_length=200, blank=True)
    brand_primary = models.CharField("main colour", max_length=7, default=PRIMARY, validators=[is_colour])
    brand_accent = models.CharField("accent colour", max_length=7, default=ACCENT, validators=[is_colour])

    stop_mail = models.CharField(
        "mail when an article stops",
        max_length=10,
        choices=StopMail,
        default=StopMail.AT_ONCE,
        help_text="Articles that stop for one reason come in one mail. Chief editors hear of the backups so, too.",
    )

    class Meta:
        verbose_name = verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"Preferences of {self.user}"

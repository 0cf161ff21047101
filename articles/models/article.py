"""An article: what an editor handed in, and the state of its run."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Substr
from django.urls import reverse
from django.utils import timezone

from articles import bounds
from articles.models.access import OwnedQuerySet
from articles.models.batch import Batch, Section
from articles.models.calls import Call, CallQuerySet, Cost
from articles.models.choices import ACCENT, PRIMARY, Design, Formatter, Stage, is_colour, new_uid
from articles.models.history import StageRecord
from articles.models.images import ImageFile
from backups import configured
from backups.trees.tree import Tree

if TYPE_CHECKING:
    pass


class ArticleQuerySet(OwnedQuerySet["Article"]):
    def resting(self) -> ArticleQuerySet:
        """Those with `rests`."""
        return self.filter(Q(status__in=["failed", "cancelled"]) | Q(status="waiting", attempt=0))

    def with_cost(self) -> ArticleQuerySet:
        """Adds what `Article.cost` is made of, without joining the rows to others."""
        calls = Call.objects.filter(article=OuterRef("pk")).order_by().values("article")
        unknown = calls.annotate(number=Count("pk", filter=CallQuerySet.UNKNOWN)).values("number")
        return self.annotate(
            known_cost=Subquery(calls.annotate(sum=Sum("cost")).values("sum")),
            unknown_costs=Coalesce(Subquery(unknown), 0),
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

    def named(self) -> ArticleQuerySet:
        """With what each is called by and whose it is, and without its texts: for lists of what belongs to articles."""
        texts = ("manuscript", "earlier_manuscripts", "html", "components")
        return self.select_related("owner").defer(*texts).annotate(opening=Substr("manuscript", 1, 200))

    def with_progress(self) -> ArticleQuerySet:
        """With all that a line in a list shows, in a constant number of queries."""
        return (
            self.select_related("owner", "site")
            .defer("manuscript", "earlier_manuscripts", "html")
            .prefetch_related(
                "records",
                Prefetch(
                    "images",
                    ImageFile.objects.only(
                        "article_id", "role", "own", "sha256", "file", "bytes", "wordpress_media_id"
                    ),
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

    class CancelledWith(models.TextChoices):
        """What an article was cancelled with, and so comes back with."""

        ITSELF = "", "nothing: somebody cancelled this one"
        BATCH = "batch", "its batch"
        LIST = "list", "its line, which was taken out of the list"

    Formatter = Formatter

    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="articles")
    created_at = models.DateTimeField("handed in", default=timezone.now, editable=False)
    tree_prefix = models.CharField("backup", max_length=100, unique=True, editable=False)

    idea = models.TextField(
        blank=True,
        validators=[MaxLengthValidator(bounds.LONGEST_IDEA)],
        help_text="What the article should be about. The text service writes it.",
    )
    manuscript = models.TextField(blank=True, help_text="A finished text. It is used as it is: nothing is rewritten.")
    manuscript_name = models.CharField(max_length=bounds.LONGEST_FILE_NAME, blank=True, editable=False)
    # Those that it was made of before, each with its name, title and prompts of then, and until when it was in force.
    earlier_manuscripts = models.JSONField(default=list, editable=False)
    # Pictures and pages that another took the place of, which stay in the tree (`articles.tree.earlier`).
    earlier_files = models.JSONField(default=list, db_default=[], editable=False)
    style = models.CharField(
        "writing style",
        max_length=bounds.LONGEST_STYLE,
        blank=True,
        help_text="For example: calm magazine feature, first person.",
    )
    formatter = models.CharField(
        max_length=10, choices=Formatter, default=Formatter.AUTO, help_text="Who lays the page out."
    )
    design = models.CharField(
        max_length=10, choices=Design, default=Design.CLASSIC, help_text="How the page is drawn, in these colours."
    )
    byline = models.CharField(
        max_length=bounds.LONGEST_BYLINE,
        blank=True,
        help_text="Printed above the text as it stands here, for example: By Ada Byron, 12 March. Empty: none.",
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
    batch_key = models.CharField(max_length=bounds.LONGEST_NAME, blank=True, editable=False)  # the style, folded
    batch_fields = models.JSONField(default=dict, editable=False)  # what its line says: {"style": "Art Deco", …}
    # Of a batch: what its calls are known to have cost, in US dollars (`articles.pipeline.money.spending`).
    spent = models.DecimalField(max_digits=12, decimal_places=6, default=0, editable=False)

    scheduled_at = models.DateTimeField(
        "begin",
        null=True,
        blank=True,
        help_text="When work on it begins. Empty: at once.",
    )

    title = models.CharField(max_length=bounds.LONGEST_TITLE, blank=True)
    html = models.TextField("article", blank=True, editable=False)
    word_count = models.PositiveIntegerField(default=0, editable=False)
    components = models.JSONField(default=list, editable=False)  # [{type, text, …}]

    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    cancelled_with = models.CharField(max_length=10, choices=CancelledWith, blank=True, editable=False)
    # Of a batch that rests: a person asked for this one. It goes on all the same, until the batch does.
    alone = models.BooleanField(default=False, editable=False)
    attempt = models.PositiveIntegerField(default=0, editable=False)  # the fencing token: one more with each claim
    crashes = models.PositiveSmallIntegerField(default=0, editable=False)  # claims since something was saved
    retries = models.PositiveSmallIntegerField(default=0, editable=False)  # waits since something was saved
    lease_owner = models.CharField(max_length=200, blank=True, editable=False)  # host|pid|start time
    lease_until = models.DateTimeField(null=True, editable=False)
    queued_at = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField("next try", null=True, editable=False)
    error = models.JSONField(null=True, editable=False)  # ProviderError.saved(), with the stage
    cause = models.CharField(max_length=300, blank=True, editable=False)  # of a stopped one: articles.failures
    ended_at = models.DateTimeField("ended", null=True, editable=False)
    tree_expired_at = models.DateTimeField("backup removed", null=True, editable=False)
    link = models.URLField(max_length=500, blank=True, editable=False)  # of the draft, or of the preview
    # Since when the storage does not know this row as it is; null: it does (`articles.tree.due`).
    manifest_due = models.DateTimeField(null=True, default=timezone.now, editable=False)

    objects = ArticleQuerySet.as_manager()

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
            models.Index(fields=["manifest_due"], condition=Q(manifest_due__isnull=False), name="article_due"),
            # What retention counts: most articles are finished, and their trees are gone.
            models.Index(fields=["tree_expired_at"], condition=Q(tree_expired_at=None), name="article_with_tree"),
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
        # `opening` is from `named` or `with_progress`, which leave the manuscript in the database.
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
        return configured.tree(self.tree_prefix)

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
    def cost(self) -> Cost:
        """What its calls have cost, of one that was fetched `with_cost`."""
        return Cost(self.known_cost or Decimal(0), self.unknown_costs)  # type: ignore[attr-defined]  # from `with_cost`

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
    def takes_another_manuscript(self) -> bool:
        """It rests, and was made of a manuscript, not of an idea."""
        return self.rests and not self.idea

    @property
    def takes_another_picture(self) -> bool:
        """Nobody works on it, and its pictures are known. No query when the records were fetched before."""
        return self._ended_with(Stage.PROMPTS)

    @property
    def takes_another_look(self) -> bool:
        """Nobody works on it, and its page is laid out. No query when the records were fetched before."""
        return self._ended_with(Stage.FORMAT)

    def _ended_with(self, stage: Stage) -> bool:
        """What the stage has made can still be put to use: its backup is there."""
        is_gone = self.status == self.Status.DONE and self.tree_expired_at is not None
        ended = self.status in (self.Status.DONE, self.Status.FAILED, self.Status.CANCELLED) and not is_gone
        return ended and self.record(stage).state == StageRecord.State.DONE

    @property
    def has_newer_page(self) -> bool:
        """It was laid out again since it went to its site. No query when the records were fetched before."""
        if self.status != self.Status.DONE:
            return False
        laid_out, sent = self.record(Stage.FORMAT).finished_at, self.record(Stage.UPLOAD).finished_at
        return laid_out is not None and sent is not None and laid_out > sent

    @property
    def can_cancel(self) -> bool:
        return self.is_moving or self.status == self.Status.FAILED

    def record(self, stage: Stage) -> StageRecord:
        """The record of a stage; no query when the records were fetched before."""
        return next(record for record in self.records.all() if record.stage == stage)

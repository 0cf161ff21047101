"""A document that waits for a person."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from articles import bounds
from articles.models import Article
from articles.models.access import may_look
from articles.models.choices import new_uid
from publishing.models import PublishTask


class State(models.TextChoices):
    """What a document waits for, in the order in which it goes."""

    TO_EVALUATE = "to_evaluate", "To evaluate"
    TO_CONFIRM = "to_confirm", "To confirm"
    TO_REVIEW = "to_review", "To review"
    TO_REVISE = "to_revise", "To revise"
    TO_REREVIEW = "to_rereview", "To re-review"
    READY = "ready_to_publish", "Ready to publish"
    PUBLISHED = "published", "Published"


class Source(models.TextChoices):
    UPLOAD = "upload", "Uploaded"
    FOLDER = "folder", "A folder of this machine"
    API = "api", "A program"
    DRIVE = "drive", "Google Drive"


ON_THE_BOARD, LET_GO = Q(let_go_at=None), Q(let_go_at__isnull=False)
WAITS = ON_THE_BOARD & ~Q(state=State.PUBLISHED)
LISTED = ("since", "id", "title")  # behind what an index goes by: how it is sorted, and what is searched


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """The list is shared: whoever may look at documents sees all of them."""
        return self.all() if may_look(user, self.model) else self.none()

    def on_the_board(self) -> Self:
        return self.filter(ON_THE_BOARD)

    def let_go(self) -> Self:
        return self.filter(LET_GO)

    def waiting(self) -> Self:
        return self.filter(WAITS)

    def mine(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Those that wait for this person by name."""
        return self.filter(WAITS, assignee=user.pk)


class Document(models.Model):
    """What waits, for whom, and which of its versions counts as what.

    Versions are named by the SHA-256 of their text: `text_hash` is the one that is worked on, `source_hash` what the
    source had last, `offered_hash` a later one that waits to be taken or left, `approved_hash` the one that was
    approved last, `sent_hash` the one of which the article was made last. It is approved while
    `approved_at` is set.
    """

    uid = models.CharField(max_length=32, default=new_uid, unique=True, editable=False)
    source = models.CharField(max_length=10, choices=Source)
    source_id = models.CharField(max_length=500, default=new_uid)  # what the source knows it by; never shown
    folder = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=bounds.LONGEST_TITLE)
    has_own_title = models.BooleanField(default=False)  # a person has set it here: the source's does not count any more
    writer = models.CharField(max_length=200, blank=True)  # as the source names them
    state = models.CharField(max_length=20, choices=State, default=State.TO_EVALUATE)
    since = models.DateTimeField("in this state since", default=timezone.now)
    arrived_at = models.DateTimeField("arrived", default=timezone.now)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="assigned_documents"
    )
    due = models.DateField(null=True, blank=True)
    text_hash = models.CharField(max_length=64)
    source_hash = models.CharField(max_length=64)
    offered_hash = models.CharField(max_length=64, blank=True)
    approved_hash = models.CharField(max_length=64, blank=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    sent_hash = models.CharField(max_length=64, blank=True)
    words = models.PositiveIntegerField(default=0)  # of the text that is worked on
    gone_at = models.DateTimeField("gone from its source since", null=True)
    let_go_at = models.DateTimeField("let go", null=True)  # it is not on the board any more; its text stays
    # One to one: the database itself keeps a document from becoming two articles.
    article = models.OneToOneField(Article, models.SET_NULL, null=True, related_name="document")
    task = models.ForeignKey(PublishTask, models.SET_NULL, null=True, related_name="+")  # the last that was asked for

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "worklist"
        ordering = ["since", "pk"]
        permissions = [("approve_document", "Can confirm and approve documents")]
        constraints = [
            models.UniqueConstraint(fields=["source", "source_id"], name="one_document_of_a_source"),
            models.CheckConstraint(
                condition=Q(approved_at=None) | Q(approved_hash=models.F("text_hash")), name="approved_is_this_text"
            ),
            models.CheckConstraint(
                condition=~Q(state=State.READY) | Q(approved_at__isnull=False), name="ready_is_approved"
            ),
        ]
        # A list reads its part of an index and the rows that it shows, however many documents there are
        # (`worklist.pages`); a search reads the titles there.
        indexes = [
            models.Index(fields=["state", *LISTED], condition=ON_THE_BOARD, name="document_by_state"),
            models.Index(fields=["folder", "state", *LISTED], condition=ON_THE_BOARD, name="document_by_folder"),
            models.Index(fields=["assignee", "state", *LISTED], condition=ON_THE_BOARD, name="document_by_person"),
            models.Index(fields=["state", *LISTED], condition=LET_GO, name="document_let_go"),
            models.Index(fields=["id", "since", "title"], condition=ON_THE_BOARD, name="document_in_order"),
            models.Index(
                fields=["assignee", "due", "since", "id", "state"], condition=WAITS, name="document_for_person"
            ),
            models.Index(fields=["id"], condition=WAITS & ~Q(offered_hash=""), name="document_offered"),
            models.Index(fields=["id"], condition=WAITS & Q(gone_at__isnull=False), name="document_gone"),
            models.Index(fields=["due"], condition=WAITS & Q(due__isnull=False), name="document_by_day"),
            models.Index(fields=["source", "arrived_at", "gone_at"], name="document_by_source"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("admin:worklist_document_change", args=[self.pk])

    def version(self, sha256: str) -> Version:
        return self.versions.get(sha256=sha256)

    @property
    def text(self) -> Version:
        return self.version(self.text_hash)

    @property
    def is_on_its_way(self) -> bool:
        """Its article moves: what it is made of cannot be changed meanwhile."""
        return self.article is not None and self.article.is_moving

    @property
    def has_stopped(self) -> bool:
        """It was to go out, and has not."""
        ended = (Article.Status.FAILED, Article.Status.CANCELLED)
        failed = self.task is not None and self.task.status == PublishTask.Status.FAILED
        return failed or (self.article is not None and self.article.status in ended)

    @property
    def has_changed_since_it_went_out(self) -> bool:
        return bool(self.sent_hash) and (self.text_hash != self.sent_hash or bool(self.offered_hash))


class Version(models.Model):
    """A text as it arrived. None is ever changed or removed; one that comes back is the same row."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="versions")
    sha256 = models.CharField(max_length=64)  # of the text, in UTF-8
    name = models.CharField(max_length=bounds.LONGEST_FILE_NAME, blank=True)  # of its file: tells how it is read
    manuscript = models.TextField()
    title = models.CharField(max_length=bounds.LONGEST_TITLE)  # that the text, or its file, gives
    words = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "sha256"], name="one_version_per_text")]
        indexes = [models.Index(fields=["sha256"], name="version_by_text")]

    def __str__(self) -> str:
        return f"{self.title}, {self.at:%Y-%m-%d %H:%M}"

"""Who is to be told of which stop, and the mails that tell them."""

from __future__ import annotations

import uuid
from email.utils import parseaddr

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from articles.models import Article


def new_message_id() -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{uuid.uuid4().hex}@{domain or 'localhost'}>"


class Mail(models.Model):
    """A mail of the outbox. The row is the truth; what is in it is written when it is first sent.

    Until a mail server may have it, a mail is open: more stops may join it, and its words follow what is true. From
    then on its words stay, and it keeps its Message-ID, so that mail programs show it once if it had to be sent twice.
    """

    class Kind(models.TextChoices):
        AT_ONCE = "at_once", "At once"
        DAILY = "daily", "Daily"
        BACKUPS = "backups", "About the backups"
        WORKLIST = "worklist", "About the worklist"
        GIVEN = "given", "About an article that was given to somebody"

    class State(models.TextChoices):
        OPEN = "open", "To be sent"
        SENDING = "sending", "Being sent, or nobody knows whether it arrived"
        SENT = "sent", "Sent"
        GIVEN_UP = "given_up", "Given up"

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    cause = models.CharField(max_length=300, blank=True)  # of all its stops; "" in the other kinds
    day = models.DateField(null=True)  # of a daily one
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    message_id = models.CharField(max_length=200, unique=True, default=new_message_id)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField()  # when it may be taken; while it is sent: when that is over
    tries = models.PositiveIntegerField(default=0)  # one more each time it is taken: a fencing token, too
    ended_at = models.DateTimeField(null=True)  # sent, or given up
    error = models.CharField(max_length=200, blank=True)  # of the last try, in words for the operator

    # Written when a mail server is about to get them.
    address = models.EmailField(max_length=254, blank=True)
    subject = models.CharField(max_length=250, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    picture = models.BinaryField(default=bytes, blank=True)  # a JPEG that the words show; kept until it is sent
    told = models.CharField(max_length=10, blank=True)  # the state of the backups that it tells; "" where it tells none

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "kind", "cause"],
                condition=Q(state__in=["open", "sending"]),
                name="one_mail_of_a_cause_on_its_way",
            ),
            models.UniqueConstraint(fields=["recipient", "day"], name="one_digest_a_day"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state__in=["open", "sending"]), name="mail_due"),
            models.Index(fields=["recipient", "kind", "cause", "-id"], name="mail_last_of_cause"),
            models.Index(fields=["ended_at"], name="mail_by_end"),
        ]

    def __str__(self) -> str:
        return self.subject or f"{self.get_kind_display()}, to {self.recipient}"


class StopQuerySet(models.QuerySet["Stop"]):
    def standing(self) -> StopQuerySet:
        """Those whose article is stopped still, and has not been tried again since."""
        return self.filter(article__status=Article.Status.FAILED, article__attempt=F("attempt"))

    def over(self) -> StopQuerySet:
        """The others: recovered, cancelled, or stopped once more, which is a stop of its own."""
        return self.exclude(article__status=Article.Status.FAILED, article__attempt=F("attempt"))

    def loose(self) -> StopQuerySet:
        """In no mail yet."""
        return self.filter(mail=None)


class Stop(models.Model):
    """One failure of one article that somebody wants a mail about. Written in the transaction that stops it."""

    article = models.ForeignKey(Article, models.CASCADE, related_name="stops")
    attempt = models.PositiveIntegerField()
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    cause = models.CharField(max_length=300)
    stopped_at = models.DateTimeField()
    # Gone with its mail: without one it would be told again.
    mail = models.ForeignKey(Mail, models.CASCADE, null=True, related_name="stops")

    objects = StopQuerySet.as_manager()

    class Meta:
        verbose_name = "mail about a stop"
        constraints = [
            # What was given to somebody is told besides, each time (`recovery.handover`).
            models.UniqueConstraint(
                fields=["article", "attempt"],
                condition=~Q(cause__startswith="given "),
                name="one_stop_per_attempt",
            )
        ]
        indexes = [models.Index(fields=["recipient", "cause"], condition=Q(mail=None), name="stop_in_no_mail")]

    def __str__(self) -> str:
        return f"to {self.recipient}"


class Notice(models.Model):
    """Something on the worklist that one person is to be told, by the key under which that is known there."""

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=32)
    # Gone with its mail, as a stop is.
    mail = models.ForeignKey(Mail, models.CASCADE, null=True, related_name="notices")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recipient", "key"], name="one_notice_for_each")]
        indexes = [models.Index(fields=["recipient"], condition=Q(mail=None), name="notice_in_no_mail")]

    def __str__(self) -> str:
        return f"to {self.recipient}"


class Handover(models.Model):
    """A stopped article that somebody gave to a colleague, until it is finished, cancelled, or taken back."""

    LONGEST_NOTE = 1000  # characters

    article = models.OneToOneField(Article, models.CASCADE, related_name="handover")
    to = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    giver = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"to {self.to}"


class Snooze(models.Model):
    """A problem that somebody has put aside until a time: for all, or for their own articles alone.

    It is over at that time, or as soon as one more article stops for this reason.
    """

    LONGEST_NOTE = 1000  # characters

    cause = models.CharField(max_length=300)  # articles.failures
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    everybody = models.BooleanField()  # whether it is for the articles of all; else for those of `by`
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)
    at = models.DateTimeField()
    until = models.DateTimeField()
    woken_at = models.DateTimeField(null=True)  # when one more had stopped

    class Meta:
        verbose_name = "problem put aside"
        verbose_name_plural = "problems put aside"
        constraints = [models.UniqueConstraint(fields=["cause", "by"], name="one_snooze_of_a_person")]

    def __str__(self) -> str:
        return f"put aside by {self.by}"

    def concerns(self, user: object) -> bool:
        return self.everybody or self.by == user

    def keeps_aside_for(self, user: object) -> bool:
        return self.concerns(user) and self.woken_at is None

    @property
    def who(self) -> str:
        return self.by.get_short_name() or self.by.get_username()

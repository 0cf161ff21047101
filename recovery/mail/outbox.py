"""Mail about stopped articles: who is told, of what, when; and the sending of all mail, which loses nothing.

    article stops ─→ Stop, in no mail ─collect→ Mail, open ─send→ being sent ─→ sent
                          │                       ↑  ↑              │  └─→ given up: the address is refused for good
                          └─ its article goes on: │  └── refused ───┤
                             dropped              └── more stops    └─ broken off: once more, the very same mail

A stop is written in the transaction that stops its article, so none is lost and none is there twice. Everything else
may be run by anybody at any time, twice at once: rows are claimed by guarded updates.

Half a minute after the first stop of a cause its mail is made, and counts all that stopped by then. What goes on within
it is told to nobody. Workers look for such mails between two tasks (`is_due`): a message of the queue could wait behind
every article that was handed in before.

The hour of a cause: after a mail, further stops of that cause wait until an hour has passed. If nobody has acted by
then, they are told by that mail, whose link shows all that is stopped; otherwise they get a mail of their own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from articles.models import Article
from backups.health.report import Report
from recovery.mail import backup_news, notices
from recovery.mail.collect import (
    HALF_A_MINUTE,
    ON_ITS_WAY,
    Wish,
    collect,
    collect_for,
    last_digest_time,
    new_mail,
    wish,
)
from recovery.mail.delivery import Delivery, send_due
from recovery.models import Mail, Stop

log = structlog.get_logger("galley.mail")

JUST_NOW = timedelta(minutes=5)  # longer than a worker is at one task, but for the slowest


def note_stop(article: Article, **_: Any) -> None:
    """An article stops: note whom to tell, in the same transaction. (Receiver of `transitions.stopped`.)"""
    user = article.owner
    if wish(user) == Wish.NEVER:
        return
    when = article.ended_at or timezone.now()
    stop = Stop(article=article, attempt=article.attempt, recipient=user, cause=article.cause, stopped_at=when)
    Stop.objects.bulk_create([stop], ignore_conflicts=True)


def is_due() -> bool:
    """Whether a stop has just waited long enough (one query). What is older waits for its hour, its day, or a mail
    server, and is looked at each minute.
    """
    ripe = timezone.now() - HALF_A_MINUTE
    return Stop.objects.loose().filter(stopped_at__lte=ripe, stopped_at__gt=ripe - JUST_NOW).exists()


def deliver() -> Delivery:
    """Put what is to be told into mails, and send those that are due."""
    collect()
    notices.collect()
    return send_due()


# The backups


def note_backups(report: Report, **_: Any) -> None:
    """The backups were looked at: whom it is news to gets a mail. (Receiver of `backups.health.watch.watched`.)"""
    state = backup_news.state_of(report)
    for pk in [user.pk for user in backup_news.watchers()]:
        try:
            with transaction.atomic():
                _note_backups(User.objects.select_for_update(no_key=True).get(pk=pk), state)
        except Exception:
            log.exception("a mail about the backups could not be made; it is tried again in some minutes", recipient=pk)


def _note_backups(user: User, state: str) -> None:
    """One that is on its way says what is true when it is sent, so there is never a second beside it."""
    under_way = Mail.objects.filter(recipient=user, state__in=ON_ITS_WAY)
    match wish(user):
        case Wish.AT_ONCE if not under_way.filter(kind=Mail.Kind.BACKUPS).exists():
            if backup_news.is_news(user, state, timezone.now()):
                new_mail(timezone.now() + backup_news.PATIENCE, recipient=user, kind=Mail.Kind.BACKUPS)
        case Wish.DAILY:
            # What is due today comes first: it would join the digest of tomorrow otherwise.
            collect_for(user, Stop.objects.loose().filter(recipient=user))
            tomorrow = last_digest_time() + backup_news.DAY
            if not under_way.filter(kind=Mail.Kind.DAILY).exists() and backup_news.is_news(
                user, state, tomorrow, daily=True
            ):
                new_mail(tomorrow, recipient=user, kind=Mail.Kind.DAILY, day=tomorrow.date())

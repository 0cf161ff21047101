"""The sending of mails, which loses none and sends none twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models
from django.db.models import Q
from django.utils import timezone

from recovery.mail import backup_news, letters, notices, smtp
from recovery.mail.collect import ON_ITS_WAY, Wish, last_digest_time, wish
from recovery.models import Mail

log = structlog.get_logger("galley.mail")

LEASE = timedelta(minutes=5)  # far longer than a mail server takes for one mail
KEPT = timedelta(days=30)  # after its end; the link in it has died long before


@dataclass
class Delivery:
    """What a round of sending came to. `trouble` says in words why mails were put off, or given up."""

    sent: int = 0
    put_off: int = 0
    given_up: int = 0
    trouble: str = ""


def send_due() -> Delivery:
    """Send what is due, the least tried first, until all are sent or the mail server fails."""
    delivery = Delivery()
    due = Mail.objects.filter(state__in=ON_ITS_WAY, next_at__lte=timezone.now())
    server = get_connection()
    try:
        for mail in due.select_related("recipient").defer("text", "html", "picture").order_by("tries", "pk"):
            if _claim(mail) and not _send(mail, server, delivery):
                break
    finally:
        smtp.close(server)
    return delivery


def wake() -> None:
    """Whatever waits for its next try is due now: somebody has mended the mail server. What has its hour keeps it."""
    now = timezone.now()
    to_come = (
        Q(day__gt=last_digest_time().date())
        | Q(kind=Mail.Kind.BACKUPS, created_at__gt=now - backup_news.PATIENCE)
        | Q(kind=Mail.Kind.WORKLIST, created_at__gt=now - notices.GATHERED)
    )
    Mail.objects.filter(state=Mail.State.OPEN).exclude(to_come).update(next_at=now)


def _claim(mail: Mail) -> bool:
    """Take a mail that is due; False when another sender was quicker."""
    now = timezone.now()
    found = Mail.objects.filter(pk=mail.pk, state=mail.state, tries=mail.tries, next_at__lte=now)
    won = found.update(state=Mail.State.SENDING, tries=mail.tries + 1, next_at=now + LEASE)
    mail.tries += 1
    return bool(won)


def _send(mail: Mail, server: BaseEmailBackend, delivery: Delivery) -> bool:
    """Send one mail that is claimed. False when there is no use in going on with others now."""
    failure: smtp.Undelivered | None
    try:
        if not mail.subject and not _write(mail):
            return True
    except Exception:
        log.exception("a mail could not be written", mail=mail.pk)
        failure = smtp.Undelivered("a mistake in Galley; the log has it")
    else:
        failure = smtp.try_to_send(server, mail)
    if failure is None:
        _claimed(mail).update(state=Mail.State.SENT, ended_at=timezone.now(), error="", picture=b"")
        delivery.sent += 1
        return True
    delivery.trouble = failure.words
    if failure.address:
        _claimed(mail).update(state=Mail.State.GIVEN_UP, ended_at=timezone.now(), error=failure.words, picture=b"")
        delivery.given_up += 1
        return True
    delivery.put_off += 1
    _put_off(mail, failure)
    return not (failure.server or failure.doubtful)


def letter(mail: Mail) -> letters.Letter | None:
    """What it is to say now; None when there is nothing to say any more, or its recipient must not get it."""
    is_wanted = notices.wants(mail.recipient) if mail.kind == Mail.Kind.WORKLIST else wish(mail.recipient) != Wish.NEVER
    return letters.write(mail) if is_wanted else None


def _write(mail: Mail) -> bool:
    """Save the words before anybody gets them. False when there is nothing to say, or the claim is not ours now."""
    said = letter(mail)
    if said is None:
        _claimed(mail).delete()
        return False
    mail.address, mail.subject, mail.text, mail.html = mail.recipient.email, said.subject, said.text, said.html
    mail.picture = said.picture
    words = {"subject": said.subject, "text": said.text, "html": said.html, "told": said.told, "picture": said.picture}
    return bool(_claimed(mail).update(address=mail.address, **words))


def _put_off(mail: Mail, failure: smtp.Undelivered) -> None:
    """Try again after 1, 2, 4 … minutes, for ever: after ten at most where the server fails, else after an hour."""
    most = 10 if failure.server else 60
    later = timezone.now() + timedelta(minutes=min(2 ** min(mail.tries - 1, 10), most))
    if failure.doubtful or mail.state == Mail.State.SENDING:
        # Nobody knows whether it arrived: not a word of it may change.
        _claimed(mail).update(next_at=later, error=failure.words)
    else:
        fresh = {"state": Mail.State.OPEN, **dict.fromkeys(["address", "subject", "text", "html", "told"], "")}
        _claimed(mail).update(**fresh, picture=b"", next_at=later, error=failure.words)
    if failure.server:
        Mail.objects.filter(state=Mail.State.OPEN, next_at__lt=later).update(next_at=later)


def _claimed(mail: Mail) -> models.QuerySet[Mail]:
    """The row, as long as the claim is ours."""
    return Mail.objects.filter(pk=mail.pk, state=Mail.State.SENDING, tries=mail.tries)


def forget() -> None:
    """Remove what was sent long ago, addresses and all."""
    Mail.objects.filter(ended_at__lt=timezone.now() - KEPT).delete()

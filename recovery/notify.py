"""Mail about stopped articles: who is told, of what, when; and the sending of all mail, which loses nothing.

    article stops ─→ Stop, in no mail ─collect→ Mail, open ─send→ being sent ─→ sent
                          │                       ↑  ↑              │  └─→ given up: the address is refused for good
                          └─ its article goes on: │  └── refused ───┤
                             dropped              └── more stops    └─ broken off: once more, the very same mail

A stop is written in the transaction that stops its article, so none is lost and none is there twice. Everything else
may be run by anybody at any time, twice at once: rows are claimed by guarded updates.

The hour of a cause: after a mail, further stops of that cause wait until an hour has passed. If nobody has acted by
then, they are told by that mail, whose link shows all that is stopped; otherwise they get a mail of their own.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from articles.models import Article, Preferences
from backups.health.report import Report
from recovery import letters, watch
from recovery.models import Mail, Stop, StopQuerySet

log = structlog.get_logger("galley.mail")

HOUR = timedelta(hours=1)
DIGEST_HOUR = 7  # o'clock, in the desk's time zone
LEASE = timedelta(minutes=5)  # far longer than a mail server takes for one mail
KEPT = timedelta(days=30)  # after its end; the link in it has died long before
ON_ITS_WAY = [Mail.State.OPEN, Mail.State.SENDING]
Wish = Preferences.StopMail


def wish(user: User) -> Wish:
    """When this person wants to be told; never, where no mail could reach them."""
    if not (user.is_active and user.email):
        return Wish.NEVER
    chosen = Preferences.objects.filter(user=user).values_list("stop_mail", flat=True).first()
    return Wish(chosen or Wish.AT_ONCE)


def note_stop(article: Article, **_: Any) -> None:
    """An article stops: note whom to tell, in the same transaction. (Receiver of `transitions.stopped`.)"""
    user = article.owner
    wanted = wish(user)
    if wanted == Wish.NEVER:
        return
    when = article.ended_at or timezone.now()
    stop = Stop(article=article, attempt=article.attempt, recipient=user, cause=article.cause, stopped_at=when)
    Stop.objects.bulk_create([stop], ignore_conflicts=True)
    if wanted == Wish.AT_ONCE:
        # Not through the queue, where it would wait behind every article that was handed in before.
        transaction.on_commit(partial(_tell_at_once, user.pk))


def _tell_at_once(recipient: int) -> None:
    """Now, unless mail was just put off: a server that does not answer must not hold up each stop anew."""
    try:
        put_off = Mail.objects.filter(state__in=ON_ITS_WAY, next_at__gt=timezone.now()).exclude(error="")
        if not put_off.exists():
            deliver(recipient)
    except Exception:
        log.exception("a mail could not be sent at once; the next minute tries again")


def deliver(recipient: int | None = None) -> Delivery:
    """Put what stopped into mails and send those that are due: of one person, or of everybody."""
    collect(recipient)
    return send_due(recipient)


# Which stop is told by which mail


def collect(recipient: int | None = None) -> None:
    """Give the stops that are in no mail to one, unless they are over, or their time has not come."""
    loose = Stop.objects.loose()
    if recipient is not None:
        loose = loose.filter(recipient=recipient)
    for pk in loose.order_by("recipient").values_list("recipient", flat=True).distinct():
        try:
            with transaction.atomic():
                # One collector a person at a time. It must not hold up what merely refers to the person.
                user = User.objects.select_for_update(no_key=True).get(pk=pk)
                _collect_for(user, Stop.objects.loose().filter(recipient=user))
        except Exception:
            log.exception("what stopped could not be put into mails; it is tried again in a minute", recipient=pk)


def _collect_for(user: User, loose: StopQuerySet) -> None:
    loose.over().delete()
    match wish(user):
        case Wish.NEVER:
            loose.delete()
        case Wish.AT_ONCE:
            for cause in loose.order_by("cause").values_list("cause", flat=True).distinct():
                _collect_cause(user, cause, loose.filter(cause=cause))
        case Wish.DAILY:
            _collect_daily(user, loose)


def _collect_cause(user: User, cause: str, loose: StopQuerySet) -> None:
    about: dict[str, Any] = {"recipient": user, "kind": Mail.Kind.AT_ONCE, "cause": cause}
    # Locked: a sender that takes it meanwhile must not have read its stops before.
    last = Mail.objects.select_for_update().filter(**about).order_by("-pk").first()
    if last is not None:
        if last.state == Mail.State.OPEN:
            loose.update(mail=last)
            return
        if last.ended_at is None or timezone.now() < last.ended_at + HOUR:
            return
        if last.state == Mail.State.SENT and last.stops.standing().exists():
            loose.filter(stopped_at__lt=last.ended_at + HOUR).update(mail=last)
    if loose.exists():
        loose.update(mail=_new(**about))


def _collect_daily(user: User, loose: StopQuerySet) -> None:
    digests = Mail.objects.filter(recipient=user, kind=Mail.Kind.DAILY)
    if unsent := digests.select_for_update().filter(state=Mail.State.OPEN).first():
        loose.update(mail=unsent)
        return
    due = last_digest_time()
    made = digests.filter(Q(day=due.date()) | Q(state=Mail.State.SENDING)).exists()
    if not made and loose.filter(stopped_at__lt=due).exists():
        loose.update(mail=_new(recipient=user, kind=Mail.Kind.DAILY, day=due.date()))


def _new(at: datetime | None = None, **fields: Any) -> Mail:
    """An open mail, to be sent at that time: as soon as possible, unless one is given."""
    now = timezone.now()
    return Mail.objects.create(**fields, created_at=now, next_at=at or now)


def last_digest_time() -> datetime:
    """Seven o'clock on the clocks of the desk's time zone, today or, before seven, yesterday."""
    local = timezone.localtime()
    due = local.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return due if due <= local else due - timedelta(days=1)


# The backups


def note_backups(report: Report, **_: Any) -> None:
    """The backups were looked at: whom it is news to gets a mail. (Receiver of `backups.health.watch.watched`.)"""
    state = watch.state_of(report)
    for pk in [user.pk for user in watch.watchers()]:
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
            if watch.is_news(user, state, timezone.now()):
                _new(timezone.now() + watch.PATIENCE, recipient=user, kind=Mail.Kind.BACKUPS)
        case Wish.DAILY:
            # What is due today comes first: it would join the digest of tomorrow otherwise.
            _collect_for(user, Stop.objects.loose().filter(recipient=user))
            tomorrow = last_digest_time() + watch.DAY
            if not under_way.filter(kind=Mail.Kind.DAILY).exists() and watch.is_news(user, state, tomorrow, daily=True):
                _new(tomorrow, recipient=user, kind=Mail.Kind.DAILY, day=tomorrow.date())


# Sending


@dataclass
class Delivery:
    """What a round of sending came to. `trouble` says in words why mails were put off, or given up."""

    sent: int = 0
    put_off: int = 0
    given_up: int = 0
    trouble: str = ""


@dataclass(frozen=True)
class Failure:
    """What a mail server did to us, in words for the operator, and what follows from it."""

    words: str
    address: bool = False  # it will never take mail for this address
    server: bool = False  # it would do the same to every mail
    doubtful: bool = False  # the mail may have arrived all the same


def send_due(recipient: int | None = None) -> Delivery:
    """Send what is due, the least tried first, until all are sent or the mail server fails."""
    delivery = Delivery()
    due = Mail.objects.filter(state__in=ON_ITS_WAY, next_at__lte=timezone.now())
    if recipient is not None:
        due = due.filter(recipient=recipient)
    server = get_connection()
    try:
        for mail in due.select_related("recipient").defer("text", "html").order_by("tries", "pk"):
            if _claim(mail) and not _send(mail, server, delivery):
                break
    finally:
        _close(server)
    return delivery


def wake() -> None:
    """Whatever waits for its next try is due now: somebody has mended the mail server. What has its hour keeps it."""
    now = timezone.now()
    to_come = Q(day__gt=last_digest_time().date()) | Q(kind=Mail.Kind.BACKUPS, created_at__gt=now - watch.PATIENCE)
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
    failure: Failure | None
    try:
        if not mail.subject and not _write(mail):
            return True
    except Exception:
        log.exception("a mail could not be written", mail=mail.pk)
        failure = Failure("a mistake in Galley; the log has it")
    else:
        failure = _try(server, mail)
    if failure is None:
        _claimed(mail).update(state=Mail.State.SENT, ended_at=timezone.now(), error="")
        delivery.sent += 1
        return True
    delivery.trouble = failure.words
    if failure.address:
        _claimed(mail).update(state=Mail.State.GIVEN_UP, ended_at=timezone.now(), error=failure.words)
        delivery.given_up += 1
        return True
    delivery.put_off += 1
    _put_off(mail, failure)
    return not (failure.server or failure.doubtful)


def letter(mail: Mail) -> letters.Letter | None:
    """What it is to say now; None when there is nothing to say any more, or its recipient must not get it."""
    return None if wish(mail.recipient) == Wish.NEVER else letters.write(mail)


def _write(mail: Mail) -> bool:
    """Save the words before anybody gets them. False when there is nothing to say, or the claim is not ours now."""
    said = letter(mail)
    if said is None:
        _claimed(mail).delete()
        return False
    mail.address, mail.subject, mail.text, mail.html = mail.recipient.email, said.subject, said.text, said.html
    words = {"subject": said.subject, "text": said.text, "html": said.html, "told": said.told}
    return bool(_claimed(mail).update(address=mail.address, **words))


def _put_off(mail: Mail, failure: Failure) -> None:
    """Try again after 1, 2, 4 … minutes, for ever: after ten at most where the server fails, else after an hour."""
    most = 10 if failure.server else 60
    later = timezone.now() + timedelta(minutes=min(2 ** min(mail.tries - 1, 10), most))
    if failure.doubtful or mail.state == Mail.State.SENDING:
        # Nobody knows whether it arrived: not a word of it may change.
        _claimed(mail).update(next_at=later, error=failure.words)
    else:
        fresh = {"state": Mail.State.OPEN, **dict.fromkeys(["address", "subject", "text", "html", "told"], "")}
        _claimed(mail).update(**fresh, next_at=later, error=failure.words)
    if failure.server:
        Mail.objects.filter(state=Mail.State.OPEN, next_at__lt=later).update(next_at=later)


def _claimed(mail: Mail) -> models.QuerySet[Mail]:
    """The row, as long as the claim is ours."""
    return Mail.objects.filter(pk=mail.pk, state=Mail.State.SENDING, tries=mail.tries)


def forget() -> None:
    """Remove what was sent long ago, addresses and all."""
    Mail.objects.filter(ended_at__lt=timezone.now() - KEPT).delete()


# The mail server


def send_test(address: str) -> Failure | None:
    """Send a test mail, at once and to anybody; None when the mail server took it."""
    letter = letters.test()
    mail = Mail(address=address, subject=letter.subject, text=letter.text, html=letter.html)
    server = get_connection()
    try:
        return _try(server, mail)
    finally:
        _close(server)


def _try(server: BaseEmailBackend, mail: Mail) -> Failure | None:
    try:
        server.open()
    except Exception as exc:
        return _noted(mail, exc, _of_connection(exc))
    try:
        server.send_messages([_message(mail)])
    except Exception as exc:
        return _noted(mail, exc, _of_mail(exc))
    log.info("mail sent", mail=mail.pk, tries=mail.tries)
    return None


def _message(mail: Mail) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        to=[mail.address],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},  # no out-of-office replies
    )
    message.attach_alternative(mail.html, "text/html")
    return message


def _noted(mail: Mail, exc: Exception, failure: Failure) -> Failure:
    log.warning("mail not sent", mail=mail.pk, why=failure.words, detail=f"{type(exc).__name__}: {exc}"[:500])
    return failure


def _of_connection(exc: Exception) -> Failure:
    match exc:
        case smtplib.SMTPAuthenticationError():
            return Failure("the mail server refused the login", server=True)
        case ssl.SSLError():
            return Failure("no safe connection to the mail server can be made", server=True)
        case OSError():  # smtplib's own are among them
            return Failure("the mail server cannot be reached", server=True)
        case _:
            return Failure("the settings of the mail server cannot be used", server=True)


def _of_mail(exc: Exception) -> Failure:
    match exc:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(exc.recipients.values()))
            return _of_recipient(code, said)
        case smtplib.SMTPSenderRefused():
            return Failure(f"the mail server did not accept the sender ({exc.smtp_code})", server=True)
        case smtplib.SMTPResponseException():
            return Failure(f"the mail server did not take this mail ({exc.smtp_code})", server=exc.smtp_code == 421)
        case ValueError():
            return Failure("this is not an address that mail can be sent to", address=True)
        case OSError():
            return Failure("the connection to the mail server broke off", doubtful=True)
        case _:
            return Failure("a mistake in Galley; the log has it")


def _of_recipient(code: int, said: bytes) -> Failure:
    """Refused for good: the address alone. A server that wants a login, or does not serve us, can be mended."""
    ours = code in (421, 530, 535, 538) or b"5.7." in said
    if code >= 500 and code != 552 and not ours:  # 552: a full mailbox
        return Failure(f"the mail server refuses this address ({code})", address=True)
    if ours:
        return Failure(f"the mail server does not let Galley send mail ({code})", server=True)
    return Failure(f"the mail server takes no mail for this address now ({code})")


def _close(server: BaseEmailBackend) -> None:
    """What was sent is sent, whatever becomes of the connection."""
    try:
        server.close()
    except Exception:
        log.warning("the connection to the mail server was not closed in good order", exc_info=True)

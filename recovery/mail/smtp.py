"""What a mail server does to us."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass

import structlog
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from backups.redaction import black_out
from recovery.mail import film, letters
from recovery.models import Mail

log = structlog.get_logger("galley.mail")


@dataclass(frozen=True)
class Undelivered:
    """What a mail server did to us, in words for the operator, and what follows from it."""

    words: str
    address: bool = False  # it will never take mail for this address
    server: bool = False  # it would do the same to every mail
    doubtful: bool = False  # the mail may have arrived all the same


def send_test(address: str) -> Undelivered | None:
    """Send a test mail, at once and to anybody; None when the mail server took it."""
    letter = letters.test()
    mail = Mail(address=address, subject=letter.subject, text=letter.text, html=letter.html)
    server = get_connection()
    try:
        return try_to_send(server, mail)
    finally:
        close(server)


def try_to_send(server: BaseEmailBackend, mail: Mail) -> Undelivered | None:
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


class _Illustrated(EmailMultiAlternatives):
    """What is attached belongs to its words, which show it."""

    mixed_subtype = "related"


def _message(mail: Mail) -> EmailMultiAlternatives:
    message = _Illustrated(
        mail.subject,
        mail.text,
        to=[mail.address],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},  # no out-of-office replies
    )
    message.attach_alternative(mail.html, "text/html")
    if mail.picture:
        message.attach(film.part_of(mail))
    return message


def _noted(mail: Mail, exc: Exception, failure: Undelivered) -> Undelivered:
    said = black_out(f"{type(exc).__name__}: {exc}")[:500]  # cut last: a piece of a password is one, too
    log.warning("mail not sent", mail=mail.pk, why=failure.words, detail=said)
    return failure


def _of_connection(exc: Exception) -> Undelivered:
    match exc:
        case smtplib.SMTPAuthenticationError():
            return Undelivered("the mail server refused the login", server=True)
        case ssl.SSLError():
            return Undelivered("no safe connection to the mail server can be made", server=True)
        case OSError():  # smtplib's own are among them
            return Undelivered("the mail server cannot be reached", server=True)
        case _:
            return Undelivered("the settings of the mail server cannot be used", server=True)


def _of_mail(exc: Exception) -> Undelivered:
    match exc:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(exc.recipients.values()))
            return _of_recipient(code, said)
        case smtplib.SMTPSenderRefused():
            return Undelivered(f"the mail server did not accept the sender ({exc.smtp_code})", server=True)
        case smtplib.SMTPResponseException():
            return Undelivered(f"the mail server did not take this mail ({exc.smtp_code})", server=exc.smtp_code == 421)
        case ValueError():
            return Undelivered("this is not an address that mail can be sent to", address=True)
        case OSError():
            return Undelivered("the connection to the mail server broke off", doubtful=True)
        case _:
            return Undelivered("a mistake in Galley; the log has it")


def _of_recipient(code: int, said: bytes) -> Undelivered:
    """Refused for good: the address alone. A server that wants a login, or does not serve us, can be mended."""
    ours = code in (421, 530, 535, 538) or b"5.7." in said
    if code >= 500 and code != 552 and not ours:  # 552: a full mailbox
        return Undelivered(f"the mail server refuses this address ({code})", address=True)
    if ours:
        return Undelivered(f"the mail server does not let Galley send mail ({code})", server=True)
    return Undelivered(f"the mail server takes no mail for this address now ({code})")


def close(server: BaseEmailBackend) -> None:
    """What was sent is sent, whatever becomes of the connection."""
    try:
        server.close()
    except Exception:
        log.warning("the connection to the mail server was not closed in good order", exc_info=True)

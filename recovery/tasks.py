"""What the queue's schedules call. A task never raises."""

from __future__ import annotations

import structlog

from recovery.expire import expire
from recovery.groups import snoozes
from recovery.mail import delivery, outbox

log = structlog.get_logger("galley.recovery")


def expire_backups() -> None:
    """Remove the trees of articles that were done a week ago, and pictures that no text names any more."""
    try:
        snoozes.forget()
        expire(apply=True)
    except Exception:
        log.exception("no backup was removed; it is tried again tomorrow")


def send_mail() -> None:
    """Put what stopped into mails, and send what is due."""
    try:
        outbox.deliver()
        delivery.forget()
    except Exception:
        log.exception("mails were not sent; they are tried again in a minute")

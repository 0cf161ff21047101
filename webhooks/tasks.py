"""What the queue's schedules call. A task never raises."""

from __future__ import annotations

import structlog

from webhooks.sending import send_due

log = structlog.get_logger("galley.webhooks")


def send() -> None:
    """Send what is due."""
    try:
        send_due()
    except Exception:
        log.exception("webhooks were not told; they are told in a minute")

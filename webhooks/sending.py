"""The sending of deliveries, which loses none: each at least once, always with the same id.

    open ─claim→ open, and nobody else's for some minutes ─sent→ delivered
      ↑                    │
      └── not taken, or ───┤
          nobody knows     └─ for a day: given up

Whoever dies between sending and noting leaves it open: it is sent once more, and its receiver knows it by its id.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from articles.models.access import works_here
from articles.providers import deadline, web
from articles.providers.errors import IT, ProviderError
from publishing import secrets
from webhooks.models import Delivery, Webhook

log = structlog.get_logger("galley.webhooks")

SECONDS = 10  # that a receiver has for its answer
LEASE = timedelta(minutes=5)  # far longer than that
ROUND = 45  # seconds of one round: the next one comes within a minute
DAY = timedelta(days=1)  # then it is given up
MOST_MINUTES = 60  # between two tries
AT_A_TIME = 500


def send_due(webhook: Webhook | None = None) -> int:
    """Send what is due, the least tried first. Returns how many were taken.

    A receiver that fails is asked for no more in this round, so that one which is down holds up nobody.
    """
    due = Delivery.objects.filter(state=Delivery.State.OPEN, next_at__lte=timezone.now())
    if webhook is not None:
        due = due.filter(webhook=webhook)
    ends, failing, sent = time.monotonic() + ROUND, set[int](), 0
    for delivery in list(due.select_related("webhook__owner").order_by("tries", "pk")[:AT_A_TIME]):
        if time.monotonic() >= ends:
            break
        if delivery.webhook_id not in failing and _claim(delivery):
            if _send(delivery):
                sent += 1
            else:
                failing.add(delivery.webhook_id)
    return sent


def _claim(delivery: Delivery) -> bool:
    """Take one that is due; False when another sender was quicker."""
    now = timezone.now()
    found = _as_it_was(delivery).filter(next_at__lte=now)
    won = found.update(tries=delivery.tries + 1, next_at=now + LEASE)
    delivery.tries += 1
    return bool(won)


def _send(delivery: Delivery) -> bool:
    """Send one that is claimed, and note how it went."""
    webhook = delivery.webhook
    if not (webhook.active and works_here(webhook.owner)):
        _end(delivery, Delivery.State.GIVEN_UP, "Nothing is sent there any more")
        return False
    try:
        status = _post(delivery)
    except ProviderError as exc:
        answer = exc.reason.replace(IT, "the receiver")
    except secrets.Undecipherable as exc:
        answer = str(exc)
    else:
        answer = f"answered {status}"
        if 200 <= status < 300:
            _end(delivery, Delivery.State.DELIVERED, answer)
            return True
    _put_off(delivery, answer)
    return False


def _post(delivery: Delivery) -> int:
    """The status of the answer; nothing else of it is read. Raises ProviderError, and secrets.Undecipherable."""
    provider = f"webhook:{delivery.webhook_id}"
    headers = signed(delivery, delivery.webhook.secret, int(time.time()))
    with (
        web.session(allow_private=settings.GALLEY_ALLOW_PRIVATE_ADDRESSES) as http,
        deadline.within(SECONDS, provider),
        web.speaking_to(provider),
        http.post(
            delivery.webhook.address,
            data=delivery.body.encode(),
            headers=headers,
            timeout=SECONDS,
            allow_redirects=False,
            stream=True,
        ) as response,
    ):
        return response.status_code


def signed(delivery: Delivery, secret: str, now: int) -> dict[str, str]:
    """The headers: who reads them knows that it is from here, of just now, and not read before."""
    return {
        "Content-Type": "application/json",
        "Galley-Delivery": str(delivery.uid),
        "Galley-Event": delivery.event,
        "Galley-Timestamp": str(now),
        "Galley-Signature": f"v1={signature(secret, now, delivery.body)}",
    }


def signature(secret: str, now: int, body: str) -> str:
    """HMAC-SHA256 over the time, a full stop and the body, in hex digits."""
    return hmac.new(secret.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()


def _put_off(delivery: Delivery, answer: str) -> None:
    """Try again after 1, 2, 4 … minutes, at most an hour, for a day."""
    now = timezone.now()
    if now - delivery.created_at >= DAY:
        _end(delivery, Delivery.State.GIVEN_UP, answer)
        return
    later = now + timedelta(minutes=min(2 ** min(delivery.tries - 1, 10), MOST_MINUTES))
    _as_it_was(delivery).update(next_at=later, answer=answer[:200])
    log.info("a delivery is put off", webhook=delivery.webhook_id, tries=delivery.tries, answer=answer)


def _end(delivery: Delivery, state: Delivery.State, answer: str) -> None:
    _as_it_was(delivery).update(state=state, ended_at=timezone.now(), answer=answer[:200])
    if state == Delivery.State.GIVEN_UP:
        log.warning("a delivery is given up", webhook=delivery.webhook_id, delivery=str(delivery.uid), answer=answer)


def _as_it_was(delivery: Delivery) -> QuerySet[Delivery]:
    """The row, as long as nobody else has taken it."""
    return Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.OPEN, tries=delivery.tries)

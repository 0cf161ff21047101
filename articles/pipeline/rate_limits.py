"""How fast a service may be asked, by all workers on all machines together.

A limit is a row: whoever wants to ask takes the next free turn by a guarded update, and sleeps until it comes. When a
service asks one worker to wait, all of them do.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from articles.formats import for_all
from articles.models import Pace
from articles.providers.errors import IT, Busy

LONGEST_SLEEP = timedelta(seconds=20)  # a worker sleeps so long until its turn; for a later one the article waits
WITHOUT_A_WORD = 5.0  # seconds that everybody waits when a service is busy and does not say for how long


class NotYet(Busy):
    """It is not our turn. Nothing was sent, and nothing went wrong."""


def take_turn(provider: str) -> None:
    """Return when a request may be sent, after a short sleep where that helps (one query, two where there is a limit).

    Services that `GALLEY_PER_MINUTE` does not name, as sites, each with limits of its own, are asked at once. Raises
    NotYet when the turn comes too late to sleep until then.
    """
    per_minute = settings.GALLEY_PER_MINUTE.get(provider)
    if per_minute is None:
        return
    deadline = timezone.now() + LONGEST_SLEEP
    while pace := Pace.objects.filter(provider=provider).first() or (per_minute and _new(provider)):
        now = timezone.now()
        if pace.closed_until and pace.closed_until > now:
            _sleep_until(pace.closed_until, deadline, provider, pace.reason)
            continue
        if not per_minute:
            return
        turn = max(pace.next_at, now)
        if turn > deadline:
            raise _not_yet(provider, turn, f"{IT} may be asked {per_minute:,} times a minute")
        mine = Pace.objects.filter(pk=pace.pk, next_at=pace.next_at)
        if mine.update(next_at=turn + timedelta(minutes=1) / per_minute):
            _sleep_until(turn, deadline, provider, "")
            return


def _new(provider: str) -> Pace:
    return Pace.objects.get_or_create(provider=provider)[0]


def _sleep_until(moment: datetime, deadline: datetime, provider: str, reason: str) -> None:
    if moment > deadline:
        raise _not_yet(provider, moment, reason)
    time.sleep(max((moment - timezone.now()).total_seconds(), 0))


def close(exc: Busy) -> None:
    """A service had no room for one of us: nobody asks again before it says."""
    if exc.provider not in settings.GALLEY_PER_MINUTE:
        return
    seconds = WITHOUT_A_WORD if exc.retry_after is None else max(exc.retry_after, 1)
    until = timezone.now() + timedelta(seconds=seconds)
    _new(exc.provider)
    shorter = Q(closed_until=None) | Q(closed_until__lt=until)
    Pace.objects.filter(shorter, provider=exc.provider).update(closed_until=until, reason=exc.reason[:500])


def closed() -> list[Pace]:
    """The services that are given a rest just now."""
    return list(Pace.objects.filter(closed_until__gt=timezone.now()).order_by("closed_until"))


def _not_yet(provider: str, until: datetime, reason: str) -> NotYet:
    seconds = (until - timezone.now()).total_seconds()
    return NotYet(provider, f"{reason}; {IT} is asked again at {for_all(until)}", code="pace", retry_after=seconds)

"""How many browsers a machine runs at once: each is a slot, a row that whoever wants one takes by a guarded update."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from articles.pipeline.rate_limits import NotYet
from articles.processes import is_alive, this_machine, this_process
from articles.providers.errors import GALLEY
from publishing.models import BrowserSlot

NEXT_LOOK = 20.0  # seconds after which an article that found none asks again
FORGOTTEN = timedelta(days=1)  # a machine has another name after each of its starts


def take(seconds: float) -> BrowserSlot:
    """A slot of this machine, for so long at most. Raises NotYet where all are taken: the article waits."""
    BrowserSlot.objects.filter(until__lt=timezone.now() - FORGOTTEN).delete()
    for number in range(1, settings.GALLEY_BROWSERS + 1):
        if slot := taken(number, seconds):
            return slot
    raise NotYet(GALLEY, "all browsers of this machine are at work", code="browsers", retry_after=NEXT_LOOK)


def taken(number: int, seconds: float) -> BrowserSlot | None:
    """This one, for so long at most; None where somebody has it."""
    now = timezone.now()
    slot, _ = BrowserSlot.objects.get_or_create(host=this_machine(), number=number, defaults={"until": now})
    if slot.holder and slot.until > now and is_alive(slot.holder):
        return None
    holder, until = this_process(), now + timedelta(seconds=seconds)
    if not _as_seen(slot).update(holder=holder, until=until):
        return None
    slot.holder, slot.until = holder, until
    return slot


def give_back(slot: BrowserSlot) -> None:
    _as_seen(slot).update(holder="", until=timezone.now())


def _as_seen(slot: BrowserSlot) -> QuerySet[BrowserSlot]:
    return BrowserSlot.objects.filter(pk=slot.pk, holder=slot.holder, until=slot.until)

"""A group put aside, and back: by a person, by the clock, or by the next article that stops for its reason.

Who may work on everybody's articles puts the reason aside for all; everybody else for their own articles alone. The
groups of others stay, and say who has put theirs aside.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from articles.failures import with_cause
from articles.models import Article
from articles.models.access import EVERYTHING
from recovery.models import Snooze

LONGEST = timedelta(days=31)  # what is put aside longer is forgotten
KEPT = timedelta(days=31)  # after its end


class NotAside(Exception):
    """It cannot be put aside so, or brought back. The message is a sentence for the person."""


def put_aside(cause: str, user: User, until: datetime, note: str) -> None:
    """For whoever may press Recover, which the caller has asked. Raises NotAside."""
    if not with_cause(Article.objects.touchable_by(user), cause).exists():
        raise NotAside("Nothing is stopped for this reason any more. Nothing was done.")
    now = timezone.now()
    if not now < until <= now + LONGEST:
        raise NotAside(f"Choose a time to come, within {LONGEST.days} days.")
    said: dict[str, Any] = {"at": now, "until": until, "note": note, "everybody": user.has_perm(EVERYTHING)}
    Snooze.objects.update_or_create(cause=cause, by=user, defaults={**said, "woken_at": None})


def bring_back(cause: str, user: User) -> None:
    """What this person has put aside, and what others have for who may work on everything. Raises NotAside."""
    found = Snooze.objects.filter(cause=cause, woken_at=None, until__gt=timezone.now())
    if not user.has_perm(EVERYTHING):
        found = found.filter(by=user)
    with transaction.atomic():
        held = list(found.select_for_update())
        for snooze in held:
            snooze.delete()
    if not held:
        raise NotAside("It is not put aside by you. Nothing was done.")


def wake(article: Article, **_: Any) -> None:
    """One more stopped: what was put aside for its reason comes back. (Receiver of `transitions.stopped`.)"""
    asleep = Snooze.objects.filter(cause=article.cause, woken_at=None)
    asleep.filter(Q(everybody=True) | Q(by=article.owner_id)).update(woken_at=timezone.now())


def standing(causes: Iterable[str], user: AbstractBaseUser | AnonymousUser) -> dict[str, list[Snooze]]:
    """What this person may know of, until its time, by cause (one query). First what concerns their own group, of that
    what keeps it aside, of that what lasts longest.
    """
    known = Q() if isinstance(user, User) and user.has_perm(EVERYTHING) else Q(everybody=True) | Q(by=user.pk)
    found = Snooze.objects.filter(known, cause__in=causes, until__gt=timezone.now()).select_related("by")
    ordered = sorted(found, key=lambda snooze: (snooze.concerns(user), snooze.woken_at is None, snooze.until))
    by_cause: dict[str, list[Snooze]] = {}
    for snooze in reversed(ordered):
        by_cause.setdefault(snooze.cause, []).append(snooze)
    return by_cause


def kept_aside(causes: Iterable[str], user: User) -> set[str]:
    """Those of them that are put aside for this person now (one query)."""
    first = {cause: snoozes[0] for cause, snoozes in standing(causes, user).items()}
    return {cause for cause, snooze in first.items() if snooze.keeps_aside_for(user)}


def forget() -> None:
    """Remove what is over for long."""
    Snooze.objects.filter(until__lt=timezone.now() - KEPT).delete()

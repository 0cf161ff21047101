"""Which stop is told by which mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from articles.models import Preferences
from backups.clocks import DESK
from recovery.models import Mail, Stop, StopQuerySet

log = structlog.get_logger("galley.mail")

HOUR = timedelta(hours=1)
HALF_A_MINUTE = timedelta(seconds=30)  # in which what stops for the same cause comes into the same mail
DIGEST_HOUR = 7  # o'clock, in the desk's time zone
ON_ITS_WAY = [Mail.State.OPEN, Mail.State.SENDING]
Wish = Preferences.StopMail


def wish(user: User) -> Wish:
    """When this person wants to be told; never, where no mail could reach them."""
    if not (user.is_active and user.email):
        return Wish.NEVER
    chosen = Preferences.objects.filter(user=user).values_list("stop_mail", flat=True).first()
    return Wish(chosen or Wish.AT_ONCE)


def collect() -> None:
    """Give the stops that are in no mail to one, unless they are over, or their time has not come."""
    for_each_person(Stop.objects.loose(), lambda user: collect_for(user, Stop.objects.loose().filter(recipient=user)))


def for_each_person(loose: QuerySet[Any], collect_theirs: Callable[[User], None]) -> None:
    """One transaction for each person who is to be told of some of these rows."""
    for pk in loose.order_by("recipient").values_list("recipient", flat=True).distinct():
        try:
            with transaction.atomic():
                # One collector a person at a time. It must not hold up what merely refers to the person.
                user = User.objects.select_for_update(no_key=True).get(pk=pk)
                collect_theirs(user)
        except Exception:
            log.exception("what is to be told could not be put into mails; it is tried again in a minute", recipient=pk)


def collect_for(user: User, loose: StopQuerySet) -> None:
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
    if loose.filter(stopped_at__lte=timezone.now() - HALF_A_MINUTE).exists():
        loose.update(mail=new_mail(**about))


def _collect_daily(user: User, loose: StopQuerySet) -> None:
    digests = Mail.objects.filter(recipient=user, kind=Mail.Kind.DAILY)
    if unsent := digests.select_for_update().filter(state=Mail.State.OPEN).first():
        loose.update(mail=unsent)
        return
    due = last_digest_time()
    made = digests.filter(Q(day=due.date()) | Q(state=Mail.State.SENDING)).exists()
    if not made and loose.filter(stopped_at__lt=due).exists():
        loose.update(mail=new_mail(recipient=user, kind=Mail.Kind.DAILY, day=due.date()))


def new_mail(at: datetime | None = None, **fields: Any) -> Mail:
    """An open mail, to be sent at that time: as soon as possible, unless one is given."""
    now = timezone.now()
    return Mail.objects.create(**fields, created_at=now, next_at=at or now)


def last_digest_time() -> datetime:
    """Seven o'clock on the clocks of the desk's time zone, today or, before seven, yesterday."""
    local = DESK.now()
    due = local.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return due if due <= local else due - timedelta(days=1)

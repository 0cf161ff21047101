"""Mail about what is handed to people on the worklist, or comes back to them there. The sending is that of all mail.

    it concerns somebody ─→ Notice, in no mail ─collect→ Mail, open for a quarter of an hour ─send→ sent, with what is
                                                           ↑                                  true then
                                                           └── more notices

What a notice says is known to who gave it: when its mail is sent, they are asked what is true still, and may be read by
that person (`telling`). Where nothing is, no mail goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.dispatch import Signal
from django.utils import timezone

from articles.models import Preferences
from recovery.mail.collect import ON_ITS_WAY, for_each_person, new_mail
from recovery.models import Mail, Notice

GATHERED = timedelta(minutes=15)

# Of a person and the keys of notices: the title, what has happened, and the path of each that they may still be told.
telling = Signal()


@dataclass(frozen=True)
class Told:
    """A line of such a mail."""

    title: str
    said: str
    address: str


def wants(user: User) -> bool:
    """Whether this person wants to be told, and a mail could reach them."""
    if not (user.is_active and user.email):
        return False
    return not Preferences.objects.filter(user=user, worklist_mail=False).exists()


def note(user: User, key: str, **_: Any) -> None:
    """Something concerns this person: note it, in the same transaction. Twice is once."""
    if wants(user):
        Notice.objects.bulk_create([Notice(recipient=user, key=key)], ignore_conflicts=True)


def collect() -> None:
    """Give what is in no mail yet to the one that is open for its person, or to a new one."""
    for_each_person(Notice.objects.filter(mail=None), _collect_for)


def _collect_for(user: User) -> None:
    loose = Notice.objects.filter(recipient=user, mail=None)
    if not wants(user):
        loose.delete()
        return
    # Locked: a sender that takes it meanwhile must not have read its notices before.
    under_way = Mail.objects.select_for_update().filter(recipient=user, kind=Mail.Kind.WORKLIST, state__in=ON_ITS_WAY)
    mail = under_way.first() or new_mail(timezone.now() + GATHERED, recipient=user, kind=Mail.Kind.WORKLIST)
    if mail.state == Mail.State.OPEN:
        loose.update(mail=mail)


def told(mail: Mail) -> list[Told]:
    """What this mail says now."""
    keys = list(mail.notices.order_by("pk").values_list("key", flat=True))
    answers: list[tuple[Any, Any]] = telling.send(sender=Mail, recipient=mail.recipient, keys=keys)
    return [
        Told(title, said, f"{settings.GALLEY_BASE_URL}{path}") for _, lines in answers for title, said, path in lines
    ]

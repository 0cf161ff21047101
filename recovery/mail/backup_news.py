"""Mail about the backups: who is told of what, and when. The sending is that of all mail (`notify`).

    watch over the backups ─→ Mail, open ─send→ sent, with the state that it `told`
                                  └─ when it is due, all is as it was told before: dropped

People are told when the state turns: to alarm, to damaged, back to well; and once a day while it is not well. What a
person was told last is what the newest of their mails has told, so nothing is told twice, whoever dies when.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from backups.health.report import Report
from recovery.models import Mail

RIGHT = "backups.change_generation"
WELL = "well"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PATIENCE = timedelta(minutes=10)  # what ends by itself within it is not worth a mail: a first backup, a short outage


def state_of(report: Report) -> str:
    """What of it is told: alarm, damaged, or well."""
    return report.state if report.needs_somebody else WELL


def watchers() -> list[User]:
    """Whoever may do something about the backups."""
    found = User.objects.with_perm(RIGHT, backend="django.contrib.auth.backends.ModelBackend")
    return list(found.order_by("pk"))


def may_know(user: User) -> bool:
    return user.has_perm(RIGHT)


def is_news(user: User, state: str, at: datetime, *, daily: bool = False) -> bool:
    """Whether this person should hear of it at that time, after all that was told before.

    `daily`: in a digest, which comes by the clock, however late the one of yesterday was sent.
    """
    last = Mail.objects.filter(recipient=user).exclude(told="").order_by("-pk").only("told", "ended_at").first()
    if last is None or last.told == WELL or state == WELL:
        return state != (last.told if last else WELL)
    return state != last.told or (last.ended_at is not None and at >= last.ended_at + (DAY - HOUR if daily else DAY))

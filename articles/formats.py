"""Numbers, sums and times as the desk writes them: 1,440 · 2 articles · $4.10 · 3 min · 10:43."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import formats, timezone

from backups.clocks import DESK, READER, Clock, zone_mark


def due_at(moment: datetime | None) -> str:
    """`at 10:43`; `now` for what is due."""
    if moment is None or moment <= timezone.now():
        return "now"
    return f"at {clock(moment)}"


def clock(moment: datetime) -> str:
    """`10:43` today, `20 Nov, 10:43` this year, `20 Nov 2025, 10:43` before; `10:43 EST` off the desk's clock."""
    return f"{_by(READER, moment)} {zone_mark(moment)}".rstrip()


def for_all(moment: datetime) -> str:
    """`10:43 CET`, in a sentence that is kept, for readers in any zone."""
    return f"{_by(DESK, moment)} {DESK.zone_name(moment)}"


def _by(clock: Clock, moment: datetime) -> str:
    local, today = clock.local(moment), clock.today()
    if local.date() == today:
        return formats.date_format(local, "H:i")
    return formats.date_format(local, "j M, H:i" if local.year == today.year else "j M Y, H:i")


def written(moment: datetime, form: str) -> str:
    """By the reader's clock, in a form of Django's `date` that ends with the hour."""
    return f"{formats.date_format(READER.local(moment), form)} {zone_mark(moment)}".rstrip()


def age(moment: datetime) -> str:
    """`just now`, `4 min`, `2 h`, `3 days`, then the date."""
    passed = timezone.now() - moment
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed.seconds // 60} min"
    if passed < timedelta(days=1):
        return f"{passed.seconds // 3600} h"
    if passed < timedelta(days=8):
        return f"{passed.days} day{'s' if passed.days > 1 else ''}"
    local = READER.local(moment)
    return formats.date_format(local, "j M" if local.year == READER.today().year else "j M Y")


def past(moment: datetime) -> str:
    """`just now`, `2 h ago`, then `on 3 Nov`."""
    said, passed = age(moment), timezone.now() - moment
    if passed < timedelta(minutes=1):
        return said
    return f"{said} ago" if passed < timedelta(days=8) else f"on {said}"


def ahead(moment: datetime) -> str:
    """`at once` for what is due, `in under a minute`, `in 12 min`, `in 22 h`, `in 3 days`."""
    rest = moment - timezone.now()
    if rest <= timedelta():
        return "at once"
    if rest < timedelta(minutes=1):
        return "in under a minute"
    if rest < timedelta(hours=1):
        return f"in {rest.seconds // 60} min"
    if rest < timedelta(days=1):
        return f"in {rest.seconds // 3600} h"
    return f"in {count(rest.days, 'day')}"


def duration(passed: timedelta) -> str:
    """`under 1 s`, `48 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = round(passed.total_seconds())
    if seconds < 1:
        return "under 1 s"
    minutes, seconds = divmod(seconds, 60)
    if not minutes:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def left(time: timedelta | None) -> str:
    """`about 28 min left`, `about 2 h 40 min left`; "" where nobody knows."""
    if time is None:
        return ""
    hours, minutes = divmod(max(round(time.total_seconds() / 60), 1), 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return f"about {' '.join(filter(None, parts))} left"


def rate(per_minute: float) -> str:
    """`18 per min`, `2.5 per min`; "" where nothing was done lately."""
    if not per_minute:
        return ""
    return f"{per_minute:,.0f} per min" if per_minute >= 10 else f"{max(per_minute, 0.1):.1f} per min"


def count(number: int, thing: str, things: str = "") -> str:
    """`1 article`, `2,000 articles`."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


def money(dollars: Decimal | None, unknown: int = 0) -> str:
    """`$4.10`; less than a cent keeps two digits that mean something: `$0.0042`.

    Beside so many calls whose cost is unknown it is `at least $4.10`, and `not known` where there is nothing else.
    """
    if dollars is None or (unknown and not dollars):
        return "not known"
    digits = 4 if 0 < dollars < Decimal("0.01") else 2
    return f"{'at least ' if unknown else ''}${dollars:,.{digits}f}"


def about(dollars: Decimal, unknown: int = 0) -> str:
    """An estimate, no more exact than it is: `about $110`, `about $3.20`; `at least $3.20`, `cost not known`."""
    if unknown and not dollars:
        return "cost not known"
    return f"{'at least' if unknown else 'about'} {f'${dollars:,.0f}' if dollars >= 100 else money(dollars)}"


def of_budget(spent: Decimal, unknown: int, budget: Decimal | None) -> str:
    """`$61.20 of $110.00`, or only what was spent where there is no limit."""
    said = money(spent, unknown)
    return f"{said} of {money(budget)}" if budget is not None else said

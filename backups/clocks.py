"""Two clocks: the desk's, by which its books are kept, and that of whoever reads.

Limits, sums of days, retention, schedules and the mails at seven go by the desk's, whoever has a page open that looks
at them. What is typed and shown goes by the reader's: on a page of the desk and in a mail, that is the zone of the
person; everywhere else nobody in particular reads, and it is the desk's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from django.utils import timezone


@dataclass(frozen=True)
class Clock:
    zone: Callable[[], tzinfo]

    def today(self) -> date:
        return self.day(timezone.now())

    def day(self, moment: datetime) -> date:
        """On which a moment lies."""
        return self.local(moment).date()

    def now(self) -> datetime:
        return self.local(timezone.now())

    def local(self, moment: datetime) -> datetime:
        """The same moment, as this clock shows it."""
        return timezone.localtime(moment, self.zone())

    def at(self, day: date, hour: time = time.min) -> datetime:
        """When this clock shows this hour of a day; where a day has none such, when that would have been."""
        return timezone.make_aware(datetime.combine(day, hour), self.zone())

    def zone_name(self, moment: datetime) -> str:
        """`CET`, `UTC-03`."""
        name = self.local(moment).tzname() or ""
        return name if name[:1].isalpha() else f"UTC{name}"


DESK = Clock(timezone.get_default_timezone)
READER = Clock(timezone.get_current_timezone)


def zone_mark(moment: datetime) -> str:
    """The name of the reader's zone, to stand beside a time where the desk's clock shows another; else ""."""
    same = READER.local(moment).utcoffset() == DESK.local(moment).utcoffset()
    return "" if same else READER.zone_name(moment)

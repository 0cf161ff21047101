"""How old a backup or a drill may be before somebody is told."""

from __future__ import annotations

from datetime import timedelta

LATE = 3  # intervals of its schedule, after which a backup is missing
DRILLED = timedelta(days=8)
UNSCHEDULED = timedelta(days=1)
UNREAD = timedelta(days=3)  # since trees were read
BEHIND = timedelta(days=1)  # since a backup was made that the second storage lacks

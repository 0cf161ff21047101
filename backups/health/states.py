"""How bad a finding is, and what ends it.

ok        what should have happened has happened
look      something could be better: nothing is lost
alarm     a backup is too old, or the first one did not come; a drill did not pass
damaged   a backup that is needed cannot be restored as it is
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

State = Literal["ok", "look", "alarm", "damaged"]
STATES: tuple[State, State, State, State] = ("ok", "look", "alarm", "damaged")  # from good to bad
OK, LOOK, ALARM, DAMAGED = STATES


class Action(StrEnum):
    """What ends a finding. What somebody can begin in the desk has the value by which the desk knows it."""

    BACK_UP_DATABASE = "database"
    BACK_UP_FILES = "files"
    CHECK_STORAGE = "look"
    COPY = "copy"
    MAKE_SCHEDULE = "schedule"
    PRUNE = "prune"
    TRY_RESTORE = "drill"
    UNPIN = "unpin"
    VERIFY = "verify"

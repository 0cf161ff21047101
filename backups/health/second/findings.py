"""What can be found out about the second storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from backups.health.states import ALARM, DAMAGED, LOOK, Action, State


@dataclass(frozen=True)
class NeverCopied:
    """There is a second storage, and nothing was copied there yet."""

    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.COPY


@dataclass(frozen=True)
class CopyFailed:
    """The last copy of a tier ended before it was done."""

    tier: str
    why: str  # a sentence
    state: ClassVar[State] = ALARM
    action: ClassVar[Action] = Action.COPY


@dataclass(frozen=True)
class SecondBehind:
    """The second storage lacks backups for longer than copies take."""

    tier: str
    backups: int
    since: datetime  # when the first of them was made
    state: ClassVar[State] = ALARM
    action: ClassVar[Action] = Action.COPY


@dataclass(frozen=True)
class NotCopied:
    """Backups that cannot be copied: they are damaged in the first storage."""

    tier: str
    backups: int
    why: str  # a sentence about the first
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class SecondDamaged:
    """A backup in the second storage is damaged."""

    tier: str
    backups: int
    name: str  # of the newest
    why: str  # a sentence
    state: ClassVar[State] = DAMAGED
    action: ClassVar[Action] = Action.COPY


@dataclass(frozen=True)
class SecondUnverified:
    """The second storage was not verified for some days."""

    tier: str
    at: datetime | None
    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.VERIFY


@dataclass(frozen=True)
class SecondDrillFailed:
    """What was restored for trial from the second storage is not what was backed up."""

    at: datetime
    why: str  # a sentence
    state: ClassVar[State] = ALARM
    action: ClassVar[Action] = Action.TRY_RESTORE


SecondFinding = (
    NeverCopied | CopyFailed | SecondBehind | NotCopied | SecondDamaged | SecondUnverified | SecondDrillFailed
)
SecondUrgent = CopyFailed | SecondBehind | SecondDamaged | SecondDrillFailed

"""What can be found out about the backups: each kind of finding is a type, with its values. `wording` has the words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from backups.health.bucket_findings import BucketFinding
from backups.health.second.findings import SecondFinding, SecondUrgent
from backups.health.states import ALARM, DAMAGED, LOOK, OK, Action, State
from backups.repository.manifests import DATABASE


def _back_up(tier: str) -> Action:
    return Action.BACK_UP_DATABASE if tier == DATABASE.name else Action.BACK_UP_FILES


# Of a tier


@dataclass(frozen=True)
class NothingAskedFor:
    """There is no backup of files, and nobody has asked for one."""

    state: ClassVar[State] = OK
    action: ClassVar[Action] = Action.BACK_UP_FILES


@dataclass(frozen=True)
class NeverBackedUp:
    """The database, or a source that a schedule names, has no good backup."""

    tier: str
    source: str = ""  # a folder of files; "" for the database
    state: ClassVar[State] = ALARM

    @property
    def action(self) -> Action:
        return _back_up(self.tier)


@dataclass(frozen=True)
class FirstBackupAwaited:
    """The database, or a source that a schedule names, has no backup yet, and its schedule is not late with it."""

    tier: str
    source: str = ""  # a folder of files; "" for the database
    state: ClassVar[State] = LOOK

    @property
    def action(self) -> Action:
        return _back_up(self.tier)


@dataclass(frozen=True)
class NotBackedUpSince:
    """The last good backup is older than its schedule allows."""

    tier: str
    began: datetime  # the last good one
    source: str = ""  # a folder of files; "" for the database
    state: ClassVar[State] = ALARM

    @property
    def action(self) -> Action:
        return _back_up(self.tier)


@dataclass(frozen=True)
class NoneUsable:
    """There are backups of the database, or of a source, and none of them can be restored."""

    tier: str
    source: str = ""  # a folder of files; "" for the database
    state: ClassVar[State] = ALARM

    @property
    def action(self) -> Action:
        return _back_up(self.tier)


@dataclass(frozen=True)
class TimeAhead:
    """The newest backup is of a time that lies in the future: a clock was wrong."""

    tier: str
    name: str
    made: datetime
    source: str = ""  # a folder of files; "" for the database
    state: ClassVar[State] = ALARM

    @property
    def action(self) -> Action:
        return _back_up(self.tier)


@dataclass(frozen=True)
class DatabaseUnscheduled:
    """No schedule backs up the database."""

    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.MAKE_SCHEDULE


@dataclass(frozen=True)
class SourceUnscheduled:
    """No schedule backs up files that have an old backup."""

    source: str
    began: datetime  # the last good backup
    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.MAKE_SCHEDULE


@dataclass(frozen=True)
class RowsDrifted:
    """Rows had changed without a backup noticing."""

    rows: int
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class BackupDamaged:
    """A backup that is needed cannot be restored as it is."""

    tier: str
    name: str
    why: str  # a sentence
    others: int  # that build on it
    pinned: bool
    source: str = ""  # which is to be backed up to mend it; "" where nobody has scheduled that
    state: ClassVar[State] = DAMAGED

    @property
    def action(self) -> Action:
        return Action.UNPIN if self.pinned else _back_up(self.tier)


@dataclass(frozen=True)
class MoreBackupsDamaged:
    """So many beside those that have a finding of their own."""

    tier: str
    backups: int
    state: ClassVar[State] = DAMAGED
    action: ClassVar[None] = None


@dataclass(frozen=True)
class ManifestsUnusable:
    """Manifests are not what was signed: whatever they named, it is no backup any more."""

    tier: str
    manifests: int
    why: str  # a sentence about the first
    state: ClassVar[State] = DAMAGED
    action: ClassVar[Action] = Action.VERIFY


@dataclass(frozen=True)
class OldBackupsDamaged:
    """Backups that nothing needs any more are damaged."""

    tier: str
    backups: int
    until: datetime  # when the newest of them was made
    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.PRUNE


# Of the drill


@dataclass(frozen=True)
class NeverDrilled:
    """No restore was tried yet."""

    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.TRY_RESTORE


@dataclass(frozen=True)
class NothingToTry:
    """No restore was tried yet, and there is no backup to try one with."""

    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class NotDrilledSince:
    """The last restore that was tried is long ago."""

    at: datetime
    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.TRY_RESTORE


@dataclass(frozen=True)
class DrillFailed:
    """What was restored for trial is not what was backed up."""

    at: datetime
    why: str  # a sentence about the first difference of the tier
    differences: int  # of both tiers
    state: ClassVar[State] = ALARM
    action: ClassVar[Action] = Action.TRY_RESTORE


# Of the storage


@dataclass(frozen=True)
class NeverChecked:
    """Nobody has looked at the storage yet."""

    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.CHECK_STORAGE


@dataclass(frozen=True)
class StorageUnread:
    """The storage could not be read."""

    why: str  # a sentence
    state: ClassVar[State] = ALARM
    action: ClassVar[Action] = Action.CHECK_STORAGE


@dataclass(frozen=True)
class UploadsUnfinished:
    """Uploads in parts that nobody will finish."""

    uploads: int
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


# Of trees


@dataclass(frozen=True)
class TreesDamaged:
    """Trees are not what their manifests say, and no other copy is at hand."""

    trees: int
    first: str  # the prefix of the one that was found last
    why: str  # a sentence about it
    state: ClassVar[State] = DAMAGED
    action: ClassVar[Action] = Action.VERIFY


@dataclass(frozen=True)
class TreesUnread:
    """Trees were read once, and not for some days."""

    at: datetime
    state: ClassVar[State] = LOOK
    action: ClassVar[Action] = Action.VERIFY


# Of the recovery kit


@dataclass(frozen=True)
class KitNeverPrinted:
    """Nobody has printed what must be kept elsewhere."""

    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class KitOutdated:
    """What was printed does not hold the settings of today."""

    printed_at: datetime
    changed: tuple[str, ...]  # names of settings
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class KitUntried:
    """No restore was tried with nothing but the kit that was printed."""

    printed_at: datetime
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


TierFinding = (
    NothingAskedFor | NeverBackedUp | FirstBackupAwaited | NotBackedUpSince | NoneUsable | TimeAhead
    | DatabaseUnscheduled | SourceUnscheduled | RowsDrifted | BackupDamaged | MoreBackupsDamaged | ManifestsUnusable
    | OldBackupsDamaged
)  # fmt: skip
DrillFinding = NeverDrilled | NothingToTry | NotDrilledSince | DrillFailed
StorageFinding = NeverChecked | StorageUnread | UploadsUnfinished | BucketFinding
KitFinding = KitNeverPrinted | KitOutdated | KitUntried
TreeFinding = TreesDamaged | TreesUnread
Finding = TierFinding | DrillFinding | StorageFinding | TreeFinding | KitFinding | SecondFinding
# Those of the states alarm and damaged.
Urgent = (
    NeverBackedUp | NotBackedUpSince | NoneUsable | TimeAhead | BackupDamaged | MoreBackupsDamaged | ManifestsUnusable
    | DrillFailed | StorageUnread | TreesDamaged | SecondUrgent
)  # fmt: skip

"""What can be found out about the backups: each kind of finding is a type, with its values. `wording` has the words.

What ends a finding is an action; how bad it is, a state:

ok        what should have happened has happened
look      something could be better: nothing is lost
alarm     a backup is too old, or the first one did not come; a drill did not pass
damaged   a backup that is needed cannot be restored as it is
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal

from backups.repository.manifests import DATABASE

State = Literal["ok", "look", "alarm", "damaged"]
STATES: tuple[State, State, State, State] = ("ok", "look", "alarm", "damaged")  # from good to bad
OK, LOOK, ALARM, DAMAGED = STATES


class Action(StrEnum):
    """What ends a finding. What somebody can begin in the desk has the value by which the desk knows it."""

    BACK_UP_DATABASE = "database"
    BACK_UP_FILES = "files"
    CHECK_STORAGE = "look"
    MAKE_SCHEDULE = "schedule"
    PRUNE = "prune"
    TRY_RESTORE = "drill"
    UNPIN = "unpin"
    VERIFY = "verify"


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


# Of the bucket audit: these are kept in the row of the look.


@dataclass(frozen=True)
class OnDiskOfDatabase:
    """The backups lie in a folder on the disk of the database."""

    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class VersioningOff:
    """The bucket keeps nothing of what is deleted."""

    bucket: str
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class PublicAccessOpen:
    """The bucket does not block public access."""

    bucket: str
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class RuleDeletesBackups:
    """A lifecycle rule removes objects of the backups."""

    rule: str  # its ID; "" where it has none
    prefix: str  # of the keys that it removes
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class BucketElsewhere:
    """The store sends us on: the bucket is in another region, or at another address."""

    endpoint: str  # where to, "" where it does not tell
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class HostWanted:
    """The store takes no requests for `https://store/bucket/…`, but for `https://bucket.store/…`."""

    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class QuestionForbidden:
    """Our key may not ask the bucket this."""

    question: str  # the name of the call in boto3, as of the next two
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class QuestionRefused:
    """The store answered with an error that says nothing about the bucket."""

    question: str
    error: str  # a code, where it has one
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


@dataclass(frozen=True)
class QuestionUnanswered:
    """No answer came."""

    question: str
    why: str
    state: ClassVar[State] = LOOK
    action: ClassVar[None] = None


TierFinding = (
    NothingAskedFor | NeverBackedUp | FirstBackupAwaited | NotBackedUpSince | NoneUsable | TimeAhead
    | DatabaseUnscheduled | SourceUnscheduled | RowsDrifted | BackupDamaged | MoreBackupsDamaged | ManifestsUnusable
    | OldBackupsDamaged
)  # fmt: skip
DrillFinding = NeverDrilled | NothingToTry | NotDrilledSince | DrillFailed
BucketFinding = (
    OnDiskOfDatabase | VersioningOff | PublicAccessOpen | RuleDeletesBackups | BucketElsewhere | HostWanted
    | QuestionForbidden | QuestionRefused | QuestionUnanswered
)  # fmt: skip
StorageFinding = NeverChecked | StorageUnread | UploadsUnfinished | BucketFinding
Finding = TierFinding | DrillFinding | StorageFinding
# Those of the states alarm and damaged.
Urgent = (
    NeverBackedUp | NotBackedUpSince | NoneUsable | TimeAhead | BackupDamaged | MoreBackupsDamaged | ManifestsUnusable
    | DrillFailed | StorageUnread
)  # fmt: skip

# By the code that the row of a look holds.
CODES: dict[str, type[BucketFinding]] = {
    "on_disk_of_database": OnDiskOfDatabase,
    "versioning_off": VersioningOff,
    "public_access_open": PublicAccessOpen,
    "rule_deletes_backups": RuleDeletesBackups,
    "bucket_elsewhere": BucketElsewhere,
    "host_wanted": HostWanted,
    "question_forbidden": QuestionForbidden,
    "question_refused": QuestionRefused,
    "question_unanswered": QuestionUnanswered,
}


def to_json(finding: BucketFinding) -> dict[str, str]:
    """Its code and its values, as `Look.findings` holds them."""
    [code] = [code for code, kind in CODES.items() if isinstance(finding, kind)]
    return {"code": code, **asdict(finding)}


def from_json(kept: object) -> BucketFinding | None:
    """None for what another version has kept, in a code of its own: the next look keeps what is so then."""
    if not isinstance(kept, Mapping):
        return None
    code, values = str(kept.get("code")), {name: value for name, value in kept.items() if name != "code"}
    try:
        return CODES[code](**values)
    except (KeyError, TypeError):
        return None

"""What can be found out about the place of the backups itself. These are kept in the row of the look, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

from backups.health.states import LOOK, State


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


BucketFinding = (
    OnDiskOfDatabase | VersioningOff | PublicAccessOpen | RuleDeletesBackups | BucketElsewhere | HostWanted
    | QuestionForbidden | QuestionRefused | QuestionUnanswered
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

"""The second storage in words. Whatever is said of it names it: nobody shall look at the first."""

from __future__ import annotations

from datetime import UTC, datetime

from backups.health.second.findings import (
    CopyFailed,
    NeverCopied,
    NotCopied,
    SecondBehind,
    SecondDamaged,
    SecondDrillFailed,
    SecondFinding,
    SecondUnverified,
)
from backups.health.tree_care import TREES

COPY = "copy_backups"


def said(finding: SecondFinding) -> tuple[str, str, str]:
    """What is so, what to do about it, and the command that ends it."""
    match finding:
        case NeverCopied():
            return "Nothing was copied to the second storage yet.", "", COPY
        case CopyFailed(tier, why):
            return f"The last copy of the {tier} to the second storage ended early. {why}", "", COPY
        case SecondBehind(tier, number, since):
            what = f"{_counted(tier, number)}{'' if tier == TREES else f' of the {tier}'}"
            return f"The second storage lacks {what}, since {_at(since)}.", "", f"{COPY} --tier {tier}"
        case NotCopied(tier, number, why):
            are = f"{'tree' if tier == TREES else 'backup'}{' is' if number == 1 else 's are'}"
            return f"{number:,} {are} not in the second storage: {why}", "What is damaged is not copied.", ""
        case SecondDamaged(tier, number, name, why):
            more = f" {number - 1:,} more are damaged there." if number > 1 else ""
            sentence = f"In the second storage the backup {name} is damaged: {why}{more}"
            return sentence, "The next copy sends it anew.", f"{COPY} --tier {tier}"
        case SecondUnverified(tier, seen):
            since_then = f"since {_at(seen)}" if seen else "yet"
            sentence = f"The backups of the {tier} in the second storage were not verified {since_then}."
            return sentence, "", f"verify_backups --tier {tier} --storage second"
        case SecondDrillFailed(at, why):
            sentence = f"The drill of {_at(at)} with the second storage did not pass: {why}"
            return sentence, "", "backup_drill --storage second"


def _counted(tier: str, number: int) -> str:
    thing = "the files of an article" if tier == TREES else "a backup"
    return thing if number == 1 else f"{number:,} {'trees of articles' if tier == TREES else 'backups'}"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

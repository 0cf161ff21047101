"""How the backups do, in the words of a mail. Nothing is asked here: all is in the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from articles.formats import clock, count, written
from backups.clocks import READER
from backups.health import wording
from backups.health.findings import (
    BackupDamaged,
    DrillFailed,
    ManifestsUnusable,
    MoreBackupsDamaged,
    NeverBackedUp,
    NoneUsable,
    NotBackedUpSince,
    StorageUnread,
    TimeAhead,
    TreesDamaged,
    Urgent,
)
from backups.health.report import DRILL, STORAGE, Part, Report
from backups.health.second.findings import CopyFailed, SecondBehind, SecondDamaged, SecondDrillFailed
from backups.health.states import ALARM, DAMAGED, LOOK, Action, State
from backups.health.tree_care import TREES
from backups.repository.manifests import DATABASE, FILES
from backups.storage.port import SECOND

FIRST = [STORAGE, DATABASE.name, FILES.name, TREES, DRILL, SECOND]  # what stands behind the others comes before them
MOST = 5  # more sentences than the first


@dataclass(frozen=True)
class News:
    """The phrases end without a full stop, unless they are `others`."""

    state: State
    headline: str
    reason: str
    next: str
    safe: str
    others: list[str]

    @property
    def subject(self) -> str:
        return f"Backups: {self.state} – {self.headline}" if self.is_bad else "Backups: all is well again"

    @property
    def is_bad(self) -> bool:
        return self.state in (ALARM, DAMAGED)


def news(report: Report) -> News:
    """`report` is one with all of its parts."""
    parts = {part.name: part for part in report.parts}
    safe = _safe(parts[DATABASE.name], parts[STORAGE], report.at)
    if not report.needs_somebody:
        return _well(report, safe)
    worst = next(each for name in FIRST if name in parts for each in _urgent(parts[name]) if each.state == report.state)
    others = [_sentence(each) for part in report.parts for each in _urgent(part) if each is not worst]
    if len(others) > MOST:
        others[MOST:] = [f"And {count(len(others) - MOST, 'more problem')}."]
    headline = _headline(worst)
    says_why = worst.state == DAMAGED or isinstance(worst, StorageUnread)
    reason = wording.words(worst).text.removesuffix(".") if says_why else headline
    return News(report.state, headline, reason, _next(worst), safe, others)


def _well(report: Report, safe: str) -> News:
    better = sum(len(part.findings) for part in report.parts if part.state == LOOK)
    reason = f"nothing is wrong, and {count(better, 'thing')} could be better" if better else "all is as it should be"
    return News(report.state, reason, reason, "nothing has to be done", safe, [])


def _urgent(part: Part) -> list[Urgent]:
    return [finding for finding in part.findings if isinstance(finding, Urgent)]


def _headline(finding: Urgent) -> str:
    match finding:
        case BackupDamaged(tier) | MoreBackupsDamaged(tier) | ManifestsUnusable(tier):
            return f"a backup of the {tier} cannot be restored"
        case NeverBackedUp(tier, source):
            return f"{source or f'the {tier}'} was never backed up"
        case NotBackedUpSince(tier, began, source):
            return f"{source or f'the {tier}'} was not backed up since {when(began)}"
        case NoneUsable(tier, source):
            return f"no backup of {source or f'the {tier}'} can be restored"
        case TimeAhead(tier):
            return f"the newest backup of the {tier} is of a time that has not come yet"
        case DrillFailed(differences=number):
            return f"a restore that was tried did not pass, with {count(number, 'difference')}"
        case TreesDamaged(number):
            return f"the files of {count(number, 'article')} are damaged"
        case StorageUnread():
            return "the storage could not be read"
        case CopyFailed(tier):
            return f"the {tier} could not be copied to the second storage"
        case SecondBehind(tier, number):
            return f"the second storage lacks {count(number, 'backup')} of the {tier}"
        case SecondDamaged(tier):
            return f"a backup of the {tier} in the second storage is damaged"
        case SecondDrillFailed():
            return "a restore that was tried with the second storage did not pass"


def _sentence(finding: Urgent) -> str:
    """A drill names what it compared, such as files: that is for the page, behind a login."""
    if isinstance(finding, DrillFailed | SecondDrillFailed):
        headline = _headline(finding)
        return f"{headline[:1].upper()}{headline[1:]}."
    return wording.words(finding).text


def _next(worst: Urgent) -> str:
    """What ends it: in the desk, by a command of the operator's, or either."""
    command = wording.words(worst).command
    ways = [_in_the_desk(worst.action), f"have the operator run manage.py {command}" if command else ""]
    return ", or ".join(filter(None, ways)) or "see what the page of the backups says"


def _in_the_desk(action: Action | None) -> str:
    if action is Action.UNPIN:
        return "unpin it, if nobody needs it"
    return f"press “{wording.BUTTONS[action]}”" if action in wording.BUTTONS else ""


def _safe(database: Part, storage: Part, at: datetime) -> str:
    desk = "the desk and all that is in it"
    if storage.state == ALARM:
        return f"{desk}; as long as the storage does not answer, nobody knows what a backup would bring back"
    if database.age is None:
        return f"{desk}; there is no backup that would bring the database back"
    moment = at - timedelta(seconds=database.age)
    return f"{desk}; were the database lost, a backup would bring it back as of {when(moment)}"


def when(moment: datetime) -> str:
    """`10:00` today, `Friday 10:00` within a week, `20 Nov, 10:00` before."""
    local = READER.local(moment)
    days = (READER.today() - local.date()).days
    return written(moment, "l H:i") if 0 < days < 7 else clock(moment)

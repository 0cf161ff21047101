"""How the backups do, in the words of a mail. Nothing is asked here: all is in the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import formats, timezone

from articles.formats import clock, count
from backups.health.report import ALARM, DAMAGED, LOOK, Part, Report, Said
from backups.repository.manifests import DATABASE, FILES

STORAGE, DRILL = "storage", "drill"
FIRST = [STORAGE, DATABASE.name, FILES.name, DRILL]  # what stands behind the others comes before them
BUTTONS = {DATABASE.name: "Back up now", DRILL: "Try a restore now", STORAGE: "Look now"}
MOST = 5  # more sentences than the first


@dataclass(frozen=True)
class Told:
    """The phrases end without a full stop, unless they are `others`."""

    state: str  # ok, look, alarm or damaged
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


def told(report: Report) -> Told:
    parts = {part.name: part for part in report.parts}
    safe = _safe(parts[DATABASE.name], report)
    if not report.needs_somebody:
        better = sum(len(part.said) for part in report.parts if part.state == LOOK)
        reason = "all is as it should be"
        if better:
            reason = f"nothing is wrong, and {count(better, 'thing')} could be better"
        return Told(report.state, reason, reason, "nothing has to be done", safe, [])
    bad = [(part, said) for name in FIRST for part in [parts[name]] for said in part.said if said.state == report.state]
    part, worst = bad[0]
    others = [
        _sentence(each, said)
        for each in report.parts
        for said in each.said
        if said.state in (ALARM, DAMAGED) and said is not worst
    ]
    if len(others) > MOST:
        others[MOST:] = [f"And {count(len(others) - MOST, 'more problem')}."]
    headline = _headline(part, worst)
    reason = worst.sentence.removesuffix(".") if part.state == DAMAGED or part.name == STORAGE else headline
    return Told(report.state, headline, reason, _next(part, worst), safe, others)


def _headline(part: Part, said: Said) -> str:
    thing = said.source or f"the {part.name}"
    if said.state == DAMAGED:
        return f"a backup of the {part.name} cannot be restored"
    if part.name == DRILL:
        return f"a restore that was tried did not pass, with {count(part.facts['differences'], 'difference')}"
    if part.name == STORAGE:
        return "the storage could not be read"
    return f"{thing} was not backed up since {when(said.since)}" if said.since else f"{thing} was never backed up"


def _sentence(part: Part, said: Said) -> str:
    """A drill names what it compared, such as files: that is for the page, behind a login."""
    headline = _headline(part, said)
    return f"{headline[:1].upper()}{headline[1:]}." if part.name == DRILL else said.sentence


def _next(part: Part, worst: Said) -> str:
    """What ends it: a button of the page, a command of the operator's, or both."""
    command = f"have the operator run manage.py {worst.ends}" if worst.ends else ""
    if worst.ends.startswith("prune_backups"):
        return f"unpin it, if nobody needs it, or {command}"
    has_button = part.name in BUTTONS and worst.ends.startswith("backup_")
    button = f"press “{BUTTONS[part.name]}”" if has_button else ""
    return ", or ".join(filter(None, [button, command])) or "see what the page of the backups says"


def _safe(database: Part, report: Report) -> str:
    desk = "the desk and all that is in it"
    if any(part.name == STORAGE and part.state == ALARM for part in report.parts):
        return f"{desk}; as long as the storage does not answer, nobody knows what a backup would bring back"
    if database.age is None:
        return f"{desk}; there is no backup that would bring the database back"
    moment = report.at - timedelta(seconds=database.age)
    return f"{desk}; were the database lost, a backup would bring it back as of {when(moment)}"


def when(moment: datetime) -> str:
    """`10:00` today, `Friday 10:00` within a week, `20 Nov, 10:00` before."""
    local = timezone.localtime(moment)
    days = (timezone.localdate() - local.date()).days
    return formats.date_format(local, "l H:i") if 0 < days < 7 else clock(moment)

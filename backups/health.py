"""How the backups do: for people, monitors and mail. Damage outranks everything; a backup that did not run is an alarm.

ok        what should have happened has happened
look      something could be better: nothing is lost
alarm     a backup is too old, or there is none; a drill did not pass
damaged   a backup that is needed cannot be restored as it is
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django_q.models import Schedule

from backups import models
from backups.database import SOURCE
from backups.manifests import DATABASE, FILES, TIERS
from backups.models import Drill, Generation, Look, Verification

OK, LOOK, ALARM, DAMAGED = STATES = ("ok", "look", "alarm", "damaged")
LATE = 3  # periods of its schedule, after which a backup is missing
DRILLED = timedelta(days=8)
UNSCHEDULED = timedelta(days=1)
PERIODS = {
    Schedule.HOURLY: timedelta(hours=1),
    Schedule.DAILY: timedelta(days=1),
    Schedule.WEEKLY: timedelta(days=7),
    Schedule.BIWEEKLY: timedelta(days=14),
    Schedule.MONTHLY: timedelta(days=31),
}
RUN_BY_HAND = {DATABASE.name: "backup_database", FILES.name: "backup_files SOURCE"}
DRILL = "backup_drill"
NO_SCHEDULE = "No schedule backs it up."
RUNS = {DATABASE.name: "backups.tasks.backup_database", FILES.name: "backups.tasks.backup_files"}


@dataclass
class Part:
    """One line of the report: a state, and the sentences that are the reason for it."""

    name: str
    state: str = OK
    age: int | None = None  # seconds since the last good backup, or drill
    facts: dict[str, Any] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)  # by a sentence, the command that ends what it says

    def says(self, state: str, sentence: str, ends: str = "") -> None:
        self.state = max(self.state, state, key=STATES.index)
        self.sentences.append(sentence)
        if ends:
            self.ends[sentence] = ends

    def __str__(self) -> str:
        told = ", ".join(f"{value:,} {name}" for name, value in self.facts.items())
        told = f"{timedelta(seconds=self.age)} h ago, {told}" if self.age is not None else told
        lines = [f"{self.name:<9} {self.state:<8} {told}"]
        for sentence in self.sentences:
            lines.append(f"    {sentence}")
            if sentence in self.ends:
                lines.append(f"        manage.py {self.ends[sentence]}")
        return "\n".join(lines)


@dataclass
class Report:
    at: datetime
    parts: list[Part]

    @property
    def state(self) -> str:
        return max((part.state for part in self.parts), key=STATES.index)

    def summary(self) -> dict[str, Any]:
        parts = {
            part.name: {"state": part.state, "age": part.age, **part.facts, "sentences": part.sentences}
            for part in self.parts
        }
        return {"state": self.state, "at": self.at.isoformat(), **parts}


def known(now: datetime) -> Report:
    """What the rows say: cheap, and as fresh as the last backup or verification that told them."""
    return Report(now, [*(_tier(tier, now) for tier in TIERS), _drills(now)])


def asked(now: datetime, look: Look | None) -> Report:
    """The same with what the last look at the storage saw."""
    report = known(now)
    bucket = Part("storage")
    report.parts.append(bucket)
    if look is None:
        bucket.says(LOOK, "Nobody has looked at the storage yet.", "backup_status")
        return report
    tier = next(part for part in report.parts if part.name == DATABASE.name)
    newest = last_good(DATABASE.name)
    if look.pending is not None and newest and look.at >= newest.made:
        tier.facts["rows not yet backed up"] = look.pending
    if look.unread:
        bucket.says(ALARM, look.unread, "backup_status")
    bucket.facts["unfinished uploads"] = look.unfinished
    for finding in look.findings:
        bucket.says(LOOK, finding)
    if look.unfinished:
        bucket.says(
            LOOK, f"{look.unfinished:,} uploads were never finished, and cost money. A lifecycle rule ends them."
        )
    return report


def last_good(tier: str) -> Generation | None:
    """The newest backup of the tier that is not known to be damaged; of the database, none from before a restore."""
    rows = Generation.objects.filter(tier=tier, damage=[])
    if tier == DATABASE.name:
        rows = rows.filter(about__source=SOURCE)
    return rows.first()


def _tier(tier: str, now: datetime) -> Part:
    part, newest = Part(tier), last_good(tier)
    period = _period(tier)
    part.age = int((now - newest.began).total_seconds()) if newest else None
    if newest is None:
        part.says(ALARM if period or tier == DATABASE.name else OK, "There is no backup yet.", RUN_BY_HAND[tier])
    else:
        things = "rows" if tier == DATABASE.name else "files"
        part.facts[things] = newest.counts.get(things, 0)
        if earlier := newest.counts.get("earlier"):
            part.facts["as they were before"] = earlier
        if period and now - newest.began > LATE * period:
            late = f"The last good backup is of {newest.began:%Y-%m-%d %H:%M} UTC: it did not run since."
            part.says(ALARM, late, RUN_BY_HAND[tier])
        if not period and (tier == DATABASE.name or now - newest.began > UNSCHEDULED):
            part.says(LOOK, NO_SCHEDULE)
        if drifted := newest.counts.get("drifted_rows"):
            part.facts["drifted"] = drifted
            part.says(LOOK, f"{drifted:,} rows had changed without a backup noticing, until the last full one.")
        part.facts["% of objects read in 30 days"] = round(100 * models.share_read(tier, now))
    for sentence in _damage(tier):
        part.says(DAMAGED, sentence, RUN_BY_HAND[tier])
    quick = Verification.objects.filter(tier=tier).first()
    if quick is not None:
        part.facts["orphans"] = quick.orphans
    return part


def _damage(tier: str) -> Iterator[str]:
    """Sentences about damaged backups that are needed: those of a source's newest chain, and how many others."""
    hurt = list(Generation.objects.filter(tier=tier).exclude(damage=[]))
    for row in hurt[:3]:
        yield f"The backup {row.name} is damaged: {row.damage[0]}"
    if len(hurt) > 3:
        yield f"{len(hurt) - 3:,} more backups are damaged."


def _drills(now: datetime) -> Part:
    part = Part("drill")
    newest = Drill.objects.first()
    if newest is None:
        part.says(LOOK, "No restore was tried yet.", DRILL)
        return part
    rows = Drill.objects.filter(at=newest.at)
    part.age = int((now - newest.at).total_seconds())
    part.facts["seconds for it"] = round(sum(row.seconds for row in rows))
    part.facts["rows and files"] = sum(row.things for row in rows)
    part.facts["differences"] = sum(len(row.differences) for row in rows)
    for row in rows:
        if row.differences:
            part.says(ALARM, f"The drill of {newest.at:%Y-%m-%d %H:%M} UTC did not pass: {row.differences[0]}", DRILL)
    if now - newest.at > DRILLED:
        part.says(LOOK, f"No restore was tried since {newest.at:%Y-%m-%d %H:%M} UTC.", DRILL)
    return part


def _period(tier: str) -> timedelta | None:
    """How often the schedules run the backup of a tier; None when none does."""
    schedules = Schedule.objects.filter(func=RUNS[tier]).exclude(repeats=0)
    periods = [
        timedelta(minutes=schedule.minutes or 1) if schedule.schedule_type == Schedule.MINUTES else period
        for schedule in schedules
        if (period := PERIODS.get(schedule.schedule_type, UNSCHEDULED))
    ]
    return min(periods, default=None)

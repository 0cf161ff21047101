"""How the backups do: for people, monitors and mail. Damage outranks everything; a backup that did not run is an alarm.

ok        what should have happened has happened
look      something could be better: nothing is lost
alarm     a backup is too old, or the first one did not come; a drill did not pass
damaged   a backup that is needed cannot be restored as it is
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import Any

from django.db.models import F, Window
from django.db.models.fields.json import KT
from django.db.models.functions import RowNumber

from backups import catalogue
from backups.database.backup import SOURCE
from backups.health import intervals
from backups.health.damage import Harm, Root, harm
from backups.models import Awaited, Drill, Generation, Look, Verification
from backups.repository.manifests import DATABASE, FILES, TIERS

OK, LOOK, ALARM, DAMAGED = STATES = ("ok", "look", "alarm", "damaged")
LATE = 3  # periods of its schedule, after which a backup is missing
DRILLED = timedelta(days=8)
UNSCHEDULED = timedelta(days=1)
DRILL = "backup_drill"
NO_SCHEDULE = "No schedule backs"
RUNS = {DATABASE.name: "backups.tasks.backup_database", FILES.name: "backups.tasks.backup_files"}


@dataclass(frozen=True)
class Said:
    """A sentence that is a reason for a state; `ends` is the command that ends what it says, if there is one."""

    state: str
    sentence: str
    ends: str = ""
    source: str = ""  # of a folder of files
    since: datetime | None = None  # for a backup that did not run: of when the last good one is


@dataclass
class Part:
    """One line of the report: a state, and the sentences that are the reason for it."""

    name: str
    state: str = OK
    age: int | None = None  # seconds since the last good backup, or drill
    made: datetime | None = None  # when the last good backup was complete
    facts: dict[str, Any] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        return [each.sentence for each in self.said]

    @property
    def worst(self) -> Said | None:
        """The first that the state comes from."""
        return next((each for each in self.said if each.state == self.state), None)

    def says(self, state: str, sentence: str, ends: str = "", **about: Any) -> None:
        self.state = max(self.state, state, key=STATES.index)
        self.said.append(Said(state, sentence, ends, **about))

    def __str__(self) -> str:
        told = ", ".join(f"{value:,} {name}" for name, value in self.facts.items())
        told = f"{timedelta(seconds=self.age)} h ago, {told}" if self.age is not None else told
        lines = [f"{self.name:<9} {self.state:<8} {told}"]
        for each in self.said:
            lines.append(f"    {each.sentence}")
            if each.ends:
                lines.append(f"        manage.py {each.ends}")
        return "\n".join(lines)


@dataclass
class Report:
    at: datetime
    parts: list[Part]

    @property
    def state(self) -> str:
        return max((part.state for part in self.parts), key=STATES.index)

    @property
    def needs_somebody(self) -> bool:
        """Whether it is bad enough to wake people."""
        return self.state in (ALARM, DAMAGED)

    def summary(self) -> dict[str, Any]:
        parts = {
            part.name: {"state": part.state, "age": part.age, **part.facts, "sentences": part.sentences}
            for part in self.parts
        }
        return {"state": self.state, "at": self.at.isoformat(), **parts}


def known(now: datetime) -> Report:
    """What the rows say: cheap, and as fresh as the last backup or verification that told them."""
    tiers = [_tier(tier, now) for tier in TIERS]
    return Report(now, [*tiers, _drills(now, there_is_one=any(part.made for part in tiers))])


def asked(now: datetime, look: Look | None) -> Report:
    """The same with what the last look at the storage saw."""
    report = known(now)
    bucket = Part("storage")
    report.parts.append(bucket)
    if look is None:
        bucket.says(LOOK, "Nobody has looked at the storage yet.", "backup_status")
        return report
    tier = next(part for part in report.parts if part.name == DATABASE.name)
    if look.pending is not None and tier.made and look.at >= tier.made:
        tier.facts["rows not yet backed up"] = look.pending
    if look.unread:
        bucket.says(ALARM, look.unread, "backup_status")
    if look.unfinished is not None:
        bucket.facts["unfinished uploads"] = look.unfinished
    for finding in look.findings:
        bucket.says(LOOK, finding)
    if look.unfinished:
        bucket.says(
            LOOK, f"{look.unfinished:,} uploads were never finished, and cost money. A lifecycle rule ends them."
        )
    return report


def remembered(now: datetime) -> Report:
    """All that is known without asking the storage: what the rows say, and what the last look saw."""
    return asked(now, Look.objects.first())


def note_sources(now: datetime) -> None:
    """Remember since when each source has a schedule, and forget those that have none any more."""
    for tier in TIERS:
        scheduled, rows = _periods(tier), Awaited.objects.filter(tier=tier)
        rows.exclude(source__in=scheduled).delete()
        new = scheduled.keys() - set(rows.values_list("source", flat=True))
        Awaited.objects.bulk_create(Awaited(tier=tier, source=source, since=now) for source in sorted(new))


def last_good() -> Generation | None:
    """The newest backup of the database that can be restored; none from before a restore."""
    return _newest(DATABASE.name, harm(DATABASE.name, (), datetime.now(UTC))).get(SOURCE)


def _newest(tier: str, hurt: Harm) -> dict[str, Generation]:
    """The newest backup of each source that can be restored (one query)."""
    place = Window(RowNumber(), partition_by="source", order_by=[F("made").desc(), F("name").desc()])
    rows = Generation.objects.filter(tier=tier).exclude(name__in=hurt.broken).annotate(source=KT("about__source"))
    found = rows.annotate(place=place).filter(place=1).order_by("source")
    return {str(row.about.get("source", "")): row for row in found}


def _tier(tier: str, now: datetime) -> Part:
    """Each source by itself: a late one does not hide behind another."""
    part, every = Part(tier), _periods(tier)
    hurt = harm(tier, every, now)
    newest = _newest(tier, hurt)
    if tier == DATABASE.name:
        newest = {SOURCE: newest[SOURCE]} if SOURCE in newest else {}
        every.setdefault(SOURCE, None)
    elif not (newest or every or hurt.broken):
        part.says(OK, "There is no backup yet.", _by_hand(tier))
    awaited = Awaited.objects.filter(tier=tier, source__in=every.keys() - newest.keys()).order_by("-since")
    since = dict(awaited.values_list("source", "since"))
    for source in sorted({*every, *newest}):
        if source in newest:
            _judge(part, source, newest[source], every.get(source), now)
        else:
            _judge_first(part, source, since.get(source, now), every[source], now)
    _count(part, newest, now)
    part.age = _age(newest, every, now)
    part.made = max((each.made for each in newest.values()), default=None)
    if damaged := len(hurt.needed) + len(hurt.old):
        part.facts["damaged"] = damaged
    for root in hurt.needed[:3]:
        _damaged(part, root, every)
    if len(hurt.needed) > 3:
        part.says(DAMAGED, f"{len(hurt.needed) - 3:,} more backups are damaged.")
    quick = Verification.objects.filter(tier=tier, kind=Verification.Kind.QUICK).first()
    if quick is not None:  # a deep one counts no orphans
        part.facts["orphans"] = quick.orphans
        _unread(part, quick.unusable)
    if hurt.old:
        many = len(hurt.old) > 1
        part.says(
            LOOK,
            f"{len(hurt.old):,} old {'backups are' if many else 'backup is'} damaged: not every day up to "
            f"{_at(hurt.old[0].made)} can be restored. Nothing newer needs {'them' if many else 'it'}, and "
            f"{'they go' if many else 'it goes'} when old enough.",
            f"prune_backups --tier {tier} --apply",
        )
    return part


def _age(newest: dict[str, Generation], every: Mapping[str, timedelta | None], now: datetime) -> int | None:
    """Of the one that is behind all others, among those that a schedule backs up; else of the last one."""
    ages = {source: int((now - each.began).total_seconds()) for source, each in newest.items()}
    scheduled = [age for source, age in ages.items() if every.get(source)]
    return max(scheduled) if scheduled else min(ages.values(), default=None)


def _judge_first(part: Part, source: str, since: datetime, period: timedelta | None, now: datetime) -> None:
    """Of a source without any good backup: its schedule may take as long for the first as for every other."""
    database = part.name == DATABASE.name
    sentence = f"There is no backup{'' if database else f' of {source}'} yet."
    run = _by_hand(part.name, source)
    if period and now - since <= LATE * period:
        part.says(LOOK, f"{sentence} Its schedule makes the first one.", run)
    else:
        part.says(ALARM, sentence, run, source="" if database else source)


def _judge(part: Part, source: str, newest: Generation, period: timedelta | None, now: datetime) -> None:
    """The last good backup of a source against its schedule. One that has lost its schedule is no alarm for ever."""
    database = part.name == DATABASE.name
    of_it = "" if database else f" of {source}"
    run = _by_hand(part.name, source)
    passed = now - newest.began
    if period and passed > LATE * period:
        sentence = f"The last good backup{of_it} is of {_at(newest.began)}: it did not run since."
        part.says(ALARM, sentence, run, source="" if database else source, since=newest.began)
    elif not period and database:
        part.says(LOOK, f"{NO_SCHEDULE} it up.")
    elif not period and passed > UNSCHEDULED:
        part.says(LOOK, f"{NO_SCHEDULE} up {source}, of which the last good backup is of {_at(newest.began)}.")


def _count(part: Part, newest: dict[str, Generation], now: datetime) -> None:
    """The numbers of a tier: of the newest backup of each source together."""
    if not newest:
        return
    counts = Counter[str]()
    for each in newest.values():
        counts.update({name: each.counts.get(name, 0) for name in ("rows", "files", "earlier", "drifted_rows")})
    things = "rows" if part.name == DATABASE.name else "files"
    part.facts[things] = counts[things]
    if counts["earlier"]:
        part.facts["as they were before"] = counts["earlier"]
    if drifted := counts["drifted_rows"]:
        part.facts["drifted"] = drifted
        rows = "1 row" if drifted == 1 else f"{drifted:,} rows"
        part.says(LOOK, f"{rows} had changed without a backup noticing, until the last full one.")
    part.facts["% of objects read in 30 days"] = round(100 * catalogue.share_read(part.name, now))


def _damaged(part: Part, root: Root, every: Mapping[str, timedelta | None]) -> None:
    sentence = f"The backup {root.name} is damaged: {root.why}"
    if root.others:
        sentence += f" {root.others:,} more {'build' if root.others > 1 else 'builds'} on it."
    if root.pinned:
        part.says(DAMAGED, f"{sentence} It is pinned.", f"prune_backups --tier {part.name} --unpin {root.name}")
    else:
        part.says(DAMAGED, sentence, _by_hand(part.name, root.source if root.source in every else ""))


def _unread(part: Part, unusable: list[str]) -> None:
    """Manifests that are not what was signed: whatever they named, it is no backup any more."""
    if unusable:
        number = "A manifest" if len(unusable) == 1 else f"{len(unusable):,} manifests"
        sentence = f"{number} cannot be believed, so nothing old is removed: {unusable[0]}"
        part.says(DAMAGED, sentence, f"verify_backups --tier {part.name}")


def _by_hand(tier: str, source: str = "") -> str:
    """The command that makes a backup."""
    return "backup_database" if tier == DATABASE.name else f"backup_files {quote(source) if source else 'SOURCE'}"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _drills(now: datetime, *, there_is_one: bool) -> Part:
    part = Part("drill")
    newest = Drill.objects.first()
    if newest is None:
        if there_is_one:
            part.says(LOOK, "No restore was tried yet.", DRILL)
        else:
            part.says(LOOK, "No restore was tried yet: there is no backup.")
        return part
    rows = Drill.objects.filter(at=newest.at)
    part.age = int((now - newest.at).total_seconds())
    part.facts["seconds for it"] = round(sum(row.seconds for row in rows))
    part.facts["rows and files"] = sum(row.things for row in rows)
    part.facts["differences"] = sum(len(row.differences) for row in rows)
    for row in rows:
        if row.differences:
            part.says(ALARM, f"The drill of {_at(newest.at)} did not pass: {row.differences[0]}", DRILL)
    if now - newest.at > DRILLED:
        part.says(LOOK, f"No restore was tried since {_at(newest.at)}.", DRILL)
    return part


def _periods(tier: str) -> dict[str, timedelta | None]:
    """How often each source is backed up, of those that a schedule names."""
    found: dict[str, timedelta | None] = {}
    for schedule in intervals.running(RUNS[tier]):
        source = SOURCE if tier == DATABASE.name else intervals.folder(schedule)
        found[source] = min(found.get(source) or timedelta.max, intervals.period(schedule))
    return found

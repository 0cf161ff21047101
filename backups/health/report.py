"""How the backups do: for people, monitors and mail. Damage outranks everything; a backup that did not run is an alarm.

A report has no words: it has findings and facts, and `wording` says them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db.models import F, Window
from django.db.models.fields.json import KT
from django.db.models.functions import RowNumber

from backups import catalogue, configured, kit
from backups.database.backup import SOURCE
from backups.health import intervals
from backups.health.bucket_findings import from_json
from backups.health.damage import Damage, DamagedBackup, find_damage
from backups.health.findings import (
    BackupDamaged,
    DatabaseUnscheduled,
    DrillFailed,
    Finding,
    FirstBackupAwaited,
    KitNeverPrinted,
    KitOutdated,
    KitUntried,
    ManifestsUnusable,
    MoreBackupsDamaged,
    NeverBackedUp,
    NeverChecked,
    NeverDrilled,
    NoneUsable,
    NotBackedUpSince,
    NotDrilledSince,
    NothingAskedFor,
    NothingToTry,
    OldBackupsDamaged,
    RowsDrifted,
    SourceUnscheduled,
    StorageUnread,
    TierFinding,
    TimeAhead,
    TreesDamaged,
    TreesUnread,
    UploadsUnfinished,
)
from backups.health.limits import DRILLED, LATE, UNREAD, UNSCHEDULED
from backups.health.second import part as second
from backups.health.states import ALARM, DAMAGED, OK, STATES, State
from backups.health.tree_care import TREES
from backups.models import Awaited, DamagedTree, Drill, Generation, Kit, Look, Verification
from backups.repository.manifests import DATABASE, FILES, TIERS
from backups.repository.order import ahead
from backups.storage.port import FIRST, SECOND

DRILL, STORAGE, KIT = "drill", "storage", "kit"  # parts, beside the tiers and SECOND
COUNTED = ("rows", "files", "earlier", "left_excluded", "drifted_rows")
DAY = timedelta(days=1)
NAMED = 3  # damaged backups of a tier that have a finding of their own
RUNS = {DATABASE.name: "backups.tasks.backup_database", FILES.name: "backups.tasks.backup_files"}

Intervals = dict[str, timedelta | None]  # by source; None for the database where no schedule backs it up


@dataclass(frozen=True)
class Facts:
    """What is counted of a part: None for what nobody knows, and for what is of another part."""

    rows: int | None = None  # in the newest backup, of the database
    files: int | None = None  # in the newest backups of all sources
    earlier: int | None = None  # files that could not be read: the backup has them as they were before
    excluded: int | None = None  # files and folders that patterns leave out
    drifted: int | None = None  # rows that had changed without a backup noticing
    read_percent: int | None = None  # of the objects, that were read and hashed within thirty days
    damaged: int | None = None  # backups, those among them that nothing needs, too
    orphans: int | None = None  # objects that belong to no backup
    pending: int | None = None  # rows not yet backed up
    seconds: int | None = None  # that the last drill took
    restored: int | None = None  # rows and files that came back as they were in it
    differences: int | None = None  # that it found
    unfinished: int | None = None  # uploads in parts that nobody will finish
    behind: int | None = None  # backups that the second storage lacks
    trees_behind: int | None = None  # trees of articles
    behind_seconds: int | None = None  # since the first of all these was made


@dataclass(frozen=True)
class Part:
    """A tier, the drill, or the storage: what was found out about it."""

    name: str
    findings: tuple[Finding, ...] = ()
    facts: Facts = Facts()
    age: int | None = None  # seconds since the last good backup, or drill
    made: datetime | None = None  # when the last good backup was complete

    @property
    def state(self) -> State:
        return max((finding.state for finding in self.findings), key=STATES.index, default=OK)


@dataclass(frozen=True)
class Report:
    at: datetime
    parts: list[Part]

    @property
    def state(self) -> State:
        return max((part.state for part in self.parts), key=STATES.index)

    @property
    def needs_somebody(self) -> bool:
        """Whether it is bad enough to wake people."""
        return self.state in (ALARM, DAMAGED)


def known(now: datetime) -> Report:
    """What the rows say: cheap, and as fresh as the last backup or verification that wrote them."""
    tiers = [_tier(tier, now) for tier in TIERS]
    drill = _drill(now, there_is_one=any(part.made for part in tiers))
    return Report(now, [*tiers, _trees(now), drill, *([_second(now)] if SECOND in configured.storages() else [])])


def asked(now: datetime, look: Look | None) -> Report:
    """The same with what the last check of the storage saw, and whether a kit is kept elsewhere."""
    return Report(now, [*(_with_pending(part, look) for part in known(now).parts), _storage(look), _kit(now)])


def remembered(now: datetime) -> Report:
    """All that is known without asking the storage: what the rows say, and what its last check saw."""
    return asked(now, Look.objects.first())


def note_sources(now: datetime) -> None:
    """Remember since when each source has a schedule, and forget those that have none any more."""
    for tier in TIERS:
        scheduled, rows = _intervals(tier), Awaited.objects.filter(tier=tier)
        rows.exclude(source__in=scheduled).delete()
        new = scheduled.keys() - set(rows.values_list("source", flat=True))
        Awaited.objects.bulk_create(Awaited(tier=tier, source=source, since=now) for source in sorted(new))


def last_good() -> Generation | None:
    """The newest backup of the database that can be restored; none from before a restore."""
    return _newest(DATABASE.name, find_damage(DATABASE.name, (), datetime.now(UTC))).get(SOURCE)


def _newest(tier: str, damage: Damage) -> dict[str, Generation]:
    """The newest backup of each source that can be restored (one query)."""
    place = Window(RowNumber(), partition_by="source", order_by=[F("placed").desc(), F("name").desc()])
    of_tier = Generation.objects.filter(tier=tier, storage=FIRST)
    rows = of_tier.exclude(name__in=damage.broken).annotate(source=KT("about__source"))
    found = rows.annotate(place=place).filter(place=1).order_by("source")
    return {str(row.about.get("source", "")): row for row in found}


# A tier


def _tier(tier: str, now: datetime) -> Part:
    """Each source by itself: a late one does not hide behind another."""
    every = _intervals(tier)
    damage = find_damage(tier, every, now)
    newest = _newest(tier, damage)
    if tier == DATABASE.name:
        newest = {SOURCE: newest[SOURCE]} if SOURCE in newest else {}
        every.setdefault(SOURCE, None)
    facts = _counted(tier, newest, now)
    quick = Verification.objects.filter(tier=tier, storage=FIRST, kind=Verification.Kind.QUICK).first()
    found: list[TierFinding] = []
    if not (newest or every or damage.broken):
        found.append(NothingAskedFor())
    found += _of_sources(tier, newest, every, damage, now)
    if facts.drifted:
        found.append(RowsDrifted(facts.drifted))
    found += _damaged(tier, damage.needed, every)
    if quick is not None and quick.unusable:
        found.append(ManifestsUnusable(tier, len(quick.unusable), quick.unusable[0]))
    if damage.old:
        found.append(OldBackupsDamaged(tier, len(damage.old), damage.old[0].made))
    return Part(
        tier,
        tuple(found),
        replace(
            facts,
            damaged=len(damage.needed) + len(damage.old),
            orphans=None if quick is None else quick.orphans,  # a deep one counts none
        ),
        age=_age(newest, every, now),
        made=max((each.made for each in newest.values()), default=None),
    )


def _of_sources(
    tier: str, newest: dict[str, Generation], every: Intervals, damage: Damage, now: datetime
) -> Iterator[TierFinding]:
    awaited = Awaited.objects.filter(tier=tier, source__in=every.keys() - newest.keys()).order_by("-since")
    since = dict(awaited.values_list("source", "since"))
    for source in sorted({*every, *newest}):
        if source in newest:
            yield from _ahead(tier, source, newest[source], now)
            yield from _judged(tier, source, newest[source], every.get(source), now)
        elif source in damage.sources:
            yield NoneUsable(tier, "" if tier == DATABASE.name else source)
        else:
            yield _judged_first(tier, source, since.get(source, now), every[source], now)


def _age(newest: dict[str, Generation], every: Mapping[str, timedelta | None], now: datetime) -> int | None:
    """Of the one that is behind all others, among those that a schedule backs up; else of the last one."""
    ages = {source: max(0, int((now - each.began).total_seconds())) for source, each in newest.items()}
    scheduled = [age for source, age in ages.items() if every.get(source)]
    return max(scheduled) if scheduled else min(ages.values(), default=None)


def _judged_first(
    tier: str, source: str, since: datetime, interval: timedelta | None, now: datetime
) -> FirstBackupAwaited | NeverBackedUp:
    """Of a source without any good backup: its schedule may take as long for the first as for every other."""
    folder = "" if tier == DATABASE.name else source
    in_time = interval is not None and now - since <= LATE * interval
    return FirstBackupAwaited(tier, folder) if in_time else NeverBackedUp(tier, folder)


def _ahead(tier: str, source: str, newest: Generation, now: datetime) -> list[TierFinding]:
    """One from the future would be the newest until then, whatever else is made or not."""
    folder = "" if tier == DATABASE.name else source
    return [TimeAhead(tier, newest.name, newest.made, folder)] if ahead(newest.placed, now) else []


def _judged(tier: str, source: str, newest: Generation, interval: timedelta | None, now: datetime) -> list[TierFinding]:
    """The last good backup of a source against its schedule. One that has lost its schedule is no alarm for ever."""
    database = tier == DATABASE.name
    folder = "" if database else source
    passed = now - newest.began
    if interval:
        return [NotBackedUpSince(tier, newest.began, folder)] if passed > LATE * interval else []
    if database:
        return [DatabaseUnscheduled()]
    return [SourceUnscheduled(source, newest.began)] if passed > UNSCHEDULED else []


def _counted(tier: str, newest: dict[str, Generation], now: datetime) -> Facts:
    """The numbers of the newest backup of each source together."""
    if not newest:
        return Facts(drifted=0)
    counts = Counter[str]()
    for each in newest.values():
        counts.update({name: each.counts.get(name, 0) for name in COUNTED})
    database = tier == DATABASE.name
    return Facts(
        rows=counts["rows"] if database else None,
        files=None if database else counts["files"],
        earlier=counts["earlier"],
        excluded=None if database else counts["left_excluded"],
        drifted=counts["drifted_rows"],
        read_percent=round(100 * catalogue.share_read(tier, now)),
    )


def _damaged(tier: str, needed: list[DamagedBackup], every: Mapping[str, timedelta | None]) -> list[TierFinding]:
    found: list[TierFinding] = [
        BackupDamaged(
            tier,
            each.name,
            each.why,
            each.others,
            each.pinned,
            source=each.source if each.source in every else "",
        )
        for each in needed[:NAMED]
    ]
    if more := len(needed[NAMED:]):
        found.append(MoreBackupsDamaged(tier, more))
    return found


def _intervals(tier: str) -> Intervals:
    """How often each source is backed up, of those that a schedule names."""
    found: Intervals = {}
    for schedule in intervals.running(RUNS[tier]):
        source = SOURCE if tier == DATABASE.name else intervals.folder(schedule)
        found[source] = min(found.get(source) or timedelta.max, intervals.interval(schedule))
    if tier == FILES.name and configured.hours():
        return {source: max(each or DAY, DAY) for source, each in found.items()}  # whatever waits for them
    return found


# Trees


def _trees(now: datetime) -> Part:
    last = Verification.objects.filter(tier=TREES).first()
    if last is None:
        return Part(TREES)
    found: list[Finding] = []
    if damaged := list(DamagedTree.objects.all()):
        found.append(TreesDamaged(len(damaged), damaged[0].prefix, damaged[0].says[0]))
    if now - last.at > UNREAD:
        found.append(TreesUnread(last.at))
    facts = Facts(damaged=len(damaged), read_percent=round(100 * catalogue.share_read(TREES, now)))
    return Part(TREES, tuple(found), facts, age=max(0, int((now - last.at).total_seconds())))


# The drill


def _drill(now: datetime, *, there_is_one: bool) -> Part:
    newest = Drill.objects.filter(storage=FIRST).first()
    if newest is None:
        return Part(DRILL, (NeverDrilled() if there_is_one else NothingToTry(),))
    rows = list(Drill.objects.filter(at=newest.at, storage=FIRST))
    differences = sum(len(row.differences) for row in rows)
    found: list[Finding] = [DrillFailed(newest.at, row.differences[0], differences) for row in rows if row.differences]
    if now - newest.at > DRILLED:
        found.append(NotDrilledSince(newest.at))
    facts = Facts(
        seconds=round(sum(row.seconds for row in rows)),
        restored=sum(row.things for row in rows),
        differences=differences,
    )
    return Part(DRILL, tuple(found), facts, age=int((now - newest.at).total_seconds()))


# The storage


def _with_pending(part: Part, look: Look | None) -> Part:
    """The database with the rows that are not in its last backup; what was looked at before that is no news."""
    if part.name != DATABASE.name or look is None or look.pending is None:
        return part
    if part.made is None or look.at < part.made:
        return part
    return replace(part, facts=replace(part.facts, pending=look.pending))


def _storage(look: Look | None) -> Part:
    if look is None:
        return Part(STORAGE, (NeverChecked(),))
    found: list[Finding] = [StorageUnread(look.unread)] if look.unread else []
    found += [finding for kept in look.findings if (finding := from_json(kept))]
    if look.unfinished:
        found.append(UploadsUnfinished(look.unfinished))
    return Part(STORAGE, tuple(found), Facts(unfinished=look.unfinished))


# The second storage


def _second(now: datetime) -> Part:
    lags = [lag for tier in TIERS if (lag := second.lag(tier))]
    trees = second.tree_lag()
    facts = Facts(
        behind=sum(lag.backups for lag in lags),
        trees_behind=trees.backups if trees else 0,
        behind_seconds=max((int((now - lag.since).total_seconds()) for lag in (*lags, trees) if lag), default=0),
    )
    made = second.newest()
    age = None if made is None else max(0, int((now - made).total_seconds()))
    return Part(SECOND, tuple(second.findings(now)), facts, age, made)


# The recovery kit


def _kit(now: datetime) -> Part:
    last = Kit.objects.first()
    if last is None:
        return Part(KIT, (KitNeverPrinted(),))
    found: list[Finding] = []
    if changed := kit.changed_since(last):
        found.append(KitOutdated(last.printed_at, tuple(changed)))
    elif last.tried_at is None:
        found.append(KitUntried(last.printed_at))
    return Part(KIT, tuple(found), age=max(0, int((now - last.printed_at).total_seconds())))

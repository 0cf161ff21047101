"""Which generations may go, and their removal: whole ones, by signed time and never by name. Nothing goes on doubt.

Ages count from the newest backup, not from a clock that may be wrong: while no backup is made, nothing grows old.

| the generation                                              | verdict                    |
|-------------------------------------------------------------|----------------------------|
| is one of its source's last two, or last two verified       | stays                      |
| is pinned                                                   | stays                      |
| is needed by one that stays, which holds its changes only   | stays                      |
| was made in the future                                      | stays: a clock was wrong   |
| is younger than the days to keep                            | stays                      |
| … and holds what an earlier one holds, and a day has passed | goes; that one stays       |
| is the last of its month, within the months to keep         | stays                      |
| none of these                                               | goes                       |

A listing that lacks a backup which anybody knows of stops everything, and so does a manifest that cannot be read:
nobody knows what it names.
First go the manifests, then the objects that nothing names any more and that have lain there for a day. While a run is
under way only manifests go, as it may be about to name what is there.

| killed                     | what is there                            | the next removal          |
|----------------------------|------------------------------------------|---------------------------|
| between two manifests      | whole generations                        | goes on                   |
| between two objects        | whole generations, objects without names | removes them              |
| before its note is removed | that note: runs wait an hour for it      | goes on, and removes it   |
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backups.errors import Damaged, Denied, Failed, Forged, Hostile, Missing
from backups.repository.manifests import MANIFEST_BYTES, Generation, Survey
from backups.repository.order import places
from backups.repository.repository import Repository
from backups.repository.run import PRUNING, PRUNING_TIME
from backups.storage.bulk import in_bulk
from backups.storage.port import Listed

GRACE = timedelta(days=1)  # an object that nothing names stays for so long, and a note counts as one of a living run
SAME = timedelta(days=1)  # for which one stays that holds nothing new
LAST = 2
NAMED = 3  # lacking backups that are named


@dataclass(frozen=True)
class Retention:
    """For how many days all generations stay, and for how many months the last one of each."""

    days: int
    months: int


@dataclass
class Pruned:
    """What goes, or went."""

    gone: list[str] = field(default_factory=list)  # ids of generations
    stayed: dict[str, str] = field(default_factory=dict)  # id → why
    objects: int = 0  # that nothing names any more
    bytes: int = 0
    retained: int = 0  # that the storage does not let go: locked
    waits: str = ""  # why the objects did not go

    def report(self, *, apply: bool) -> str:
        """Lines for people: what went, or would go."""
        lines = [f"{'removed' if apply else 'would go'}  {id_}" for id_ in self.gone]
        lines += [f"{number:,} stay: {why}" for why, number in sorted(Counter(self.stayed.values()).items())]
        lines += [f"{self.objects:,} objects with {self.bytes:,} bytes {'went' if apply else 'would go with them'}."]
        lines += [f"{self.retained:,} objects are locked, or wait for the next time."] if self.retained else []
        lines += [self.waits] if self.waits else []
        lines += ["Nothing was changed. To do it, add --apply"] if not apply and (self.gone or self.objects) else []
        return "\n".join(lines)


def verdicts(
    generations: list[Generation],
    retention: Retention,
    *,
    pinned: Collection[str],
    verified: Collection[str],
    now: datetime,
) -> dict[str, str]:
    """For each id why it stays, "" for one that goes. `generations` are all of a tier, newest first."""
    stays: dict[str, str] = {}
    known = {each.id for each in generations}
    newest = _newest(generations, now)
    for source in {each.source for each in generations}:
        of_source = [each for each in generations if each.source == source]
        whole = [each for each in of_source if each.id in verified]
        stays |= {each.id: "it is one of the last two that were verified" for each in whole[:LAST]}
        stays |= {each.id: "it is one of the last two" for each in of_source[:LAST]}
        months: set[str] = set()
        for each in of_source:
            month = f"{each.made:%Y-%m}"
            if month not in months and newest - each.made < timedelta(days=31 * retention.months):
                stays.setdefault(each.id, "it is the last of its month")
            months.add(month)
    for each in generations:
        if each.id in pinned:
            stays.setdefault(each.id, "it is pinned")
        if each.made > now:
            stays.setdefault(each.id, "its time lies ahead")
        if newest - each.made < timedelta(days=retention.days):
            if each.same_as in known and newest - each.made >= SAME:
                stays.setdefault(each.same_as, "a young one held the same")
            else:
                stays.setdefault(each.id, "it is young")
    _keep_needed(generations, stays)
    return {each.id: stays.get(each.id, "") for each in generations}


def _newest(generations: list[Generation], now: datetime) -> datetime:
    """When the newest backup was made; now, at the latest."""
    placed = [moment for moment in places(generations).values() if moment <= now]
    return max(placed, default=now)


def _keep_needed(generations: list[Generation], stays: dict[str, str]) -> None:
    """What one that stays builds on stays as well, whatever the times say."""
    known = {each.id: each for each in generations}
    waiting = list(stays)
    while waiting:
        each = known.get(waiting.pop())
        if each and each.about.get("needs_parent") and each.parent and each.parent not in stays:
            stays[each.parent] = f"{each.id} needs it"
            waiting.append(each.parent)


def prune(
    repository: Repository,
    retention: Retention,
    *,
    known: Collection[str],
    verified: Collection[str],
    now: datetime,
    apply: bool,
    going: Callable[[list[str]], object] = lambda _: None,
) -> Pruned:
    """Remove what may go, or only say what would. `known`: the ids that there must be for all the database knows.

    `going` is told which go before the first of them does, so that nobody misses them. Raises Failed, before anything
    is removed, on a listing that cannot be true and on manifests that cannot be read.
    """
    repository = repository.asking_storage()
    survey = repository.survey()
    _believe(survey, known)
    judged = verdicts(survey.generations, retention, pinned=pins(repository), verified=verified, now=now)
    pruned = Pruned(
        gone=[id_ for id_, stays in judged.items() if not stays],
        stayed={id_: stays for id_, stays in judged.items() if stays},
    )
    live = [each for each in survey.generations if judged[each.id]]
    if not apply:
        unnamed = _unnamed(repository, live, now)
        pruned.objects, pruned.bytes = len(unnamed), sum(each.bytes for each in unnamed)
        return pruned
    going(pruned.gone)
    for id_ in pruned.gone:  # newest first: what needs a parent goes before it
        repository.object_store.delete(repository.path(f"manifests/{id_}.json"))
    _collect(repository, pruned)
    return pruned


def _believe(survey: Survey, known: Collection[str]) -> None:
    if survey.unusable:
        why = next(iter(survey.unusable.values()))
        raise Failed(f"Nothing is removed while {len(survey.unusable):,} manifests cannot be read. {why}")
    listed = {each.id for each in survey.generations}
    lacking = sorted((set(known) | survey.lacking.keys()) - listed)
    if lacking or not listed:
        raise Failed(
            f"The storage lists {len(listed):,} backups, and lacks {len(lacking):,} that are known"
            f"{': ' + ', '.join(lacking[:NAMED]) if lacking else ''}. Nothing is removed. If these are meant to be "
            "gone: manage.py verify_backups --rebuild"
        )


def _collect(repository: Repository, pruned: Pruned) -> None:
    """Remove the objects that nothing names, unless a run may be about to name them."""
    began, own = time.monotonic(), repository.path(f"{PRUNING}/{secrets.token_hex(4)}")
    repository.object_store.put(own, b"{}", replace=True)
    try:
        notes = {each.key: each.modified for each in repository.object_store.list(repository.path("notes"))}
        now = notes[own]  # by the storage's clock
        ours = repository.path("notes/damage"), repository.path(PRUNING)
        if any(now - at < GRACE for key, at in notes.items() if not key.startswith(ours)):
            pruned.waits = "A run is under way, or was killed within a day; its objects are left alone until then."
            return
        live = repository.survey()
        if live.doubtful or not live.generations:
            pruned.waits = "The manifests could not be read once more."
            return

        def remove(each: Listed) -> tuple[Listed, bool]:
            if time.monotonic() - began > PRUNING_TIME.total_seconds() / 2:
                return each, False  # the next one goes on
            try:
                repository.object_store.delete(each.key)
            except Denied:
                return each, False
            return each, True

        for each, gone in in_bulk(_unnamed(repository, live.generations, now), remove):
            pruned.objects += gone
            pruned.bytes += each.bytes * gone
            pruned.retained += not gone
        for key, at in notes.items():
            if key.startswith(repository.path(PRUNING)) and now - at > PRUNING_TIME:
                repository.object_store.delete(key)
    finally:
        repository.object_store.delete(own)


def _unnamed(repository: Repository, live: list[Generation], now: datetime) -> list[Listed]:
    """Objects and pages that no live generation and no checkpoint names, and that have lain there for a day."""
    named = {entry["key"] for each in live for entry in each.pages}
    pages = {page["sha256"]: page for each in live for page in each.pages}
    try:
        named |= {entry["key"] for page in pages.values() for entry in repository.page(page)}
    except (Damaged, Hostile) as exc:
        raise Failed(f"Nothing is removed while a page of a backup cannot be read. {exc}") from exc
    named |= {entry["key"] for each in live for entry in each.objects}
    for listed in repository.object_store.list(repository.path("notes")):
        try:
            body = repository.signing_keys.read(listed.key, repository.object_store.get(listed.key, MANIFEST_BYTES))
        except (Forged, Missing):
            continue
        named |= {entry["key"] for entry in body.get("entries", []) if "key" in entry}
    folder = len(repository.path(""))
    return [
        listed
        for part in (repository.tier.objects, "pages")
        for listed in repository.object_store.list(repository.path(part))
        if listed.key[folder:] not in named and now - listed.modified > GRACE
    ]


def pins(repository: Repository) -> set[str]:
    """The ids of generations that are pinned."""
    folder = repository.path("pins/")
    return {listed.key.removeprefix(folder) for listed in repository.object_store.list(folder.rstrip("/"))}


def pin(repository: Repository, id_: str) -> None:
    """Keep a generation for ever. Raises Missing, and Forged or Hostile for one that cannot be believed."""
    repository.generation(id_)
    repository.object_store.put(repository.path(f"pins/{id_}"), b"", replace=True)


def unpin(repository: Repository, id_: str) -> None:
    """Let a generation go when its time has come. One that is not pinned is no error."""
    repository.object_store.delete(repository.path(f"pins/{id_}"))

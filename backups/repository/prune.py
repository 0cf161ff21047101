"""Which generations may go, and their removal: whole ones, by signed time and never by name. Nothing goes on doubt.

| the generation                                              | verdict                    |
|-------------------------------------------------------------|----------------------------|
| is one of its source's last two, or last two verified       | stays                      |
| is pinned                                                   | stays                      |
| is needed by one that stays, which holds its changes only   | stays                      |
| was made in the future                                      | stays: a clock was wrong   |
| is younger than the days to keep                            | stays                      |
| is the last of its month, within the months to keep         | stays                      |
| none of these                                               | goes                       |

An empty or short listing stops everything, and so does a manifest that cannot be read: nobody knows what it names.
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
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backups.errors import Damaged, Denied, Failed, Forged, Hostile, Missing
from backups.repository.manifests import MANIFEST_BYTES, Generation
from backups.repository.repository import Repository
from backups.repository.run import PRUNING, PRUNING_TIME
from backups.storage.bulk import in_bulk
from backups.storage.port import LEAST_LISTED, Listed

GRACE = timedelta(days=1)  # an object that nothing names stays for so long, and a note counts as one of a living run
LAST = 2


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
    for source in {_source(each) for each in generations}:
        of_source = [each for each in generations if _source(each) == source]
        whole = [each for each in of_source if each.id in verified]
        stays |= {each.id: "it is one of the last two that were verified" for each in whole[:LAST]}
        stays |= {each.id: "it is one of the last two" for each in of_source[:LAST]}
        months: set[str] = set()
        for each in of_source:
            month = f"{each.made:%Y-%m}"
            if month not in months and now - each.made < timedelta(days=31 * retention.months):
                stays.setdefault(each.id, "it is the last of its month")
            months.add(month)
    for each in generations:
        if each.id in pinned:
            stays.setdefault(each.id, "it is pinned")
        if each.made > now:
            stays.setdefault(each.id, "its time lies ahead")
        if now - each.made < timedelta(days=retention.days):
            stays.setdefault(each.id, "it is young")
    for each in generations:  # newest first: a parent comes after what needs it
        if each.id in stays and each.about.get("needs_parent") and each.parent:
            stays.setdefault(each.parent, f"{each.id} needs it")
    return {each.id: stays.get(each.id, "") for each in generations}


def _source(generation: Generation) -> str:
    return str(generation.about.get("source", ""))


def prune(
    repository: Repository,
    retention: Retention,
    *,
    known: Collection[str],
    verified: Collection[str],
    now: datetime,
    apply: bool,
) -> Pruned:
    """Remove what may go, or only say what would. `known`: the ids that there must be for all the database knows.

    Raises Failed, before anything is removed, on a listing that cannot be true and on manifests that cannot be read.
    """
    survey = repository.survey()
    if survey.unusable:
        why = next(iter(survey.unusable.values()))
        raise Failed(f"Nothing is removed while {len(survey.unusable):,} manifests cannot be read. {why}")
    listed = {each.id for each in survey.generations}
    if not listed or len(listed.intersection(known)) < LEAST_LISTED * len(known):
        raise Failed(f"The storage lists {len(listed):,} backups where {len(known):,} are known. Nothing is removed.")
    judged = verdicts(survey.generations, retention, pinned=pins(repository), verified=verified, now=now)
    pruned = Pruned(
        gone=[id_ for id_, stays in judged.items() if not stays],
        stayed={id_: stays for id_, stays in judged.items() if stays},
    )
    live = [each for each in survey.generations if judged[each.id]]
    if not apply:
        going = _unnamed(repository, live, now)
        pruned.objects, pruned.bytes = len(going), sum(each.bytes for each in going)
        return pruned
    for id_ in pruned.gone:  # newest first: what needs a parent goes before it
        repository.object_store.delete(repository.path(f"manifests/{id_}.json"))
    _collect(repository, pruned)
    return pruned


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
        if live.unusable or not live.generations:
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

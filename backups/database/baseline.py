"""The last backup of a database, and whether the next one can be the difference to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from backups.database import chains, maps
from backups.database.snapshot import Difference, Identity, Snapshot
from backups.errors import BackupError, Damaged, Hostile, Missing
from backups.repository.manifests import Generation, Survey
from backups.repository.order import ahead
from backups.repository.repository import Repository

FULL_EVERY = timedelta(days=7)
ALIKE = 0.5  # when more than this share of a table's rows is gone or changed, a person is asked
FEW = 20  # rows, of which any share may go


class Suspicious(BackupError):
    """So many rows are gone or changed that a person has to look; the message says how many."""


@dataclass
class Baseline:
    """The last backup of the same source, and what is known of it."""

    generation: Generation | None = None
    map: maps.Map = field(default_factory=dict)
    links: list[Generation] = field(default_factory=list)  # it and what it builds on
    comparable: bool = False  # its tokens with those of this snapshot
    why_full: str = ""  # a sentence when a full backup has to follow
    last: Generation | None = None  # of its source, which may hold the same as `generation`, and was made after it

    def blocks(self, label: str) -> maps.Blocks:
        """Of a table, as they were; none for one that is new."""
        return self.map.get(label, {})

    def names(self, repository: Repository, damaged: set[str]) -> bool:
        """Whether it, or what it builds on, names an object that was found damaged."""
        links = self.links if damaged else []
        return any(entry["key"] in damaged for link in links for entry in repository.entries(link))

    def believe_counts(self, counts: Mapping[str, int]) -> None:
        """Raises Suspicious when so few rows of a model are left that it may be another database."""
        for label, rows in counts.items():
            had = maps.size(self.blocks(label))
            if had > FEW and rows < had * ALIKE:
                raise Suspicious(f"Of {had:,} rows of {label} {rows:,} are left. Is it the right database?")

    def believe_changes(self, label: str, difference: Difference) -> None:
        """Raises Suspicious when so many of the rows of a model that there were have changed."""
        most = maps.size(self.blocks(label)) * ALIKE
        if len(difference.changed) <= most or most <= FEW * ALIKE:
            return
        changed = len(maps.pks(self.blocks(label)).intersection(difference.changed))
        if changed > most:
            rows = maps.size(self.blocks(label))
            raise Suspicious(f"Of {rows:,} rows of {label} {changed:,} have changed since the last backup.")


def baseline(repository: Repository, seen: Snapshot, source: str, identity: Identity, now: datetime) -> Baseline:
    """What a backup of this snapshot may build on. Its map comes from this machine, or else from the storage.

    Raises Forged, and StorageError.
    """
    survey = repository.believed()
    generations = chains.of_source(survey.generations, source)
    if not generations:
        return Baseline(why_full="It is the first one.")
    newest = _with_news(survey, generations[0])
    file = map_file(repository, source)
    try:
        links = chains.chain(survey, newest)
        known = chains.read_map(repository, links, maps.saved(file) if file else maps.NONE_SAVED)
    except (Damaged, Missing, Hostile) as exc:
        return Baseline(newest, why_full=f"The last one cannot be built on: {exc}", last=generations[0])
    found = Baseline(newest, known, links, seen.comparable(newest.about.get("identity", {}), identity))
    found.last = generations[0]
    if not found.comparable:
        found.why_full = "The database or its tables are not those of the last backup."
    elif ahead(links[0].made, now):
        found.why_full = "The last full one is of a time that lies ahead."
    elif now - links[0].made >= FULL_EVERY:
        found.why_full = "The last full one is a week old."
    return found


def _with_news(survey: Survey, newest: Generation) -> Generation:
    """The one to build on: nothing builds on one that holds the same as an earlier one, so that it may go soon."""
    return next((each for each in survey.generations if each.id == newest.same_as), newest)


def map_file(repository: Repository, source: str) -> Path | None:
    """Where this machine keeps the map of its last backup."""
    name = hashlib.sha256(f"{repository.object_store} {source}".encode()).hexdigest()[:16]
    return repository.cache / f"map-{name}" if repository.cache else None

"""The drill: the newest backups restored into a scratch database and a scratch folder, compared, timed, and reported.

A backup that cannot be restored is none. Rows are compared field by field through the desk's own eyes, files by their
hash; nothing of it touches the desk, and nothing of it stays.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shutil import disk_usage

from django.dispatch import Signal

from backups import catalogue
from backups.database import chains, connections
from backups.database import restore as database_restore
from backups.database.backup import SOURCE
from backups.database.comparison import steps
from backups.database.restore import choose, planned
from backups.errors import BackupError, Missing
from backups.files import restore
from backups.models import FINDINGS, Drill
from backups.progress import Started, silent
from backups.repository.manifests import Generation
from backups.repository.repository import Repository
from backups.repository.verify import read_again
from backups.storage.port import FIRST

came_back = (
    Signal()
)  # with `alias` of the scratch database, and `storage`; receivers return sentences about what is of no use there
MOST_DIFFERENCES = 100  # differences that are kept word for word
ROOM = 1.1  # of what is restored, that must be free on the disk


@dataclass
class DrillResult:
    """What a drill found. `differences` has a sentence for each; without any, all came back as it was."""

    tier: str
    generation: str = ""
    things: int = 0  # rows, or files
    seconds: float = 0
    differences: list[str] = field(default_factory=list)
    damage: dict[str, dict[str, str]] = field(default_factory=dict)  # of those that did not pass: by name and key
    storage: str = FIRST

    @property
    def passed(self) -> bool:
        return bool(self.generation) and not self.differences

    def __str__(self) -> str:
        if not self.generation:
            return f"{self.tier}: {self.differences[0]}"
        what = "rows" if self.tier == "database" else "files"
        outcome = "all as they were" if self.passed else f"{len(self.differences):,} differences"
        return f"{self.tier}: {self.things:,} {what} of {self.generation} restored in {self.seconds:.0f} s, {outcome}."


def drill(
    rows: Repository, files: Repository, *, now: datetime, folder: Path | None = None, started: Started = silent
) -> list[DrillResult]:
    """Both tiers; each source of files by itself; nothing of what has no backup. `folder` is where scratch goes."""
    found = []
    if _is_backed_up(rows):
        found.append(_timed(rows, lambda result, scratch: _database(rows, result, scratch, started), folder))
    try:
        sources = sorted({each.source for each in files.trusted()})
    except BackupError as exc:
        return [*found, DrillResult("files", differences=[str(exc)], storage=files.storage)]
    for source in sources:
        found.append(_timed(files, lambda d, at, of=source: _files(files, of, d, at, now, started), folder))  # type: ignore[misc]
    return found


def _is_backed_up(rows: Repository) -> bool:
    """Whether there is something to try. A storage that cannot be read or believed is not a new one."""
    try:
        return bool(chains.of_source(rows.trusted(), SOURCE))
    except BackupError:
        return True


def _timed(repository: Repository, work: Callable[[DrillResult, Path], None], folder: Path | None) -> DrillResult:
    result, began = DrillResult(repository.tier.name, storage=repository.storage), time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="galley-drill-", dir=folder) as scratch:
            work(result, Path(scratch))
    except (BackupError, OSError) as exc:
        result.differences.append(str(exc))
    result.seconds = time.monotonic() - began
    if result.generation and not result.passed:
        with contextlib.suppress(BackupError):  # the difference is told in any case
            result.damage = read_again(repository, _links(repository, result.generation))
    return result


def _links(repository: Repository, name: str) -> list[Generation]:
    """A generation and what it builds on, as far as that can be had."""
    known = {each.id: each for each in repository.asking_storage().survey().generations}
    found, id_ = [], name
    while (each := known.pop(id_, None)) and id_:
        found.append(each)
        id_ = each.parent or "" if each.about.get("needs_parent") else ""
    return found


def _database(repository: Repository, result: DrillResult, scratch: Path, started: Started) -> None:
    generation = choose(repository)
    result.generation = generation.id
    with connections.connected(f"sqlite:///{scratch / 'drill.sqlite3'}") as alias:
        connections.prepare(alias)
        # As a mirror, because the migrations have put rows of their own there.
        with planned(repository, generation, alias, mode="mirror", started=started) as plan:
            database_restore.restore(repository, plan, safety=False)
        with planned(repository, generation, alias, mode="mirror") as plan:
            result.things = plan.total[steps.SAME]
            result.differences += map(str, plan.steps(most=MOST_DIFFERENCES))
            promised = sum(generation.about["rows"].values())
            if result.things != promised and not result.differences:
                result.differences.append(f"{promised:,} rows were backed up, and {result.things:,} came back.")
                result.differences += plan.misfits.sentences
        for _, sentences in came_back.send(sender=None, alias=alias, storage=repository.storage):
            result.differences += sentences or []


def _files(
    repository: Repository, source: str, result: DrillResult, scratch: Path, now: datetime, started: Started
) -> None:
    generation = restore.choose(repository, source=source)
    result.generation = generation.id
    size, free = generation.counts["bytes"], disk_usage(scratch).free
    if size * ROOM > free:
        raise Missing(f"{size:,} bytes cannot be restored for trial: {free:,} are free in {scratch.parent}.")
    plan = restore.plan(repository, generation, scratch / "files")
    restored = restore.restore(repository, plan, now=now, started=started)
    result.differences += [f"{path}: {why}" for path, why in restored.failures.items()][:MOST_DIFFERENCES]
    again = restore.plan(repository, generation, scratch / "files")
    result.things = again.counts()["same"]
    result.differences += map(str, again.differences()[:MOST_DIFFERENCES])


def record(found: list[DrillResult], now: datetime) -> None:
    """Keep what a drill found, damage with the backups that have it."""
    for result in found:
        catalogue.note_read(result.tier, result.damage, result.storage)
    Drill.objects.bulk_create(
        Drill(
            tier=each.tier,
            storage=each.storage,
            generation=each.generation,
            at=now,
            seconds=each.seconds,
            things=each.things,
            differences=each.differences[:FINDINGS],
        )
        for each in found
    )

"""The drill: the newest backups restored into a scratch database and a scratch folder, compared, timed, and reported.

A backup that cannot be restored is none. Rows are compared field by field through the desk's own eyes, files by their
hash; nothing of it touches the desk, and nothing of it stays.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING

from backups.database import connections, steps
from backups.database import restore as database_restore
from backups.database.restore import choose, planned
from backups.errors import BackupError, Missing
from backups.files import restore
from backups.files.backup import of_source
from backups.models import FINDINGS, Drill
from backups.progress import Started, silent
from backups.repository.manifests import Generation
from backups.repository.repository import Repository

if TYPE_CHECKING:
    pass

SAID = 100  # differences that are kept word for word
ROOM = 1.1  # of what is restored, that must be free on the disk


@dataclass
class Drilled:
    """What a drill found. `differences` has a sentence for each; without any, all came back as it was."""

    tier: str
    generation: str = ""
    things: int = 0  # rows, or files
    seconds: float = 0
    differences: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.generation) and not self.differences

    def __str__(self) -> str:
        if not self.generation:
            return f"{self.tier}: {self.differences[0]}"
        what = "rows" if self.tier == "database" else "files"
        said = "all as they were" if self.passed else f"{len(self.differences):,} differences"
        return f"{self.tier}: {self.things:,} {what} of {self.generation} restored in {self.seconds:.0f} s, {said}."


def drill(
    rows: Repository, files: Repository, *, now: datetime, folder: Path | None = None, started: Started = silent
) -> list[Drilled]:
    """Both tiers; each source of files by itself. `folder` is where scratch goes."""
    found = [_timed("database", lambda drilled, scratch: _database(rows, drilled, scratch, started), folder)]
    try:
        sources = sorted({str(each.about.get("source")) for each in files.trusted()})
    except BackupError as exc:
        return [*found, Drilled("files", differences=[str(exc)])]
    for source in sources:
        newest = of_source(files.trusted(), source)[0]
        found.append(_timed("files", lambda d, at, g=newest: _files(files, g, d, at, now, started), folder))  # type: ignore[misc]
    return found


def _timed(tier: str, work: Callable[[Drilled, Path], None], folder: Path | None) -> Drilled:
    drilled, began = Drilled(tier), time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="galley-drill-", dir=folder) as scratch:
            work(drilled, Path(scratch))
    except (BackupError, OSError) as exc:
        drilled.differences.append(str(exc))
    drilled.seconds = time.monotonic() - began
    return drilled


def _database(repository: Repository, drilled: Drilled, scratch: Path, started: Started) -> None:
    generation = choose(repository)
    drilled.generation = generation.id
    with connections.connected(f"sqlite:///{scratch / 'drill.sqlite3'}") as alias:
        connections.prepare(alias)
        # As a mirror, because the migrations have put rows of their own there.
        with planned(repository, generation, alias, mode="mirror", started=started) as plan:
            database_restore.restore(repository, plan, safety=False)
        with planned(repository, generation, alias, mode="mirror") as plan:
            drilled.things = plan.total[steps.SAME]
            drilled.differences += map(str, plan.steps(most=SAID))
            promised = sum(generation.about["rows"].values())
            if drilled.things != promised and not drilled.differences:
                drilled.differences.append(f"{promised:,} rows were backed up, and {drilled.things:,} came back.")


def _files(
    repository: Repository, generation: Generation, drilled: Drilled, scratch: Path, now: datetime, started: Started
) -> None:
    drilled.generation = generation.id
    size, free = generation.counts["bytes"], disk_usage(scratch).free
    if size * ROOM > free:
        raise Missing(f"{size:,} bytes cannot be restored for trial: {free:,} are free in {scratch.parent}.")
    plan = restore.plan(repository, generation, scratch / "files")
    restored = restore.restore(repository, plan, now=now, started=started)
    drilled.differences += [f"{path}: {why}" for path, why in restored.failures.items()][:SAID]
    again = restore.plan(repository, generation, scratch / "files")
    drilled.things = again.counts()["same"]
    drilled.differences += map(str, again.differences()[:SAID])


def drilled(found: list[Drilled], now: datetime) -> None:
    """Keep what a drill found."""
    Drill.objects.bulk_create(
        Drill(
            tier=each.tier,
            generation=each.generation,
            at=now,
            seconds=each.seconds,
            things=each.things,
            differences=each.differences[:FINDINGS],
        )
        for each in found
    )

"""A restore of the database, undone: the rows that it has touched, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from backups.database import chains
from backups.database.comparison.compare import compare
from backups.database.comparison.steps import DELETE, DatabasePlan
from backups.database.comparison.touched import TouchedRows, unpacked
from backups.database.comparison.undo_policy import UndoPolicy
from backups.database.staging import staged
from backups.progress import Started, silent
from backups.repository.manifests import Generation
from backups.repository.repository import Repository

UNDO_MODE = "undo"  # the mode of its plan, which nobody chooses


@contextmanager
def planned(
    repository: Repository,
    safety: Generation,
    touched: Iterable[TouchedRows],
    alias: str = "default",
    *,
    started: Started = silent,
) -> Iterator[DatabasePlan]:
    """Compare the rows that a restore has touched with the backup that was made before it.

    Writes nothing. Raises Damaged, Missing, Hostile, Failed.
    """
    repository = repository.asking_storage()
    links = chains.chain(repository.believed(), safety)
    with staged(repository, links, started=started) as found:
        for label, action, packed in touched:
            rows = ((label, *row) for row in unpacked(action, packed))
            found.connection.executemany("INSERT OR REPLACE INTO touched VALUES (?, ?, ?, ?, ?)", rows)
        found.connection.execute(
            "UPDATE touched SET unit = (SELECT unit FROM row WHERE row.model = touched.model AND row.pk = touched.pk) "
            "WHERE action = ?",
            (DELETE,),
        )
        yield DatabasePlan(found, alias, UNDO_MODE, lambda plan: compare(plan, UndoPolicy(found, alias)))

"""The database from a backup: what would change, field by field; then that, in one transaction.

What is created, changed and deleted, `modes` says. What cannot be restored is a conflict, with a sentence; as long as
there is one, nothing is. A restore tells which rows it has touched, and what each has become: by these it is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import DatabaseError, connections, transaction

from backups.database import backup, chains, tables
from backups.database.comparison.compare import compare
from backups.database.comparison.restore_policy import MISSING, RestorePolicy
from backups.database.comparison.steps import CONFLICT, DatabasePlan
from backups.database.comparison.touched import TouchedRows, touched_by
from backups.database.staging import Staged, staged
from backups.database.write import Writing
from backups.errors import BackupError, Failed
from backups.progress import Started, silent
from backups.repository.manifests import Generation
from backups.repository.order import check_choice
from backups.repository.repository import Repository

SAFETY = "before a restore"  # the source of the backups that are made before one
EMPTIED_NAMED = 5  # units without files, of which the others are counted
NEVER, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Conflicting(BackupError):
    """Something cannot be restored; the message says what, and nothing was done."""


class OutOfDate(BackupError):
    """The database is not any more what the plan was made for."""


@dataclass(frozen=True)
class Choice:
    """What shall come back: all of it, or some units (articles) by name, number or time."""

    units: tuple[str, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None

    @property
    def all(self) -> bool:
        return not (self.units or self.begin or self.end)


@contextmanager
def planned(
    repository: Repository,
    generation: Generation,
    alias: str = "default",
    *,
    choice: Choice | None = None,
    mode: str = MISSING,
    started: Started = silent,
) -> Iterator[DatabasePlan]:
    """Compare a backup with the database. Writes nothing. Raises Damaged, Missing, Hostile, Failed."""
    repository = repository.asking_storage()
    links = chains.chain(repository.believed(), generation)
    with staged(repository, links, started=started) as found:
        whole = choice is None or choice.all
        if choice is not None and not whole:
            found.choose(_units(found, choice))
            found.remarks += _emptied(found)
        yield DatabasePlan(
            found, alias, mode, lambda plan: compare(plan, RestorePolicy(found, alias, mode, whole=whole))
        )


def restore(
    repository: Repository,
    plan: DatabasePlan,
    *,
    fingerprint: str = "",
    safety: bool = True,
    note: Callable[[Generation | None, Iterator[TouchedRows]], None] | None = None,
) -> Generation | None:
    """Do what was planned, all of it or nothing, after a safety backup. Returns that; None when there was nothing.

    The tables are locked and compared once more before anything is written: when another plan comes of it, or another
    than that of the `fingerprint`, OutOfDate is raised. `note` is told in the same transaction, when all is written, of
    the safety backup and the rows that were touched. Raises Conflicting, Failed, and what a backup raises.
    """
    wanted = fingerprint or plan.fingerprint
    check_conflicts(plan)
    before = None
    if safety and any(table.rows(plan.alias).exists() for table in plan.staged.tables):
        before = backup.backup(repository, plan.alias, source=SAFETY, full=True, accept_change=True).generation
    try:
        with transaction.atomic(using=plan.alias):
            _lock(plan)
            plan.make()
            if plan.fingerprint != wanted:
                raise OutOfDate("The database has changed since the difference was shown. Look at it once more.")
            Writing(plan).all()
            if note:
                note(before, touched_by(plan))
    except DatabaseError as exc:
        raise Conflicting(f"The database refuses a row, and so nothing was restored: {exc}") from exc
    return before


def check_conflicts(plan: DatabasePlan) -> None:
    """Raises Conflicting, with the first of them."""
    if conflicts := list(plan.steps(CONFLICT, most=3)):
        said = "; ".join(f"{step.model} {step.pk}: {step.why}" for step in conflicts)
        raise Conflicting(f"{plan.total[CONFLICT]:,} rows cannot be restored, and so nothing is. {said}")


def choose(repository: Repository, *, at: datetime | None = None, name: str = "") -> Generation:
    """The backup of that name, else the newest of the desk's database that was read until then.

    As the storage has it. Raises Missing, and Doubtful where a newer one may be there that cannot be believed.
    """
    repository = repository.asking_storage()
    if name:
        return repository.generation(name)
    survey = repository.believed()
    found = chains.of_source(survey.generations, backup.SOURCE)
    check_choice(survey, next((each for each in found if at is None or each.began <= at), None), at, datetime.now(UTC))
    return chains.at(found, at)


def _lock(plan: DatabasePlan) -> None:
    connection = connections[plan.alias]
    if connection.vendor == "postgresql":  # SQLite's transactions are the only writers anyway
        names = ", ".join(connection.ops.quote_name(table.name) for table in plan.staged.tables)
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


def _emptied(found: Staged) -> list[str]:
    """A sentence where retention has removed the files of chosen units: their rows alone come back."""
    table = tables.table(settings.BACKUP_UNIT["model"])
    rows = (row for some in found.rows(table, chosen=True) for _, row in some)
    named = [str(row.get(settings.BACKUP_UNIT["title"])) for row in rows if row.get(settings.BACKUP_UNIT["emptied"])]
    if not named:
        return []
    more = f" and {len(named) - EMPTIED_NAMED:,} more" if len(named) > EMPTIED_NAMED else ""
    return [
        f"Without pictures: {', '.join(named[:EMPTIED_NAMED])}{more}. Retention removed their files "
        f"{settings.GALLEY_TREE_KEEP_DAYS} days after they went to their site (GALLEY_TREE_KEEP_DAYS)."
    ]


def _units(found: Staged, choice: Choice) -> list[int]:
    """Keys of the units that were chosen. Raises Failed for one that the backup does not have."""
    table = tables.table(settings.BACKUP_UNIT["model"])
    name, title, time = (settings.BACKUP_UNIT[said] for said in ("name", "title", "time"))
    moment = next(column for column in table.columns if column.name == time)
    wanted, left, units = set(choice.units), set(choice.units), []
    for some in found.rows(table, chosen=False):
        for pk, row in some:
            named = {str(pk), str(row.get(name)), str(row.get(title))} & wanted
            left -= named
            at = moment.value(row.get(time)) or NEVER
            inside = (choice.begin or NEVER) <= at <= (choice.end or FOREVER)
            if inside and (named or not choice.units):
                units.append(pk)
    if left:
        raise Failed(f"The backup has no {table.model._meta.verbose_name} {', '.join(sorted(left))}.")
    return units

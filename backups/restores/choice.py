"""Which backup is restored, of two storages: never an older one in silence.

Without a word about it a restore takes the first storage. Where that is down, or the second has a newer backup or the
only one, it stops and says so; --storage takes the one that is named. Where the second is down, the first goes on, and
that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backups import configured
from backups.errors import BackupError, Doubtful
from backups.repository.manifests import Generation, Tier
from backups.repository.order import places
from backups.repository.repository import Repository
from backups.storage.port import FIRST, SECOND

Choose = Callable[[Repository], Generation]


@dataclass(frozen=True)
class Choice:
    """A backup and the storage that it comes from; `said` are sentences about the other one."""

    repository: Repository
    generation: Generation
    said: tuple[str, ...] = ()


def chosen(tier: Tier, choose: Choose, *, storage: str = "", at: datetime | None = None, name: str = "") -> Choice:
    """What `choose` takes of a repository: of `storage`, else of the first. It looks for the newest until `at`, or for
    the one of that name, which nothing newer stands in for.

    Raises what it raises, and Doubtful where the second storage knows better.
    """
    repository = configured.repository(tier, storage or FIRST)
    if storage or SECOND not in configured.storages():
        return Choice(
            repository, choose(repository), _told(repository) if storage == SECOND and not (at or name) else ()
        )
    second = configured.repository(tier, SECOND)
    try:
        generation = choose(repository)
    except BackupError as exc:
        raise type(exc)(f"{exc}{_also(second, choose, str(exc))}") from exc
    if name:
        return Choice(repository, generation)
    try:
        newer = _newer(second, repository, generation, at)
    except BackupError as exc:
        return Choice(repository, generation, (f"The second storage could not be asked for a newer one: {exc}",))
    if newer:
        raise Doubtful(
            f"The second storage has a newer backup, {newer.id} of {_said(newer)}, which the first has not; that has "
            f"{generation.id} of {_said(generation)}. Nothing was restored. --storage second takes the newer one, "
            "--storage first the other."
        )
    return Choice(repository, generation)


def _also(second: Repository, choose: Choose, why: str) -> str:
    """What the second storage has, where the first has nothing to give."""
    try:
        found = choose(second)
    except BackupError as exc:
        if str(exc) == why:
            return ""  # the question is wrong, not the storage
        return f" Nor has the second storage one to give: {exc}"
    return f" The second storage has {found.id} of {_said(found)}: --storage second takes it."


def _newer(second: Repository, first: Repository, mine: Generation, at: datetime | None) -> Generation | None:
    """One of the same source that the first storage has lost, and that was made after the chosen one."""
    there = second.asking_storage().survey().generations
    here = {each.id for each in first.survey().generations}
    placed = places([*there, mine])
    newer = [
        each
        for each in there
        if each.source == mine.source and not {each.id, each.same_as} & here and placed[each.id] > placed[mine.id]
        if at is None or each.began <= at
    ]
    return max(newer, key=lambda each: placed[each.id], default=None)


def _told(second: Repository) -> tuple[str, ...]:
    """That the first storage had newer ones, for all that the second was told."""
    return tuple(
        f"The first storage had a newer backup of {source}, {id_}, which was not copied."
        for source, id_ in second.witness.of_first(second.survey().generations).items()
    )


def _said(generation: Generation) -> str:
    return f"{generation.began:%Y-%m-%d %H:%M} UTC"

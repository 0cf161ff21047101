"""Which backup came before which, and whether a newer one may hide behind what cannot be believed.

A clock can be wrong, a chain cannot: what a generation builds on is older than itself. So each is placed at its signed
time, but never after the storage had it, and never after what names it as its parent, or as the last one before. The
time of a clock that was ahead counts until the next backup is made on top of it; one without such a next lies ahead,
and is nobody's choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from backups.errors import Doubtful
from backups.repository.manifests import Generation, Survey

LEEWAY = timedelta(minutes=5)  # by which two good clocks may differ
TICK = timedelta(seconds=1)  # of a storage's clock: S3 tells the second in which it had something
BEFORE = timedelta(microseconds=1)


def places(generations: Iterable[Generation]) -> dict[str, datetime]:
    """When each was made, by id, as far as one can tell."""
    known = {each.id: each for each in generations}
    placed = {
        each.id: min(each.made, each.stored_at + TICK if each.stored_at else each.made) for each in known.values()
    }
    for each in known.values():
        waiting, seen = [each], {each.id}
        while waiting:
            child = waiting.pop()
            for earlier in (known[id_] for id_ in child.before if id_ in known and id_ not in seen):
                if placed[earlier.id] >= placed[child.id]:
                    placed[earlier.id] = placed[child.id] - BEFORE
                    seen.add(earlier.id)
                    waiting.append(earlier)
    return placed


def newest_first(generations: Iterable[Generation]) -> Iterator[Generation]:
    """By place, and by their own times where the storage had both in one second.

    Names carry no meaning: the id decides between two of one moment, so that all agree.
    """
    every = list(generations)
    placed = places(every)
    yield from sorted(every, key=lambda each: (placed[each.id], each.made, each.id), reverse=True)


def ahead(moment: datetime, now: datetime) -> bool:
    """Whether a time lies in the future, so that some clock was wrong."""
    return moment > now + LEEWAY


def check_choice(survey: Survey, chosen: Generation | None, until: datetime | None, now: datetime) -> None:
    """Raises Doubtful when a newer one than the chosen may be there and cannot be believed, naming each.

    `until` is the moment that was asked for; None asks for the newest.
    """
    doubts = _doubts(survey, chosen, until)
    if chosen and until is None and ahead(places(survey.generations)[chosen.id], now):
        doubts.append(f"The backup {chosen.id} says that it is of {_said(chosen.made)}, which lies ahead.")
    if doubts:
        older = f"; the next one before is {chosen.id} of {_said(chosen.made)}" if chosen else ""
        raise Doubtful(
            f"{' '.join(doubts)} So the newest backup cannot be told{older}. Nothing was restored. "
            "manage.py verify_backups says more; --backup ID takes the one that you name."
        )


def _doubts(survey: Survey, chosen: Generation | None, until: datetime | None) -> list[str]:
    older = set(_ancestors(survey.generations, chosen)) if chosen else set()
    return [
        why
        for id_, why in sorted(survey.doubtful.items())
        if id_ not in older and not _lies_outside(_clocks(survey, id_), chosen, until)
    ]


def _ancestors(generations: list[Generation], chosen: Generation) -> Iterator[str]:
    """Ids of all that the chosen one was made after, as far as manifests tell; the last may be unreadable."""
    known: Mapping[str, Generation] = {each.id: each for each in generations}
    seen, waiting = {chosen.id}, [known.get(chosen.id, chosen)]
    while waiting:
        for id_ in waiting.pop().before:
            if id_ not in seen:
                seen.add(id_)
                yield id_
                if id_ in known:
                    waiting.append(known[id_])


def _lies_outside(clocks: list[datetime], chosen: Generation | None, until: datetime | None) -> bool:
    """Whether all clocks say that it is older than the chosen one, or that it is not of the time that was asked for."""
    if not clocks:
        return False
    if until and all(clock > until + LEEWAY for clock in clocks):
        return True
    return chosen is not None and all(clock < chosen.began - LEEWAY for clock in clocks)


def _clocks(survey: Survey, id_: str) -> list[datetime]:
    """When an unreadable one was begun by its name, and stored by the storage's clock."""
    found = [survey.stored[id_]] if id_ in survey.stored else []
    try:
        found.append(datetime.strptime(id_[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        return []  # a name of somebody else's making
    return found


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

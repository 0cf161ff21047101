"""Which backup is the newest: by chains and the storage's clock, whatever a wrong clock has signed."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backups.errors import Doubtful, Failed
from backups.files import restore
from backups.repository import verify
from backups.repository.manifests import Generation, Survey
from backups.repository.order import check_choice, newest_first
from backups.repository.prune import Retention, prune, verdicts
from backups.repository.repository import Repository
from backups.repository.run import begin

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _made(id_: str, days: float, parent: str = "", *, stored: float | None = None, **about: object) -> Generation:
    """So many days ago by its own clock, and by that of the storage."""
    made = NOW - timedelta(days=days)
    at = None if stored is None else NOW - timedelta(days=stored)
    return Generation(id_, "files", made, made, parent or None, {}, {"source": "a"} | about, [], [], at)


def _order(*generations: Generation) -> list[str]:
    return [each.id for each in newest_first(generations)]


def test_what_builds_on_a_backup_is_newer_whatever_the_clocks_said() -> None:
    full, ahead, right = _made("full", 3), _made("ahead", -365, "full"), _made("right", 1, "ahead")
    for some in ([full, ahead, right], [right, ahead, full], [ahead, right, full]):
        assert _order(*some) == ["right", "ahead", "full"]
    assert _order(_made("first", 1), _made("back", 400, "first"), _made("last", 0.5, "back")) == [
        "last",
        "back",
        "first",
    ]


def test_the_storage_knows_when_it_got_a_manifest() -> None:
    assert _order(_made("ahead", -365, stored=2), _made("right", 1, stored=1)) == ["right", "ahead"]
    assert _order(_made("old", 9, stored=0), _made("new", 1, stored=0)) == ["new", "old"]  # all copied at once


@pytest.mark.parametrize("stored", [None, 0.0])
def test_two_of_one_second_stand_as_they_were_made(stored: float | None) -> None:
    """A storage's clock counts whole seconds, and the ids of one second are drawn."""
    second, ids = 1 / 86400, ("b", "a", "c")
    made = [_made(id_, -0.3 * second * n, stored=stored) for n, id_ in enumerate(ids)]
    late = [_made(id_, -60 * second - 0.3 * second * n, stored=stored) for n, id_ in enumerate(ids)]  # a clock ahead
    for each in (made, late):
        assert _order(*each) == _order(*each[::-1]) == ["c", "a", "b"]


def test_a_circle_of_parents_ends() -> None:
    assert sorted(_order(_made("a", 1, "b"), _made("b", 2, "a"))) == ["a", "b"]


def test_one_of_the_future_is_no_default() -> None:
    survey = Survey([_made("ahead", -365), _made("right", 1)])
    with pytest.raises(Doubtful, match="ahead says that it is of 2027-03-01 12:00 UTC, which lies ahead"):
        check_choice(survey, survey.generations[0], None, NOW)
    check_choice(Survey([_made("right", 1)]), _made("right", 1), None, NOW)


@pytest.mark.parametrize(
    ("id_", "stored", "until", "stops"),
    [
        ("20260228T120000-aa", 1.0, None, True),  # between the chosen one and now
        ("20260210T120000-aa", 19.0, None, False),  # older by its name and by the storage
        ("20260210T120000-aa", 0.5, None, True),  # written, or changed, since
        ("20260228T120000-aa", 19.0, None, True),
        ("nobody's", 19.0, None, True),
        ("20260228T120000-aa", 1.0, 3.0, False),  # later than what was asked for
        ("20260226T120000-aa", 3.0, 1.0, True),
    ],
)
def test_what_cannot_be_believed_may_be_newer(id_: str, stored: float, until: float | None, stops: bool) -> None:
    chosen = _made("chosen", 9)
    survey = Survey([chosen], {id_: "It is torn."}, stored={id_: NOW - timedelta(days=stored)})
    asked = None if until is None else NOW - timedelta(days=until)
    if stops:
        with pytest.raises(Doubtful, match="It is torn"):
            check_choice(survey, chosen, asked, NOW)
    else:
        check_choice(survey, chosen, asked, NOW)


def test_what_a_chain_shows_to_be_older_stops_nobody() -> None:
    chosen = _made("chosen", 1, "middle")
    generations = [chosen, _made("middle", 2, "torn")]
    check_choice(Survey(generations, {"torn": "It is torn."}, stored={"torn": NOW}), chosen, None, NOW)


# Removal


def test_a_clock_that_is_ahead_removes_nothing() -> None:
    generations = [_made(f"{n}", n) for n in range(12)]
    found = verdicts(generations, Retention(90, 0), pinned=(), verified=(), now=NOW + timedelta(days=730))
    assert all(found.values())


def test_what_a_pinned_one_builds_on_stays_though_its_time_is_later() -> None:
    chain = [
        *(_made(f"{n}", n) for n in range(2)),
        _made("pinned", 200, "child", needs_parent=True),
        _made("full", 199),
        _made("child", 198, "full", needs_parent=True),
    ]
    found = verdicts(chain, Retention(90, 0), pinned={"pinned"}, verified=(), now=NOW)
    assert (found["child"], found["full"]) == ("pinned needs it", "child needs it")


def _generations(repository: Repository, number: int) -> list[Generation]:
    made: list[Generation] = []
    for n in range(number):
        run = begin(repository, {"source": "a"})
        entry = run.put(f"{n}~{n}", b"%d" % n)
        made.append(run.commit(parent=made[-1] if made else None, counts={}, about={"source": "a"}, objects=[entry]))
    return made


def test_a_single_one_that_lacks_stops_a_removal(repository: Repository) -> None:
    """One of twelve is a small share, and may be the newest."""
    made = _generations(repository, 12)
    repository.object_store.delete(repository.path(f"manifests/{made[-1].id}.json"))
    now = datetime.now(UTC)
    for known in ({each.id for each in made}, {made[0].id}):  # by the rows, and by the storage's own note
        with pytest.raises(Failed, match=f"lacks 1 that are known: {made[-1].id}. Nothing is removed"):
            prune(repository, Retention(0, 0), known=known, verified=(), now=now, apply=True)
    assert len(repository.survey().generations) == 11


def test_generations_are_numbered_and_name_the_one_before(repository: Repository) -> None:
    made = _generations(repository, 3)
    assert [each.number for each in made] == [1, 2, 3]
    assert [each.about["follows"] for each in made] == ["", made[0].digest(), made[1].digest()]


def test_a_machine_that_was_away_misses_nothing(repository: Repository, tmp_path: Path) -> None:
    """What it knew as the newest may be gone by retention, as later ones are there."""
    here = dataclasses.replace(repository, cache=tmp_path / "here")
    first = _generations(here, 1)[0]
    run = begin(repository, {"source": "a"})
    run.commit(parent=first, counts={}, about={"source": "a"})
    repository.object_store.delete(repository.path(f"manifests/{first.id}.json"))
    assert verify.quick(here).unusable == {}


def test_the_newest_is_missed_by_whoever_asks_the_storage(repository: Repository) -> None:
    made = _generations(repository, 2)
    repository.object_store.delete(repository.path(f"manifests/{made[1].id}.json"))
    said = f"{made[1].id}.json, the newest of a, is missing from the storage"
    with pytest.raises(Doubtful, match=said):
        restore.choose(repository, source="a")
    assert restore.choose(repository, source="a", name=made[0].id) == made[0]
    assert said in verify.quick(repository).sentences[0]

    repository.witness.forget()
    assert restore.choose(repository, source="a") == made[0]

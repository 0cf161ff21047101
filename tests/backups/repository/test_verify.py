"""Damage is found, told, and mended by the next backup; and what may go is told by a golden table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups import catalogue, models
from backups.catalogue import share_read
from backups.errors import Failed, StorageUnreachable
from backups.files import backup
from backups.health import report, wording
from backups.repository import verify
from backups.repository.manifests import FILES, Generation
from backups.repository.prune import GRACE, Pruned, Retention, pin, prune, unpin, verdicts
from backups.repository.repository import Repository
from backups.repository.run import PRUNING, begin
from backups.storage.port import INCOMPLETE, ObjectStore
from tests.backups.conftest import KEYS
from tests.backups.files.test_backup import contents, filled, rested, restored  # noqa: F401  a fixture for all
from tests.backups.storage.unreliable import Unreliable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTENTS = {f"{n}.txt": b"page %d" % n for n in range(40)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return filled(tmp_path / "source", CONTENTS)


def key_of(repository: Repository, generation: Generation, path: str) -> str:
    [key] = [entry["key"] for entry in repository.entries(generation) if entry["path"] == path]
    return str(key)


def test_what_is_whole_is_said_to_be(object_store: ObjectStore, source: Path) -> None:
    repository = Repository(object_store, FILES, KEYS)
    backup.backup(repository, source)

    for verdict in (verify.quick(repository), verify.deep(repository, None)):
        assert verdict.whole
        assert verdict.objects == len(CONTENTS) + 1  # and a page
        assert verdict.orphans == 0
    assert [listed.key for listed in object_store.list(repository.path("notes"))] == []


def test_thirty_days_read_everything_once(repository: Repository, source: Path) -> None:
    backup.backup(repository, source)
    read = [verify.deep(repository, slot).objects for slot in range(verify.SLOTS)]

    assert sum(read) == len(CONTENTS) + 1
    assert max(read) < 10
    assert {verify.today(NOW + timedelta(days=n)) for n in range(30)} == set(range(30))


@pytest.mark.parametrize(
    ("damage", "quickly"),
    [
        (lambda object_store, path: object_store.delete(path), True),
        (lambda object_store, path: object_store.put(path, b"", replace=True), True),
        (lambda object_store, path: object_store.put(path, b"page 7 and more", replace=True), True),
        (lambda object_store, path: object_store.put(path, b"pagE 7", replace=True), False),
    ],
    ids=["missing", "truncated", "longer", "a bit flipped"],
)
def test_damage_is_found_and_mended(
    object_store: ObjectStore, source: Path, damage: Callable[[ObjectStore, str], object], quickly: bool, tmp_path: Path
) -> None:
    repository = Repository(object_store, FILES, KEYS, cache=tmp_path / "cache")
    made = backup.backup(repository, source).generation
    key = key_of(repository, made, "7.txt")
    damage(object_store, repository.path(key))
    has_md5s = object_store.head(repository.path(key_of(repository, made, "1.txt"))).etag != ""

    quick = verify.quick(repository)
    assert list(quick.damage) == ([key] if quickly or has_md5s else [])
    deep = verify.deep(repository, None)
    assert list(deep.damage) == [key]
    assert deep.generations == {made.id: [key]}
    assert key in deep.damage[key]

    outcome = backup.backup(repository, source)  # its source still has it
    assert outcome.generation.counts["read"] == 1
    assert verify.deep(repository, None).whole
    assert backup.backup(repository, source).generation.counts["read"] == 0
    assert restored(repository, made, tmp_path / "target") == CONTENTS


def test_a_damaged_page_is_found_and_written_anew(repository: Repository, source: Path) -> None:
    made = backup.backup(repository, source).generation
    repository.object_store.put(repository.path(made.pages[0]["key"]), b"[]\n", replace=True)

    verdict = verify.quick(repository)
    assert list(verdict.damage) == [made.pages[0]["key"]]
    assert verdict.generations == {made.id: [made.pages[0]["key"]]}

    outcome = backup.backup(repository, source)
    assert [finding.kind for finding in outcome.findings] == ["damaged"]
    assert (outcome.generation.counts["files"], outcome.generation.counts["read"]) == (len(CONTENTS), len(CONTENTS))
    assert outcome.generation.pages == made.pages
    assert verify.deep(repository, None).whole


def test_etags_that_are_no_md5_are_settled_by_reading(repository: Repository, source: Path) -> None:
    class Etags(Unreliable):
        def list(self, prefix: str) -> Any:
            return (dataclasses.replace(listed, etag="0" * 32) for listed in self.object_store.list(prefix))

    backup.backup(repository, source)
    odd = dataclasses.replace(repository, object_store=Etags(repository.object_store))
    assert verify.quick(odd).whole
    assert len([call for call in odd.object_store.calls if "objects/" in call]) == verify.TRUST  # type: ignore[attr-defined]


def test_a_manifest_that_cannot_be_believed_is_damage(repository: Repository, source: Path) -> None:
    made = backup.backup(repository, source).generation
    repository.object_store.put(repository.path(f"manifests/{made.id}.json"), b"{}", replace=True)

    verdict = verify.quick(repository)
    assert not verdict.whole
    assert verdict.unusable == {made.id: f"The manifest {made.id}.json is not a signed document."}
    assert verdict.orphans == len(CONTENTS) + 1


@pytest.mark.django_db
def test_a_manifest_that_cannot_be_believed_is_told_until_it_is_mended(repository: Repository, source: Path) -> None:
    first = backup.backup(repository, source).generation
    backup.backup(repository, source)
    path = repository.path(f"manifests/{first.id}.json")
    signed = repository.object_store.get(path, 10**6)
    repository.object_store.put(path, b"{}", replace=True)

    def state() -> tuple[str, list[str]]:
        for verdict in (verify.quick(repository), verify.deep(repository, 1)):
            catalogue.record(verdict, repository, datetime.now(UTC))
        part = next(part for part in report.known(datetime.now(UTC)).parts if part.name == "files")
        return part.state, wording.sentences(part)

    said = f"A manifest cannot be believed, so nothing old is removed: The manifest {first.id}.json is not"
    found, sentences = state()
    assert found == "damaged"
    assert sentences[-1].startswith(said)

    repository.object_store.put(path, signed, replace=True)
    assert state() == ("ok", [])


@pytest.mark.django_db
def test_what_was_found_stays_with_the_rows(repository: Repository, source: Path) -> None:
    first = backup.backup(repository, source).generation
    filled(source, {"7.txt": b"changed"})
    second = backup.backup(repository, source).generation
    key = key_of(repository, first, "7.txt")

    catalogue.record(verify.quick(repository), repository, NOW)
    assert set(models.Generation.objects.values_list("verified_at", flat=True)) == {NOW}
    repository.object_store.delete(repository.path(key))
    catalogue.record(verify.quick(repository), repository, NOW + timedelta(days=1))
    rows = {row.name: row for row in models.Generation.objects.all()}
    assert rows[first.id].damage == [f"{key} is missing from the backup storage."]
    assert rows[first.id].verified_at == NOW
    assert rows[second.id].damage == []
    assert rows[second.id].verified_at == NOW + timedelta(days=1)

    assert share_read("files", NOW) == 0
    for slot in (0, 1, 1):
        catalogue.record(verify.deep(repository, slot), repository, NOW)
    assert share_read("files", NOW) == 2 / 30
    catalogue.record(verify.deep(repository, None), repository, NOW)
    assert share_read("files", NOW) == 1
    assert share_read("files", NOW + timedelta(days=31)) == 0


@pytest.mark.django_db
def test_rows_are_rebuilt_from_the_storage(repository: Repository, source: Path) -> None:
    made = [backup.backup(repository, source).generation for _ in range(3)]
    assert catalogue.rebuild(repository) == []
    rows = models.Generation.objects.all()
    assert [row.name for row in rows] == [each.id for each in reversed(made)]
    assert rows[0].counts == made[2].counts

    repository.object_store.delete(repository.path(f"manifests/{made[1].id}.json"))
    catalogue.rebuild(repository)
    rows = models.Generation.objects.all()
    assert [row.damage for row in rows if row.name == made[1].id] == [
        [f"The manifest {made[1].id}.json is missing from the backup storage."]
    ]
    assert [row.name for row in rows if not row.damage] == [made[2].id, made[0].id]
    catalogue.accept(repository)
    assert [row.name for row in models.Generation.objects.all()] == [made[2].id, made[0].id]
    for each in made:
        repository.object_store.delete(repository.path(f"manifests/{each.id}.json"))
    with pytest.raises(Failed, match="no backup where 2 are known"):
        catalogue.rebuild(repository)
    assert models.Generation.objects.count() == 2


# What may go


def _made(age: float, *, id_: str = "", needs: str = "", source: str = "a", same: str = "") -> Generation:
    made = NOW - timedelta(days=age)
    about = {"source": source} | ({"needs_parent": True} if needs else {}) | ({"same_as": same} if same else {})
    return Generation(id_ or f"{age:g}", "files", made, made, needs or None, {}, about, [], [])


@pytest.mark.parametrize(
    ("ages", "goes", "how"),
    [
        ([], [], {}),
        ([500], [], {}),  # the only one
        ([500, 501], [], {}),
        ([500, 501, 502], [], {}),  # no backup was made since, so none grows old
        ([0, 500, 501, 502], [501, 502], {}),
        ([1, 2, 3, 89.9], [], {}),
        ([0, 1, 2, 90, 91], [90, 91], {}),
        ([0, 1, 2, 90, 91, 92], [92], {"months": 12}),  # the first of December and the last of November
        ([0, 1, 2, 90, 91], [90], {"pinned": {"91"}}),
        ([0, 1, 2, 90, 91, 92, 93], [92, 93], {"verified": {"90", "91", "92", "93"}}),
        ([0, 1, 2, 90, 91, 92, 93], [90, 91], {"verified": {"92", "93"}}),
        ([-1, 0, 90, 91], [90, 91], {}),
        ([-1, -2, -3, 0, 90], [90], {}),
    ],
)  # fmt: skip
def test_golden_table(ages: list[float], goes: list[float], how: dict[str, object]) -> None:
    keep = Retention(days=90, months=int(str(how.get("months", 0))))
    found = verdicts(
        [_made(age) for age in ages], keep,
        pinned=how.get("pinned", ()), verified=how.get("verified", ()), now=NOW,  # type: ignore[arg-type]
    )  # fmt: skip
    assert [float(id_) for id_, stays in found.items() if not stays] == goes


def test_names_mean_nothing() -> None:
    generations = [_made(1, id_="00000000"), _made(2, id_="0"), _made(400, id_="99999999"), _made(401, id_="zzz")]
    found = verdicts(generations, Retention(90, 0), pinned=(), verified=(), now=NOW)
    assert [id_ for id_, stays in found.items() if not stays] == ["99999999", "zzz"]


def test_what_others_need_stays() -> None:
    chain = [_made(1), _made(2), _made(3, needs="100"), _made(100, needs="101"), _made(101), _made(102)]
    found = verdicts(chain, Retention(90, 0), pinned=(), verified=(), now=NOW)
    assert [id_ for id_, stays in found.items() if not stays] == ["102"]
    assert found["101"] == "100 needs it"


def test_what_holds_nothing_new_goes_after_a_day_and_what_it_repeats_stays() -> None:
    """Whatever day somebody asks for, within the days to keep: it is there, if as an earlier one."""
    ages = [0, 0.1, 0.5, 2, 30, 89, 95]
    chain = [_made(age, same="95") for age in ages[:-1]] + [_made(95), _made(96)]
    found = verdicts(chain, Retention(90, 0), pinned=(), verified=(), now=NOW)
    assert [id_ for id_, stays in found.items() if not stays] == ["2", "30", "89", "96"]
    assert found["95"] == "a young one held the same"

    lacking = verdicts(chain[:-2], Retention(90, 0), pinned=(), verified=(), now=NOW)
    assert all(lacking.values()), "what they repeat is not there, so each stands for itself"
    older = [_made(0), _made(1), *(_made(age, same="120") for age in (91, 95)), _made(120)]
    found = verdicts(older, Retention(90, 0), pinned=(), verified=(), now=NOW)
    assert [id_ for id_, stays in found.items() if not stays] == ["91", "95", "120"]


def test_each_source_keeps_its_last_two() -> None:
    generations = [_made(1), _made(2), _made(400, source="b"), _made(401, source="b"), _made(402, source="b")]
    found = verdicts(generations, Retention(90, 0), pinned=(), verified=(), now=NOW)
    assert [id_ for id_, stays in found.items() if not stays] == ["402"]


@pytest.fixture
def generations(repository: Repository, source: Path) -> list[Generation]:
    """Three, each with a content of its own."""
    made = []
    for n in range(3):
        filled(source, {"changing": b"%d" % n})
        made.append(backup.backup(repository, source).generation)
    return made


def _pruned(repository: Repository, *, later: timedelta = timedelta(days=400), **options: object) -> Pruned:
    settings: dict[str, object] = {"known": set(), "verified": set(), "now": datetime.now(UTC) + later, "apply": True}
    return prune(repository, Retention(0, 0), **(settings | options))  # type: ignore[arg-type]


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects need not lie there for a day."""
    monkeypatch.setattr("backups.repository.prune.GRACE", -timedelta(days=1))


def test_removal_is_dry_unless_it_is_meant(repository: Repository, generations: list[Generation]) -> None:
    before = contents(Path(str(repository.object_store)))
    told = _pruned(repository, apply=False)

    assert told.gone == [generations[0].id]
    assert told.objects == 2  # a content and a page
    assert contents(Path(str(repository.object_store))) == before


@pytest.mark.usefixtures("aged")
def test_what_goes_takes_what_nothing_else_names(
    repository: Repository, generations: list[Generation], tmp_path: Path
) -> None:
    pruned = _pruned(repository)

    assert (pruned.gone, pruned.objects, pruned.waits) == ([generations[0].id], 2, "")
    assert repository.survey().generations == generations[:0:-1]
    assert verify.deep(repository, None).whole
    assert verify.quick(repository).orphans == 0
    for n in (1, 2):
        assert restored(repository, generations[n], tmp_path / str(n)) == CONTENTS | {"changing": b"%d" % n}


def test_what_nothing_names_stays_for_a_day(repository: Repository, generations: list[Generation]) -> None:
    assert _pruned(repository).objects == 0
    assert verify.quick(repository).orphans == 2
    assert timedelta(hours=13) < GRACE


@pytest.mark.usefixtures("aged", "generations")
def test_what_a_killed_write_left_goes_too(repository: Repository) -> None:
    repository.object_store.put(repository.path(f"objects/a/{INCOMPLETE}xyz"), b"a part")
    repository.object_store.put(repository.path(f"manifests/{INCOMPLETE}xyz"), b"a part")

    assert verify.quick(repository).orphans == 1
    assert _pruned(repository).objects == 3
    assert verify.quick(repository).whole


@pytest.mark.usefixtures("aged", "generations")
def test_a_pin_keeps_a_generation_for_ever(repository: Repository, generations: list[Generation]) -> None:
    pin(repository, generations[0].id)
    assert _pruned(repository).gone == []
    unpin(repository, generations[0].id)
    assert _pruned(repository).gone == [generations[0].id]


@pytest.mark.usefixtures("aged")
@pytest.mark.parametrize("nth", range(12))
def test_wherever_a_removal_fails_all_that_is_left_is_whole(
    repository: Repository, generations: list[Generation], nth: int
) -> None:
    broken = dataclasses.replace(repository, object_store=Unreliable(repository.object_store, nth))
    with pytest.raises(StorageUnreachable):
        _pruned(broken)

    assert verify.deep(repository, None).whole
    assert len(repository.survey().generations) in (2, 3)
    for listed in repository.object_store.list(repository.path(PRUNING)):
        repository.object_store.delete(listed.key)
    _pruned(repository)
    assert repository.survey().generations == generations[:0:-1]
    assert verify.quick(repository).orphans == 0


@pytest.mark.parametrize("known", [{"a"}, {"a", "b", "c", "d"}])
def test_a_listing_that_cannot_be_true_stops_a_removal(
    repository: Repository, generations: list[Generation], known: set[str]
) -> None:
    class Empty(Unreliable):
        def list(self, prefix: str) -> Any:
            self.calls.append(prefix)
            return iter(())

    for object_store in (repository.object_store, Empty(repository.object_store)):
        with pytest.raises(Failed, match="Nothing is removed"):
            _pruned(dataclasses.replace(repository, object_store=object_store), known=known)
    with pytest.raises(Failed):
        _pruned(dataclasses.replace(repository, object_store=Empty(repository.object_store)))
    assert len(repository.survey().generations) == 3


def test_an_unreadable_manifest_stops_a_removal(repository: Repository, generations: list[Generation]) -> None:
    repository.object_store.put(repository.path(f"manifests/{generations[1].id}.json"), b"{", replace=True)

    with pytest.raises(Failed, match="Nothing is removed while 1 manifests"):
        _pruned(repository)


@pytest.mark.usefixtures("generations")
def test_while_a_run_is_under_way_no_object_goes(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be about to name what is there and what nothing names yet."""
    run = begin(repository, {"source": "another"})
    run.put("a~1", b"content")
    with monkeypatch.context() as patched:
        patched.setattr("backups.repository.prune.GRACE", timedelta(seconds=60))
        pruned = _pruned(repository)
    assert (len(pruned.gone), pruned.objects) == (1, 0)
    assert pruned.waits.startswith("A run is under way")

    run.commit(parent=None, counts={}, about={"source": "another"})
    monkeypatch.setattr("backups.repository.prune.GRACE", -timedelta(days=1))
    assert _pruned(repository).objects == 3


def test_while_objects_go_no_run_begins_to_store(repository: Repository, source: Path) -> None:
    repository.object_store.put(repository.path(f"{PRUNING}/1"), b"{}")

    with pytest.raises(StorageUnreachable, match="Try again in some minutes"):
        backup.backup(repository, source)
    assert repository.survey().generations == []

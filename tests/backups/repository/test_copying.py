"""A second storage is whole at any moment, whatever dies when, and damage does not spread to it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backups.errors import BackupError, Failed, StorageError, StorageUnreachable
from backups.repository import prune
from backups.repository.copying import Copied, copy, kept
from backups.repository.manifests import FILES, Generation, Survey
from backups.repository.order import newest_first
from backups.repository.prune import Retention
from backups.repository.repository import Repository
from backups.repository.run import begin
from backups.repository.verify import deep, note_damage, quick
from backups.storage.folder import Folder
from backups.storage.port import SECOND, STREAM_BYTES, ObjectStore
from tests.backups.conftest import KEYS, bucket
from tests.backups.database.forked import process
from tests.backups.storage.unreliable import Fault, Unreliable, fails, fails_after_success, kills_after, kills_before
from tests.services import s3

CONTENTS = [b"", b"one", b"two", "ä, 中文, 😀".encode() * 99]
NOW = datetime(2026, 5, 27, tzinfo=UTC)


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies loses nothing that the disk has not yet."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def first(tmp_path: Path) -> Repository:
    return Repository(Folder(tmp_path / "first"), FILES, KEYS, cache=tmp_path / "cache")


@pytest.fixture
def second(object_store: ObjectStore, tmp_path: Path) -> Repository:
    return Repository(object_store, FILES, KEYS, cache=tmp_path / "second-cache", storage=SECOND)


@pytest.fixture
def folder_second(tmp_path: Path) -> Repository:
    return Repository(Folder(tmp_path / "second"), FILES, KEYS, storage=SECOND)


def _made(
    repository: Repository, *contents: bytes, parent: Generation | None = None, after: Generation | None = None
) -> Generation:
    """One whose first two entries stand in a page. With `parent` it needs that."""
    run = begin(repository, {"source": "/srv/ocr"})
    names = [f"page~{hashlib.sha256(content).hexdigest()[:32]}.txt" for content in contents]
    entries = [run.put(name, content) for name, content in zip(names, contents, strict=True)]
    pages = [run.page(entries[:2])] if entries[:2] else []
    about = {"source": "/srv/ocr", "needs_parent": bool(parent)}
    counts = {"files": len(entries)}
    return run.commit(parent=parent, after=after, counts=counts, about=about, objects=entries[2:], pages=pages)


def _all(here: Survey, there: Survey) -> list[Generation]:
    return kept(here, there, lambda generations: {each.id: "it is young" for each in generations})


def _is_whole(repository: Repository) -> bool:
    """As a new machine reads it, every byte."""
    verdict = deep(replace(repository, cache=None), None)
    chains = {each.id for each in repository.survey().generations}
    parents = {each.parent for each in repository.survey().generations if each.about["needs_parent"]}
    return verdict.whole and parents <= chains


def _objects(repository: Repository) -> dict[str, bytes]:
    """All that backups consist of, by key."""
    folders = ("objects", "pages", "manifests")
    listed = [each for name in folders for each in repository.object_store.list(repository.path(name))]
    return {each.key: repository.object_store.get(each.key, each.bytes) for each in listed}


def test_all_of_it_is_copied_and_then_nothing(first: Repository, second: Repository) -> None:
    full = _made(first, *CONTENTS, os.urandom(STREAM_BYTES + 5))
    _made(first, b"news", *CONTENTS, parent=full)

    copied = copy(first, second, _all)

    assert [each.id for each in copied.generations] == [each.id for each in reversed(first.survey().generations)]
    assert _objects(second) == _objects(first)
    assert quick(second).whole
    assert _is_whole(second)
    assert not list(second.object_store.list(second.path("notes")))
    again = copy(first, second, _all)
    assert (again.objects, again.generations, again.left) == (0, [], {})


def test_without_news_it_costs_the_same_however_much_there_is(tmp_path: Path) -> None:
    counted = []
    for number in (1, 9):
        at = tmp_path / str(number)
        here, there = Unreliable(Folder(at / "first")), Unreliable(Folder(at / "second"))
        first = Repository(here, FILES, KEYS, cache=at / "cache")
        second = Repository(there, FILES, KEYS, cache=at / "second-cache", storage=SECOND)
        for n in range(number):
            _made(first, *CONTENTS, str(n).encode())
        copy(first, second, _all)
        here.calls.clear()
        there.calls.clear()
        copy(first, second, _all)
        counted.append([*here.calls, *there.calls])

    assert counted[0] == counted[1]
    assert len(counted[0]) == 3


def test_what_both_have_is_not_sent_again(first: Repository, tmp_path: Path) -> None:
    there = Unreliable(Folder(tmp_path / "second"))
    second = Repository(there, FILES, KEYS, storage=SECOND)
    _made(first, *CONTENTS)
    copy(first, second, _all)
    there.calls.clear()

    _made(first, *CONTENTS, b"news")
    copied = copy(first, second, _all)

    assert copied.objects == 1
    assert sum(call.startswith("put source_files/objects") for call in there.calls) == 1


@pytest.mark.parametrize("damage", [b"tw0", b"", None], ids=["flipped", "emptied", "deleted"])
def test_damage_does_not_spread(first: Repository, second: Repository, damage: bytes | None) -> None:
    before = _made(first, b"old")
    damaged = _made(first, *CONTENTS)
    child = _made(first, b"later", parent=damaged)
    after = _made(first, b"news")
    [entry] = [each for each in first.entries(damaged) if each["bytes"] == 3 and each["key"].find(_sha(b"two")) > 0]
    _damage(first, entry["key"], damage)

    copied = copy(first, second, _all)

    assert {each.id for each in copied.generations} == {before.id, after.id}
    assert copied.left.keys() == {damaged.id, child.id}
    assert copied.damage[damaged.id].keys() == {entry["key"]}
    assert _is_whole(second)
    assert all(_sha(content) in key for key, content in _objects(second).items() if "/objects/" in key)

    run = begin(first, {"source": "/srv/ocr"})
    assert entry["key"] in run.damaged, "the next backup stores it anew"
    run.put(entry["key"].removeprefix("objects/"), b"two")
    assert {each.id for each in copy(first, second, _all).generations} == {damaged.id, child.id}
    assert _is_whole(second)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _damage(repository: Repository, key: str, content: bytes | None) -> None:
    path = repository.path(key)
    repository.object_store.delete(path)
    if content is not None:
        repository.object_store.put(path, content)


def test_a_damaged_manifest_is_never_copied_as_it_is(first: Repository, second: Repository, tmp_path: Path) -> None:
    made = _made(first, *CONTENTS)
    content = first.object_store.get(first.path(f"manifests/{made.id}.json"), 10**6)
    _damage(first, f"manifests/{made.id}.json", content.replace(b'"files"', b'"fil3s"', 1))
    bare = replace(first, cache=None)

    with pytest.raises(BackupError, match="can be believed"):
        copy(bare, second, _all)
    assert not _objects(second)

    copy(first, second, _all)  # this machine knows how it was
    assert _is_whole(second)
    assert second.survey().generations == [made]


def test_what_is_damaged_there_is_sent_anew(first: Repository, second: Repository) -> None:
    made = _made(first, *CONTENTS)
    copy(first, second, _all)
    bare = replace(second, cache=None)
    keys = [entry["key"] for entry in [*first.entries(made), *made.pages]]
    for key in keys:
        _damage(second, key, b"other")
    assert len(deep(bare, None).damage) == 3  # what the damaged page names is not known yet

    assert copy(first, bare, _all).mended == 3
    assert len(deep(bare, None).damage) == 2
    assert copy(first, bare, _all).mended == 2
    assert _is_whole(second)
    assert not list(second.object_store.list(second.path("notes")))


def test_what_is_lost_here_comes_back_from_there(first: Repository, second: Repository) -> None:
    made = _made(first, *CONTENTS)
    copy(first, second, _all)
    everything = _objects(first)
    keys = [entry["key"] for entry in [*first.entries(made), *made.pages]]
    for key in keys:
        _damage(first, key, None)
    note_damage(first, keys)
    first.object_store.delete(first.path(f"manifests/{made.id}.json"))
    other = _made(first, b"since")

    copied = copy(second, first, _all)

    assert [each.id for each in copied.generations] == [made.id]
    assert {key: _objects(first)[key] for key in everything} == everything
    assert {each.id for each in first.survey().generations} == {made.id, other.id}
    assert _is_whole(first)


def test_an_emptied_second_storage_is_not_a_new_one(first: Repository, tmp_path: Path) -> None:
    where = tmp_path / "second"
    second = Repository(Folder(where), FILES, KEYS, cache=tmp_path / "second-cache", storage=SECOND)
    _made(first, *CONTENTS)
    copy(first, second, _all)
    where.rename(tmp_path / "unmounted")

    with pytest.raises(Failed, match=r"^The second storage: .* lists no backup, and 1 were seen there"):
        copy(first, second, _all)
    assert not where.exists()


def test_the_storage_that_is_down_is_named(first: Repository, folder_second: Repository) -> None:
    _made(first, *CONTENTS)
    down = Unreliable(Folder("/nowhere"), 0)
    with pytest.raises(StorageUnreachable, match=r"^The second storage: The storage is gone"):
        copy(first, replace(folder_second, object_store=down), _all)
    down.calls.clear()
    with pytest.raises(StorageUnreachable, match=r"^The first storage: The storage is gone"):
        copy(replace(first, object_store=down), folder_second, _all)


def test_a_large_object_names_the_storage_that_failed(first: Repository, folder_second: Repository) -> None:
    _made(first, os.urandom(STREAM_BYTES + 5))
    large = [key for key, content in _objects(first).items() if len(content) > STREAM_BYTES]

    class Half:
        def __init__(self, store: ObjectStore) -> None:
            self.store = store

        def __getattr__(self, name: str) -> object:
            return getattr(self.store, name)

        def stream(self, key: str) -> Iterator[bytes]:
            for chunk in self.store.stream(key):
                yield chunk
                if key in large:
                    raise StorageUnreachable("The line is cut.")

    half = replace(first, object_store=Half(first.object_store))  # type: ignore[arg-type]  # for this test it is one
    with pytest.raises(StorageUnreachable, match=r"^The first storage: The line is cut"):
        copy(half, folder_second, _all)
    assert not {key for key in _objects(folder_second) if key in large}
    copy(first, folder_second, _all)
    assert _is_whole(folder_second)


def test_nothing_is_copied_that_would_be_removed_at_once(first: Repository, folder_second: Repository) -> None:
    made = [_made(first, str(n).encode()) for n in range(5)]

    def verdicts(generations: list[Generation]) -> dict[str, str]:
        found = list(newest_first(generations))
        return prune.verdicts(found, Retention(0, 0), pinned=[made[1].id], verified=[], now=datetime.now(UTC))

    copied = copy(first, folder_second, lambda here, there: kept(here, there, verdicts))
    assert [each.id for each in copied.generations] == [made[1].id, made[3].id, made[4].id]
    assert not copy(first, folder_second, lambda here, there: kept(here, there, verdicts)).generations


def test_the_witness_knows_the_newest_before_it_is_copied(first: Repository, tmp_path: Path) -> None:
    there = Folder(tmp_path / "second")
    knowing = replace(first, elsewhere=there, cache=None)
    second = Repository(there, FILES, KEYS, storage=SECOND)
    old = _made(knowing, b"old")
    newest = _made(knowing, b"new", after=old)
    with pytest.raises(StorageError):
        copy(replace(knowing, object_store=_Deaf(first.object_store)), second, _all)  # type: ignore[arg-type]

    for folder in ("manifests", "newest"):  # rolled back to the day before, with its own notes
        for listed in list(first.object_store.list(first.path(folder))):
            if old.id not in listed.key:
                first.object_store.delete(listed.key)
    assert knowing.asking_storage().survey().lacking.keys() == {newest.id}
    with pytest.raises(Failed, match="lacks 1 that are known"):
        prune.prune(knowing, Retention(0, 0), known=[old.id], verified=[], now=NOW, apply=True)

    gone = Unreliable(there, 0)
    assert not replace(knowing, elsewhere=gone).asking_storage().survey().lacking, "the first goes on without it"


class _Deaf:
    """It lists, and gives no object."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def stream(self, key: str) -> Iterator[bytes]:
        raise StorageUnreachable(f"It does not give {key}.")


# Faults at each call


def _calls(make: Callable[[], tuple[Repository, Repository]]) -> int:
    first, second = make()
    counting = Unreliable(second.object_store)
    copy(first, replace(second, object_store=counting), _all)
    return len(counting.calls)


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[], tuple[Repository, Repository]]:
    """Two storages anew, of which the first has three backups and the second one of them, damaged."""
    made = 0

    def make() -> tuple[Repository, Repository]:
        nonlocal made
        made += 1
        at = tmp_path / str(made)
        first = Repository(Folder(at / "first"), FILES, KEYS)
        second = Repository(Folder(at / "second"), FILES, KEYS, storage=SECOND)
        full = _made(first, b"old", b"older")
        copy(first, second, _all)
        _damage(second, next(iter(first.entries(full)))["key"], b"0ld")
        assert not deep(second, None).whole
        _made(first, b"a", b"b", b"c", parent=full)
        _made(first, b"a", b"d", b"e")
        return first, second

    return make


def _serially(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls in one order each time."""
    monkeypatch.setattr("backups.repository.copying.in_bulk", lambda jobs, work: map(work, jobs))


def _comes_to_its_end(first: Repository, second: Repository) -> None:
    for each in second.survey().generations[:-1]:
        assert not {entry["key"] for entry in second.entries(each)} - {key[13:] for key in _objects(second)}
    copy(first, second, _all)
    assert _is_whole(second)
    assert _objects(second) == _objects(first)


@pytest.mark.parametrize("fault", [fails, fails_after_success])
def test_any_call_may_fail(
    pair: Callable[[], tuple[Repository, Repository]], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    _serially(monkeypatch)
    for nth in range(_calls(pair)):
        first, second = pair()
        failing = replace(second, object_store=Unreliable(second.object_store, nth, fault))
        with suppress(StorageUnreachable):
            copy(first, failing, _all)
        _comes_to_its_end(first, second)


@pytest.mark.parametrize("fault", [kills_before, kills_after])
def test_it_may_be_killed_at_any_call(
    pair: Callable[[], tuple[Repository, Repository]], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    _serially(monkeypatch)
    for nth in range(_calls(pair)):
        first, second = pair()
        mortal = replace(second, object_store=Unreliable(second.object_store, nth, fault))
        with process(lambda here=first, there=mortal: copy(here, there, _all)) as child:  # type: ignore[misc]
            child.has_died()
        _comes_to_its_end(first, second)


def test_a_checkpoint_is_not_sent_again(first: Repository, folder_second: Repository, tmp_path: Path) -> None:
    _made(first, *(str(n).encode() for n in range(40)))
    run = begin(folder_second, {"copy": "files"})
    run.announce()
    [generation] = first.survey().generations
    entries = list(first.entries(generation))
    for entry in entries[:30]:
        folder_second.put(entry["key"], b"".join(first.stored(entry)))
        run.note({"key": entry["key"], "bytes": entry["bytes"], "sha256": entry["sha256"]})
    run.save()

    there = Unreliable(folder_second.object_store)
    copied = copy(first, replace(folder_second, object_store=there), _all)

    assert copied.objects == 10 + len(generation.pages)
    assert sum(call.startswith("put source_files/objects") for call in there.calls) == 10
    assert _is_whole(folder_second)


def test_two_copies_at_once_do_no_harm(first: Repository, folder_second: Repository) -> None:
    for n in range(6):
        _made(first, *(f"{n} {m}".encode() for m in range(20)))

    def deed() -> Copied:
        return copy(first, folder_second, _all)

    with process(deed) as one, process(deed) as other:
        assert (one.code(), other.code()) == (0, 0)
    assert _objects(folder_second) == _objects(first)
    assert _is_whole(folder_second)


def test_from_one_bucket_into_another(rclone: s3.S3, moto: s3.S3, tmp_path: Path) -> None:
    first = Repository(bucket(rclone, f"first/{tmp_path.name}"), FILES, KEYS)
    second = Repository(bucket(moto, f"second/{tmp_path.name}"), FILES, KEYS, storage=SECOND)
    _made(first, *CONTENTS, os.urandom(STREAM_BYTES + 5))

    copy(first, second, _all)

    assert _objects(second) == _objects(first)
    assert _is_whole(second)

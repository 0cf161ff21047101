"""What a removal leaves alone, when it ends, and what it says; the golden table is in `test_verify.py`."""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

from backups.errors import Denied, Failed, Hostile, Missing
from backups.repository.manifests import Generation
from backups.repository.prune import Pruned, Retention, pin, pins, prune
from backups.repository.repository import Repository
from backups.repository.run import PRUNING, begin
from backups.storage.folder import Folder
from tests.backups.conftest import KEYS

HOUR = 3600


@pytest.fixture
def generations(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> list[Generation]:
    """Three, the first of which goes, with an object and a page; nothing needs to lie there for a day."""
    monkeypatch.setattr("backups.repository.prune.GRACE", -timedelta(days=1))
    made = []
    for n in range(3):
        run = begin(repository, {"source": "a"})
        page = run.page([run.put(f"{n}~{n}", b"%d" % n)])
        made.append(run.commit(parent=None, counts={}, about={}, pages=[page]))
    return made


def _pruned(repository: Repository) -> Pruned:
    later = datetime.now(UTC) + timedelta(days=400)
    return prune(repository, Retention(0, 0), known=(), verified=(), now=later, apply=True)


def _with(repository: Repository, deletes: Callable[[Folder, str], None]) -> Repository:
    """The same repository, in a storage that deletes otherwise."""

    class Otherwise(Folder):
        def delete(self, key: str) -> None:
            deletes(Folder(self.root), key)

    return dataclasses.replace(repository, object_store=Otherwise(str(repository.object_store)))


@pytest.mark.usefixtures("generations")
def test_what_a_checkpoint_names_stays(repository: Repository) -> None:
    """Whoever takes up that run relies on it, however long ago it was killed. A note that is not ours names nothing."""
    run = begin(repository, {"source": "a"})
    noted, unnoted = run.put("noted~1", b"content"), run.put("unnoted~1", b"content")
    run.note(noted)
    run.save()
    strangers = KEYS.sign({"entries": [unnoted]}).replace(b'"signature":"', b'"signature":"0')
    repository.object_store.put(repository.path("notes/strangers/1.json"), strangers)

    assert _pruned(repository).objects == 3

    repository.verify(noted)
    with pytest.raises(Missing):
        repository.verify(unnoted)


@pytest.mark.usefixtures("generations")
def test_a_note_of_damage_is_none_of_a_run(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.object_store.put(repository.path("notes/damage/1.json"), KEYS.sign({"keys": []}))
    monkeypatch.setattr("backups.repository.prune.GRACE", timedelta(days=1))

    assert _pruned(repository).waits == ""


@pytest.mark.usefixtures("generations")
def test_a_note_for_which_no_run_waits_any_more_goes(repository: Repository) -> None:
    for name, age in (("dead", HOUR + 60), ("living", HOUR - 60)):
        key = repository.path(f"{PRUNING}/{name}")
        repository.object_store.put(key, b"{}")
        moment = time.time() - age
        os.utime(Path(str(repository.object_store)) / key, (moment, moment))

    _pruned(repository)

    left = [listed.key for listed in repository.object_store.list(repository.path("notes"))]
    assert left == [repository.path(f"{PRUNING}/living")]


@pytest.mark.usefixtures("generations")
def test_it_ends_before_the_runs_that_wait_for_it_go_on(repository: Repository) -> None:
    """They wait for an hour; the next removal goes on."""
    with mock.patch("backups.repository.prune.time.monotonic", side_effect=itertools.count(0, HOUR / 2 + 1)):
        pruned = _pruned(repository)
    assert (pruned.objects, pruned.bytes, pruned.retained) == (0, 0, 2)

    pruned = _pruned(repository)
    assert (pruned.objects, pruned.retained) == (2, 0)
    assert pruned.bytes > 0


def test_what_is_locked_stays_and_is_said(repository: Repository, generations: list[Generation]) -> None:
    def refuses(folder: Folder, key: str) -> None:
        if "/objects/" in key:
            raise Denied("It is locked.")
        folder.delete(key)

    pruned = _pruned(_with(repository, refuses))

    assert (pruned.objects, pruned.retained) == (1, 1)
    assert pruned.report(apply=True).splitlines() == [
        f"removed  {generations[0].id}",
        "2 stay: it is one of the last two",
        f"1 objects with {generations[0].pages[0]['bytes']} bytes went.",
        "1 objects are locked, or wait for the next time.",
    ]


@pytest.mark.parametrize("after", [b"{", None], ids=["one cannot be read", "none is there"])
def test_no_object_goes_once_the_manifests_are_not_as_they_were(
    repository: Repository, generations: list[Generation], after: bytes | None
) -> None:
    """Between the removal of manifests and that of objects somebody, or something, has been at the storage."""

    def loses(folder: Folder, key: str) -> None:
        folder.delete(key)
        for each in generations[1:] if "/manifests/" in key else []:
            other = repository.path(f"manifests/{each.id}.json")
            folder.delete(other) if after is None else folder.put(other, after, replace=True)

    pruned = _pruned(_with(repository, loses))

    assert (pruned.objects, pruned.retained) == (0, 0)
    assert pruned.report(apply=True).endswith("The manifests could not be read once more.")
    assert len(list(repository.object_store.list(repository.path("objects")))) == 3
    assert list(repository.object_store.list(repository.path(PRUNING))) == []


@pytest.mark.parametrize("content", [b"[]\n", None], ids=["damaged", "missing"])
def test_no_object_goes_while_a_page_cannot_be_read(
    repository: Repository, generations: list[Generation], content: bytes | None
) -> None:
    key = repository.path(generations[1].pages[0]["key"])
    repository.object_store.delete(key)
    if content is not None:
        repository.object_store.put(key, content)

    with pytest.raises(Failed, match="Nothing is removed while a page of a backup cannot be read"):
        _pruned(repository)

    assert len(list(repository.object_store.list(repository.path("objects")))) == 3


def test_only_what_is_there_and_ours_is_pinned(repository: Repository, generations: list[Generation]) -> None:
    repository.object_store.put(repository.path("manifests/hostile.json"), KEYS.sign({"format": 1}))
    for name, error in (("none", Missing), ("hostile", Hostile)):
        with pytest.raises(error):
            pin(repository, name)
    assert pins(repository) == set()

    pin(repository, generations[0].id)
    assert pins(repository) == {generations[0].id}


def test_a_dry_run_says_what_would_go_and_how_to_do_it() -> None:
    told = Pruned(
        gone=["1"], stayed={"2": "it is young", "3": "it is pinned", "4": "it is young"}, objects=5, bytes=2048
    )
    assert told.report(apply=False).splitlines() == [
        "would go  1",
        "1 stay: it is pinned",
        "2 stay: it is young",
        "5 objects with 2,048 bytes would go with them.",
        "Nothing was changed. To do it, add --apply",
    ]
    assert Pruned(stayed={"2": "it is young"}).report(apply=False).splitlines() == [
        "1 stay: it is young",
        "0 objects with 0 bytes would go with them.",
    ]

"""Whatever the storage does at any call, wherever a run dies: the next one ends as one does that nothing disturbed."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker, Settings

from articles.models import Article
from backups.database import backup as database_backup
from backups.database import chains, maps, restore
from backups.errors import BackupError, Failed, Forged, StorageUnreachable
from backups.repository import verify
from backups.repository.manifests import DATABASE
from backups.repository.repository import Repository
from backups.storage.folder import Folder
from backups.storage.port import Listed, ObjectStore
from tests.backups import desks
from tests.backups.conftest import KEYS, bucket
from tests.backups.database.forked import process
from tests.backups.database.test_backup import contents
from tests.backups.desks import Copies
from tests.backups.storage.unreliable import Fault, Unreliable, fails, fails_after_success, kills_after, kills_before
from tests.services import s3
from tests.services.http_faults import Faults, in_front_of

WRITES = re.compile(r"begun|chunk_\d{6}|map_\d{6}|manifests")
Held = tuple[dict[str, dict[int, dict[str, Any]]], maps.Map]


@dataclass
class Story:
    """A small database, and the storage as it is before the backup that meets a fault: a full one, or of changes."""

    alias: str
    folder: Path
    expected: Held  # after a backup that nothing disturbed
    calls: list[str]  # that it made
    made: int = 0

    def storage(self) -> Repository:
        """The storage once more as it was before."""
        self.made += 1
        object_store = shutil.copytree(self.folder / "before", self.folder / f"{self.made}")
        return Repository(Folder(object_store), DATABASE, KEYS)

    def backup(self, repository: Repository, object_store: ObjectStore | None = None) -> None:
        database_backup.backup(
            dataclasses.replace(repository, object_store=object_store or repository.object_store), self.alias
        )

    def ends_well(self, repository: Repository) -> None:
        """After one more backup all is as after one that nothing disturbed."""
        self.backup(repository)
        assert held(repository) == self.expected
        if notes := [
            *repository.object_store.list(repository.path("notes"))
        ]:  # of a full one that died after its manifest
            database_backup.backup(repository, self.alias, full=True)
            notes = [*repository.object_store.list(repository.path("notes"))]
        assert notes == []


def held(repository: Repository) -> Held:
    """What the newest backup stands for: its rows, and the map that the next one goes by."""
    survey = repository.survey()
    links = chains.chain(survey, survey.generations[0])
    known = chains.read_map(repository, links)
    for block in (block for blocks in known.values() for block in blocks.values()):
        block.digests = b""
    return contents(repository), known


@pytest.fixture(params=["full", "changes"])
def story(
    request: pytest.FixtureRequest,
    sqlite_copies: Copies,
    django_db_blocker: DjangoDbBlocker,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Story]:
    monkeypatch.setattr(database_backup, "STORING_THREADS", 1)  # so that calls come in the same order each time
    settings.BACKUP_MODELS = ["publishing.Site", "articles.Article"]  # few calls
    (tmp_path / "before").mkdir()
    with django_db_blocker.unblock(), sqlite_copies.desk() as alias:
        desks.fill(alias, 3)
        if request.param == "changes":
            database_backup.backup(Repository(Folder(tmp_path / "before"), DATABASE, KEYS), alias)
        Article.objects.using(alias).filter(pk=1).update(title="changed")
        Article.objects.using(alias).get(pk=2).delete()
        found = Story(alias, tmp_path, ({}, {}), [])
        repository = found.storage()
        calls = Unreliable(repository.object_store)
        found.backup(repository, calls)
        found.expected, found.calls = held(repository), calls.calls
        assert repository.survey().generations[0].about["kind"] == request.param
        with restore.planned(repository, restore.choose(repository), alias, mode="mirror") as plan:
            assert plan.work == plan.total["conflict"] == 0
        yield found


@pytest.mark.dealt(2)
@pytest.mark.parametrize("fault", [fails, fails_after_success])
def test_a_storage_that_fails_at_any_call(story: Story, fault: Fault) -> None:
    for nth in range(len(story.calls)):
        repository = story.storage()
        try:
            story.backup(repository, Unreliable(repository.object_store, nth, fault))
        except StorageUnreachable:
            assert verify.deep(repository, None).whole
        else:
            assert held(repository) == story.expected
        story.ends_well(repository)


@pytest.mark.dealt(2)
@pytest.mark.parametrize("fault", [kills_before, kills_after])
def test_a_process_that_dies_at_any_call(story: Story, fault: Fault) -> None:
    connections[story.alias].close()
    for nth in range(len(story.calls)):
        repository = story.storage()
        with process(partial(story.backup, repository, Unreliable(repository.object_store, nth, fault))) as run:
            run.has_died()
        assert verify.deep(repository, None).whole
        story.ends_well(repository)


@dataclass
class Altering(Unreliable):
    """A storage that keeps something else than it is sent, gives something else than it keeps, or lists nothing.

    It does so at one call, and is `honest` when it tells the MD5 of what it keeps.
    """

    honest: bool = False

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        altered: bytes = self._call(f"put {key}", lambda: content)
        etag = self.object_store.put(key, altered, replace=replace)
        return hashlib.md5(altered, usedforsecurity=False).hexdigest() if self.honest else etag

    def list(self, prefix: str) -> Iterator[Listed]:
        self.calls.append(f"list {prefix}")
        return iter(()) if len(self.calls) == self.nth + 1 else self.object_store.list(prefix)


def cut(call: Callable[[], bytes]) -> bytes:
    return call()[:-1]


def flipped(call: Callable[[], bytes]) -> bytes:
    content = bytearray(call())
    content[len(content) // 2] ^= 1
    return bytes(content)


def nothing(call: Callable[[], bytes]) -> bytes:
    return b""


@pytest.mark.dealt(2)
@pytest.mark.parametrize("alter", [cut, flipped, nothing])
def test_a_storage_that_keeps_something_else(story: Story, alter: Fault) -> None:
    """One that tells is found out at once, one that does not by the next verification; either way it is mended."""
    for nth, call in enumerate(story.calls):
        if not call.startswith("put"):
            continue
        repository = story.storage()
        honest = Altering(repository.object_store, nth, alter, honest=True)
        is_note = "/notes/" in call or "/newest/" in call  # which nothing is restored from
        with nullcontext() if is_note else pytest.raises(Failed, match="kept something else"):
            story.backup(repository, honest)
        # An object that no manifest names does no harm, and a manifest that cannot be believed is no backup.
        assert bool(verify.deep(repository, None).unusable) == ("/manifests/" in call)
        _ends(story, repository)

        repository = story.storage()
        silent = Altering(repository.object_store, nth, alter)
        story.backup(repository, silent)
        verdict = verify.deep(repository, None)
        found = [*verdict.damage, *(f"manifests/{name}.json" for name in verdict.unusable)]
        assert [f"put {repository.path(key)}" for key in found] == [silent.calls[nth]] * (not is_note)
        _ends(story, repository)


@pytest.mark.dealt(2)
@pytest.mark.parametrize("alter", [cut, flipped, nothing])
def test_a_storage_that_gives_something_else(story: Story, alter: Fault) -> None:
    """Or that lists nothing."""
    for nth, call in enumerate(story.calls):
        if call.startswith(("get", "list")):
            repository = story.storage()
            with suppress(BackupError):
                story.backup(repository, Altering(repository.object_store, nth, alter))
            assert verify.deep(repository, None).whole
            story.ends_well(repository)


@pytest.mark.parametrize("alter", [cut, flipped])
def test_a_damaged_manifest_is_found_by_the_machine_that_has_a_copy_of_it(
    sqlite_desk: str, store: Repository, alter: Fault
) -> None:
    """Nothing is built on it from then on: on another machine it is no backup, nor is what follows it."""
    desks.fill(sqlite_desk, 2)
    database_backup.backup(store, sqlite_desk)
    Article.objects.using(sqlite_desk).filter(pk=1).update(title="changed")
    damaged, after = (database_backup.backup(store, sqlite_desk).generation for _ in range(2))
    path = store.path(f"manifests/{damaged.id}.json")
    store.object_store.put(path, alter(lambda: store.object_store.get(path, 2**20)), replace=True)

    verdict = verify.deep(store, None)
    assert [*verdict.unusable] == [damaged.id]
    assert not verdict.whole
    made = database_backup.backup(store, sqlite_desk).generation
    assert str(made.about["why"]).startswith(
        f"The last one cannot be built on: The backup {after.id} builds on {damaged.id}, which cannot be had. "
    )
    elsewhere = dataclasses.replace(store, cache=None)
    with restore.planned(elsewhere, restore.choose(elsewhere), sqlite_desk, mode="mirror") as plan:
        assert plan.work == 0


def _ends(story: Story, repository: Repository) -> None:
    survey = repository.survey()
    if survey.unusable and not survey.generations:
        with pytest.raises(Forged, match="None of the 1 manifests"):  # a person has to look
            story.backup(repository)
    else:
        story.ends_well(repository)


# What a store says


@pytest.fixture(scope="module")
def faulty(moto: s3.S3) -> Iterator[Faults]:
    with in_front_of("127.0.0.1", moto.server.port) as faults:
        yield faults


@pytest.mark.dealt(2)
@pytest.mark.parametrize(
    ("story", "answer", "after"),
    [
        ("full", 409, False),
        ("changes", 409, True),
        ("changes", 412, False),
        ("full", 412, True),
        ("full", 503, False),
        ("changes", 503, True),
    ],
    indirect=["story"],
)
def test_whatever_a_store_answers_to_any_write(
    story: Story, faulty: Faults, moto: s3.S3, answer: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write meets it once, in one run or in several, of which each goes on where the one before it ended."""
    monkeypatch.setattr("backups.storage.bucket.RETRIES", 0)
    faulty.answer, faulty.after, faulty.times = answer, after, 0
    object_store = bucket(dataclasses.replace(moto, endpoint_url=faulty.url), f"{story.folder.name}/{answer}/{after}")
    before = Folder(story.folder / "before")
    for listed in before.list(DATABASE.folder):
        object_store.put(listed.key, before.get(listed.key, listed.bytes))
    repository = Repository(object_store, DATABASE, KEYS)
    left = {write[0] for call in story.calls if (write := WRITES.search(call)) and call.startswith("put")}
    assert left >= {"begun", "chunk_000001", "map_000001", "manifests"}

    def strikes(asked: tuple[str, str]) -> bool:
        write = WRITES.search(asked[1])
        if asked[0] != "PUT" or not write or write[0] not in left:
            return False
        left.remove(write[0])
        return True

    faulty.times, faulty.chosen = len(left), strikes
    while faulty.times:
        with suppress(BackupError):
            story.backup(repository)
        assert left or verify.quick(repository).whole
    story.ends_well(repository)


def test_two_at_once(story: Story) -> None:
    """Two processes that begin when the other one does."""
    connections[story.alias].close()
    for _ in range(3):
        repository = story.storage()
        before = len(repository.survey().generations)
        go, ready = os.pipe()
        twin = partial(process, partial(_after, go, story.backup, repository))
        with twin() as one, twin() as other:
            os.write(ready, b"go")
            assert (one.code(), other.code()) == (0, 0)
        os.close(go)
        os.close(ready)
        survey = repository.survey()
        assert len(survey.generations) == before + 2
        assert verify.deep(repository, None).whole
        for generation in survey.generations[:2]:
            assert contents(repository, generation.id) == story.expected[0]
        story.ends_well(repository)


def _after(go: int, deed: Callable[..., None], *args: Any) -> None:
    os.read(go, 1)
    deed(*args)

"""Whatever fails or dies, wherever: what is complete stays whole, and the next run ends as an undisturbed one does."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backups.errors import BackupError, Failed, StorageUnreachable
from backups.files import backup, restore
from backups.files.target import TEMPORARY
from backups.repository import verify
from backups.repository.manifests import FILES, Generation
from backups.repository.repository import Repository
from backups.storage.bucket import Bucket
from backups.storage.folder import Folder
from backups.storage.port import ObjectStore
from tests.backups.conftest import KEYS, bucket
from tests.backups.files.test_backup import contents, filled, rested, restored  # noqa: F401  a fixture for all
from tests.backups.storage.unreliable import Fault, Unreliable, fails, fails_after_success, kills_after, kills_before
from tests.services import s3
from tests.services.http_faults import Faults, in_front_of

CONTENTS = {"a/1.txt": b"one", "a/2.txt": b"two", "a/copy of 1": b"one", "b": b"", "n\n": b"awkward"}
CHANGED = {"a/2.txt": b"changed", "new": b"new"}


@pytest.fixture(autouse=True)
def noted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint for each file, so that there are many moments with one."""
    monkeypatch.setattr("backups.repository.run.CHECKPOINT_ENTRIES", 1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return filled(tmp_path / "source", CONTENTS)


def before(source: Path) -> None:
    """The source as it was at first."""
    (source / "new").unlink(missing_ok=True)
    filled(source, CONTENTS)


def says(repository: Repository, generation: Generation) -> dict[str, Any]:
    """What a generation says of its files."""
    return {entry["path"]: entry for entry in repository.entries(generation)}


def assert_whole(repository: Repository) -> None:
    """Every generation that there is can be restored to the last byte, and nothing looks like one that is none."""
    survey = repository.survey()
    assert survey.unusable == {}
    verdict = verify.deep(repository, None)
    assert verdict.damage == {}


def undisturbed(repository: Repository, source: Path, folder: Path) -> dict[str, Any]:
    """What a run says that nothing disturbs, in a place of its own. (Which of two equal files came first is open.)"""
    other = dataclasses.replace(repository, object_store=Folder(folder), cache=None)
    return says(other, backup.backup(other, source).generation)


def same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    def without_key(entries: dict[str, Any]) -> dict[str, Any]:
        return {path: {**entry, "key": ""} for path, entry in entries.items()}

    return without_key(found) == without_key(expected)


def test_wherever_the_storage_fails(tmp_path: Path, source: Path) -> None:
    nth = 0
    for fault in (fails, fails_after_success):
        nth, failures = 0, 0
        while True:
            object_store = Folder(tmp_path / fault.__name__ / str(nth))
            repository = Repository(object_store, FILES, KEYS)
            before(source)
            first = backup.backup(repository, source).generation
            filled(source, CHANGED)
            broken = Unreliable(object_store, nth, fault)
            try:
                backup.backup(dataclasses.replace(repository, object_store=broken), source)
            except StorageUnreachable:
                failures += 1
            if nth >= len(broken.calls):
                break

            assert_whole(repository)
            final = backup.backup(repository, source).generation
            assert same(says(repository, final), undisturbed(repository, source, tmp_path / f"{fault.__name__} {nth}"))
            assert_whole(repository)
            assert restored(repository, first, tmp_path / f"first {fault.__name__} {nth}") == CONTENTS
            assert list(object_store.list(repository.path("notes"))) == []
            nth += 1
        assert nth > 12, "a run makes that many calls, or nothing was counted"
        assert failures > 8


def _killed(deed: Callable[[], object]) -> bool:
    """Do it in a process of its own; whether that was killed."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            deed()
        except BaseException:
            traceback.print_exc()
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("fault", [kills_before, kills_after], ids=["before", "after"])
def test_a_backup_killed_at_every_call(tmp_path: Path, source: Path, fault: Fault) -> None:
    """By kill -9, a real process. The run after it finishes the work, and what was complete stays whole."""
    for nth in range(1000):
        object_store = Folder(tmp_path / str(nth))
        repository = Repository(object_store, FILES, KEYS, cache=tmp_path / f"cache {nth}")
        before(source)
        first = backup.backup(repository, source).generation
        filled(source, CHANGED)
        broken = dataclasses.replace(repository, object_store=Unreliable(object_store, nth, fault))
        if not _killed(partial(backup.backup, broken, source)):
            assert nth > 12, "a run makes that many calls, or nothing was counted"
            return
        assert_whole(repository)
        final = backup.backup(repository, source).generation
        assert same(says(repository, final), undisturbed(repository, source, tmp_path / f"other {nth}"))
        assert_whole(repository)
        assert restored(repository, first, tmp_path / f"first {nth}") == CONTENTS
    raise AssertionError("no end")


def test_a_write_killed_before_it_is_complete(tmp_path: Path, source: Path) -> None:
    """In a folder: the moment between the content and its name."""
    replace, seen = os.replace, [0]

    def dying(*args: Any, nth: int) -> None:
        if seen[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        seen[0] += 1
        replace(*args)

    for nth in range(1000):
        repository = Repository(Folder(tmp_path / str(nth)), FILES, KEYS)

        def deed(nth: int = nth, repository: Repository = repository) -> None:
            os.replace = lambda *args: dying(*args, nth=nth)
            backup.backup(repository, source)

        if not _killed(deed):
            assert nth > 8
            return
        assert_whole(repository)
        for made in repository.survey().generations:  # the note of which is the newest comes after it
            assert restored(repository, made, tmp_path / f"made {nth}") == CONTENTS
        final = backup.backup(repository, source).generation
        assert restored(repository, final, tmp_path / f"target {nth}") == CONTENTS


@pytest.mark.parametrize("fault", [kills_before, kills_after], ids=["before", "after"])
def test_a_restore_killed_at_every_call(tmp_path: Path, source: Path, fault: Fault) -> None:
    repository = Repository(Folder(tmp_path / "place"), FILES, KEYS)
    made = backup.backup(repository, source).generation
    for nth in range(1000):
        broken, target = (
            dataclasses.replace(repository, object_store=Unreliable(repository.object_store, nth, fault)),
            tmp_path / f"{nth}",
        )

        def deed(broken: Repository = broken, target: Path = target) -> None:
            restore.restore(broken, restore.plan(broken, made, target), now=datetime.now(UTC))

        if not _killed(deed):
            assert nth > len(CONTENTS)
            return
        there = contents(target) if target.exists() else {}
        there = {path: content for path, content in there.items() if TEMPORARY not in path}
        assert there.items() <= CONTENTS.items(), "each file is whole, or not there"
        assert restored(repository, made, target) == CONTENTS


# What a store says


@pytest.fixture(scope="module")
def faulty(moto: s3.S3) -> Iterator[Faults]:
    with in_front_of("127.0.0.1", moto.server.port) as faults:
        yield faults


@pytest.fixture
def reset(faulty: Faults, monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr("backups.storage.bucket.RETRIES", 1)
    faulty.chosen, faulty.answer, faulty.after, faulty.cut, faulty.times = lambda _: False, 503, False, 0, 1
    faulty.asked.clear()
    return faulty


def _through(faults: Faults, moto: s3.S3, prefix: str) -> Bucket:
    return bucket(dataclasses.replace(moto, endpoint_url=faults.url), prefix)


@pytest.mark.dealt(3)
@pytest.mark.parametrize("after", [False, True], ids=["undone", "done"])
@pytest.mark.parametrize("answer", [None, 409, 412, 500, 503])
@pytest.mark.parametrize(("what", "times"), [("objects/", 1), ("manifests/", 9)], ids=["once", "for good"])
def test_whatever_a_store_answers(
    reset: Faults, moto: s3.S3, tmp_path: Path, source: Path,
    answer: int | None, after: bool, times: int, what: str,
) -> None:  # fmt: skip
    """To one request that writes: before it or after it is done, once or again and again."""
    object_store = _through(reset, moto, tmp_path.name)
    reset.answer, reset.after, reset.times = answer, after, times
    reset.chosen = lambda asked: asked[0] == "PUT" and what in asked[1]
    repository = Repository(object_store, FILES, KEYS)
    try:
        backup.backup(repository, source)
    except BackupError as exc:
        assert str(exc).startswith("The backup storage")  # noqa: PT017
    assert reset.times < times, "something was struck"

    reset.times = 0
    assert_whole(repository)
    final = backup.backup(repository, source).generation
    assert restored(repository, final, tmp_path / "target") == CONTENTS
    assert_whole(repository)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("answer", [None, 503, 500])
def test_whatever_a_store_answers_to_who_reads(
    reset: Faults, moto: s3.S3, tmp_path: Path, source: Path, answer: int | None, method: str
) -> None:
    repository = Repository(_through(reset, moto, tmp_path.name), FILES, KEYS)
    made = backup.backup(repository, source).generation
    reset.answer, reset.times, reset.chosen = answer, 99, lambda asked: asked[0] == method
    if method == "GET":
        with pytest.raises(BackupError):
            repository.survey()
    reset.times = 0

    assert restored(repository, made, tmp_path / "target") == CONTENTS


def test_an_answer_that_breaks_off_is_no_content(reset: Faults, moto: s3.S3, tmp_path: Path, source: Path) -> None:
    repository = Repository(_through(reset, moto, tmp_path.name), FILES, KEYS)
    made = backup.backup(repository, source).generation
    reset.cut, reset.times = 1, 99
    reset.chosen = lambda asked: asked[0] == "GET" and "/objects/" in asked[1]
    target = tmp_path / "target"
    with pytest.raises(StorageUnreachable):
        restore.restore(repository, restore.plan(repository, made, target), now=datetime.now(UTC))
    assert contents(target).items() <= CONTENTS.items()

    reset.times = 0
    assert restored(repository, made, target) == CONTENTS


class _Altering(Unreliable):
    """A storage that keeps something else than it is sent, and says nothing."""

    altered = False

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        if "/objects/a/" in key and content == b"one" and not self.altered:
            self.altered = True
            content = self.fault(lambda: b"one")
        return self.object_store.put(key, content, replace=replace)


@pytest.mark.parametrize("alter", [lambda call: call()[:-1], lambda call: b"O" + call()[1:], lambda _: b""])
def test_a_store_that_keeps_something_else_is_found_out(
    moto: s3.S3, tmp_path: Path, source: Path, alter: Fault
) -> None:
    repository = Repository(_Altering(bucket(moto, tmp_path.name), -1, alter), FILES, KEYS)
    with pytest.raises(Failed, match="kept something else"):
        backup.backup(repository, source)
    assert repository.survey().generations == []

    outcome = backup.backup(repository, source)
    assert restored(repository, outcome, tmp_path / "target") == CONTENTS


class _Empty(Unreliable):
    def list(self, prefix: str) -> Any:
        self.calls.append(prefix)
        return iter(())


def test_an_empty_listing_is_no_new_beginning(tmp_path: Path, source: Path) -> None:
    repository = Repository(Folder(tmp_path / "place"), FILES, KEYS, cache=tmp_path / "cache")
    made = backup.backup(repository, source).generation
    for path in source.rglob("*"):
        if path.is_file():
            path.unlink()
    filled(source, {"the wrong disk": b""})

    with pytest.raises(Failed, match="1 were seen there from this machine"):
        backup.backup(dataclasses.replace(repository, object_store=_Empty(repository.object_store)), source)
    assert repository.survey().generations == [made]


# Two at once


def test_two_runs_at_once(
    request: pytest.FixtureRequest, object_store: ObjectStore, tmp_path: Path, source: Path
) -> None:
    """On two machines, of a source that changes in between: two generations, each whole."""
    filled(source, {f"{n}": b"%d" % n for n in range(150)})
    made: dict[int, Generation] = {}

    def run(n: int) -> None:
        repository = Repository(object_store, FILES, KEYS, cache=tmp_path / f"cache {n}")
        made[n] = backup.backup(repository, source).generation

    threads = [threading.Thread(target=run, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    if request.node.callspec.id == "rclone":
        # Asked to write one name from several sides at once, rclone serves stale sizes until it is started anew. What
        # it keeps are plain files; these count.
        log = request.getfixturevalue("rclone").server.log
        object_store = Folder(log.parent / "s3" / "backups" / "desk" / tmp_path.name)
    repository = Repository(object_store, FILES, KEYS)
    assert len(repository.survey().generations) == 3
    assert_whole(repository)
    for n, generation in made.items():
        assert restored(repository, generation, tmp_path / f"target {n}") == contents(source)
    assert backup.backup(repository, source).generation.counts["read"] == 0

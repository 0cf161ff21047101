"""A restore of files is undone file by file: how it was comes back, and what anybody has changed since stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backups.errors import Failed, Hostile
from backups.files import backup, undo
from backups.files import restore as file_restore
from backups.files.restore import Restored
from backups.files.target import ASIDE, Blocked, Target
from backups.files.undo import Journal
from backups.repository.manifests import Generation
from backups.repository.repository import Repository
from tests.backups.files.test_backup import contents, filled, rested  # noqa: F401  a fixture for all
from tests.backups.files.test_faults import _killed

THEN = {"a/1.txt": b"one", "a/2.txt": b"two", "b/3.txt": b"three", "4.txt": b"four", "n\n\udcff": b"awkward"}
BEFORE = {"a/2.txt": b"2", "4.txt": b"four", "mine": b"mine", "c/also mine": b"also"}
NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "20260301T000000-0a1b2c3d"


@pytest.fixture
def made(repository: Repository, tmp_path: Path) -> Generation:
    return backup.backup(repository, filled(tmp_path / "source", THEN)).generation


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return filled(tmp_path / "target", BEFORE)


@pytest.fixture
def journals(tmp_path: Path) -> Path:
    return tmp_path / "journals"


@pytest.fixture
def restored(repository: Repository, made: Generation, target: Path, journals: Path) -> Journal:
    """As a mirror: two are created in folders of their own, one is replaced, two are set aside."""
    restore(repository, made, target, journals)
    return read(journals)


def restore(repository: Repository, made: Generation, target: Path, journals: Path) -> Restored:
    """Begun, or taken up, as a job does it."""
    planned = file_restore.plan(repository, made, target, mode="mirror")
    journal = Journal.read(journals, NAME)
    if journal is None:
        Journal.of(NAME, planned).write(journals)
    else:
        assert journal.promised(planned)
    return file_restore.restore(repository, planned, now=NOW, aside=NAME)


def read(journals: Path) -> Journal:
    journal = Journal.read(journals, NAME)
    assert journal
    return journal


def actions(journal: Journal) -> dict[str, str]:
    return {step.path: step.action for step in undo.plan(journal).steps}


def test_all_is_as_it_was(restored: Journal, target: Path) -> None:
    assert {path: content for path, content in contents(target).items() if not path.startswith(ASIDE)} == THEN
    planned = undo.plan(restored)
    assert planned.counts() == {"back": 3, "remove": 3, "same": 0, "keep": 0}

    assert undo.undo(planned).failures == {}
    assert contents(target) == BEFORE
    assert sorted(path.name for path in target.iterdir()) == ["4.txt", "a", "c", "mine"], "b was made by the restore"
    assert undo.plan(restored).work() == []


def test_looking_changes_nothing(restored: Journal, target: Path) -> None:
    before = contents(target)
    undo.plan(restored)
    assert contents(target) == before


def test_a_folder_that_the_restore_made_goes(repository: Repository, made: Generation, tmp_path: Path) -> None:
    new, journals = tmp_path / "new" / "folder", tmp_path / "journals"
    restore(repository, made, new, journals)
    assert contents(new) == THEN
    undo.undo(undo.plan(read(journals)))
    assert not new.exists()
    assert undo.plan(read(journals)).work() == []


@pytest.mark.parametrize(
    ("path", "action"),
    [("a/1.txt", "keep"), ("a/2.txt", "keep"), ("mine", "keep"), ("4.txt", None)],
    ids=["created", "replaced", "set aside", "untouched"],
)
def test_what_has_changed_since_stays(restored: Journal, target: Path, path: str, action: str | None) -> None:
    filled(target, {path: b"since", "a/new since": b"new"})
    planned = undo.plan(restored)
    assert actions(restored).get(path) == action
    undo.undo(planned)

    there = contents(target)
    assert (there[path], there["a/new since"]) == (b"since", b"new")
    aside = {name: content for name, content in there.items() if name.startswith(ASIDE)}
    expected = {f"{ASIDE}{NAME}/{path}": BEFORE[path]} if action and path in BEFORE else {}
    assert aside == expected, "and what was before it is still there"
    rest = {name: content for name, content in there.items() if name not in (path, "a/new since", *aside)}
    assert rest == {name: content for name, content in BEFORE.items() if name != path}


def test_what_changes_after_the_plan_stays(restored: Journal, target: Path) -> None:
    planned = undo.plan(restored)
    filled(target, {"a/1.txt": b"since", "a/2.txt": b"since", "mine": b"since"})
    failures = undo.undo(planned).failures
    assert set(failures.values()) == {"It has changed meanwhile, and was kept."}
    assert set(failures) == {"a/1.txt", "a/2.txt", "mine"}
    assert {contents(target)[path] for path in failures} == {b"since"}


def test_what_was_set_aside_and_is_gone_is_said(restored: Journal, target: Path) -> None:
    (target / f"{ASIDE}{NAME}/a/2.txt").unlink()
    [kept] = [step for step in undo.plan(restored).steps if step.action == "keep"]
    assert (kept.path, kept.why) == ("a/2.txt", f"what it replaced is not in {ASIDE}{NAME} any more")
    undo.undo(undo.plan(restored))
    assert contents(target)["a/2.txt"] == b"two"


def test_links_that_come_to_lie_there_are_not_followed(restored: Journal, target: Path, tmp_path: Path) -> None:
    outside = filled(tmp_path / "outside", {"1.txt": b"one", "2.txt": b"two"})
    (target / "a").rename(target / "moved")
    (target / "a").symlink_to(outside)
    undo.undo(undo.plan(restored))
    assert contents(outside) == {"1.txt": b"one", "2.txt": b"two"}


def test_two_at_once_in_one_folder(repository: Repository, made: Generation, restored: Journal, target: Path) -> None:
    planned = undo.plan(restored)
    other = Target(target, "x")
    other.claim()
    with pytest.raises(Blocked, match="Another restore is at work"):
        undo.undo(planned)
    with pytest.raises(Blocked, match="Another restore is at work"):
        file_restore.restore(repository, file_restore.plan(repository, made, target), now=NOW)
    other.close()
    assert undo.undo(planned).failures == {}


def test_what_was_set_aside_is_never_covered_by_another(repository: Repository, made: Generation, target: Path) -> None:
    for content in (b"first", b"second"):
        filled(target, {"a/1.txt": content})
        planned = file_restore.plan(repository, made, target, mode="overwrite")
        result = file_restore.restore(repository, planned, now=NOW, aside=NAME)
    assert list(result.failures) == ["a/1.txt"]
    assert contents(target)[f"{ASIDE}{NAME}/a/1.txt"] == b"first"
    assert contents(target)["a/1.txt"] == b"second"


def test_a_plan_that_is_not_what_was_begun_is_told(
    repository: Repository, made: Generation, target: Path, restored: Journal
) -> None:
    plan = partial(file_restore.plan, repository, made, target, mode="mirror")
    assert restored.promised(plan())
    (target / "a/1.txt").unlink()
    assert restored.promised(plan())
    filled(target, {"a/1.txt": b"since"})
    assert not restored.promised(plan())
    (target / "a/1.txt").unlink()
    filled(target, {"new since": b"x"})
    assert not restored.promised(plan())


@pytest.mark.parametrize(
    "content", ["", "{}", "[]\n", '{"format": 1}\n', '{"format": 1, "target": "/x"}\n["create"]\n', "\0", "\udcff"]
)
def test_a_journal_that_is_none_is_refused(journals: Path, content: str) -> None:
    journals.mkdir()
    (journals / f"{NAME}.jsonl").write_bytes(os.fsencode(content))
    with pytest.raises(Hostile):
        read(journals)
    assert Journal.read(journals, "another") is None
    (journals / "folder.jsonl").mkdir()
    with pytest.raises(Failed):
        Journal.read(journals, "folder")


# Killed at every change that is made to the disk

CHANGES = ("link", "rename", "unlink", "mkdir", "rmdir", "fchmod")


def _dying(nth: int, after: bool) -> None:
    """From now on in this process: the change of this number is the last that it makes, or is not made any more."""
    seen = [0]

    def wrapped(call: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **named: Any) -> Any:
            number, seen[0] = seen[0], seen[0] + 1
            if number == nth and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*args, **named)
            finally:
                if number == nth:
                    os.kill(os.getpid(), signal.SIGKILL)

        return change

    for name in CHANGES:
        setattr(os, name, wrapped(getattr(os, name)))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_change_it_goes_on_and_is_undone(
    repository: Repository, made: Generation, tmp_path: Path, after: bool
) -> None:
    """The restore, by kill -9: no file is half there, taken up it ends as an undisturbed one, and it can be undone."""
    for nth in range(1000):
        target, journals = filled(tmp_path / f"{nth}", BEFORE), tmp_path / f"journals {nth}"

        def deed(target: Path = target, journals: Path = journals, nth: int = nth) -> None:
            _dying(nth, after)
            restore(repository, made, target, journals)

        killed = _killed(deed)
        there = contents(target)
        known = {(path, content) for some in (THEN, BEFORE) for path, content in some.items()}
        for path, content in there.items():
            name = path.removeprefix(f"{ASIDE}{NAME}/")
            assert (name, content) in known or ".galley-part-" in path
        if nth % 2 and (journal := Journal.read(journals, NAME)):  # half of them are undone as they are
            assert undo.undo(undo.plan(journal)).failures == {}
            assert contents(target) == BEFORE
        restore(repository, made, target, journals)
        assert {path: c for path, c in contents(target).items() if not path.startswith(ASIDE)} == THEN
        assert undo.undo(undo.plan(read(journals))).failures == {}
        assert contents(target) == BEFORE
        if not killed:
            assert nth > 20, "a restore makes that many changes, or nothing was counted"
            return
    raise AssertionError("no end")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_undo_killed_at_every_change_is_begun_again(
    repository: Repository, made: Generation, tmp_path: Path, after: bool
) -> None:
    for nth in range(1000):
        target, journals = filled(tmp_path / f"{nth}", BEFORE), tmp_path / f"journals {nth}"
        restore(repository, made, target, journals)
        journal = read(journals)

        def deed(journal: Journal = journal, nth: int = nth) -> None:
            planned = undo.plan(journal)
            _dying(nth, after)
            undo.undo(planned)

        killed = _killed(deed)
        assert undo.undo(undo.plan(journal)).failures == {}
        assert contents(target) == BEFORE
        if not killed:
            assert nth > 8
            return
    raise AssertionError("no end")

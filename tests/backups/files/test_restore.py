"""Files come back as they were, to where they should, and to nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.errors import Failed, Hostile, StorageUnreachable
from backups.files import backup
from backups.files.restore import RESTORE_MODES, Restored, RestorePlan, choose, plan, restore
from backups.files.target import ASIDE, TEMPORARY, Blocked, Target
from backups.repository.manifests import Entry, Generation
from backups.repository.repository import Repository
from backups.repository.run import begin
from tests.backups.files.test_backup import LONG_AGO, contents, filled, rested  # noqa: F401  a fixture for all
from tests.backups.storage.unreliable import Unreliable

THEN = {"a/1.txt": b"one", "a/2.txt": b"two", "b/3.txt": b"three", "4.txt": b"four"}
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def made(repository: Repository, tmp_path: Path) -> Generation:
    return backup.backup(repository, filled(tmp_path / "source", THEN)).generation


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def done(repository: Repository, made: Generation, target: Path, **options: Any) -> Restored:
    return restore(repository, plan(repository, made, target, **options), now=NOW)


def actions(planned: RestorePlan) -> dict[str, str]:
    return {step.path: step.action for step in planned.steps}


def test_a_plan_writes_nothing(repository: Repository, made: Generation, target: Path) -> None:
    planned = plan(repository, made, target)

    assert planned.counts() == {"create": 4, "replace": 0, "same": 0, "keep": 0, "aside": 0}
    assert not target.exists()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("missing", ["create", "same", "keep", "keep", None]),
        ("newer", ["create", "same", "replace", "keep", None]),
        ("overwrite", ["create", "same", "replace", "replace", None]),
        ("mirror", ["create", "same", "replace", "replace", "aside"]),
    ],
)
def test_what_is_there_decides(
    repository: Repository, made: Generation, target: Path, mode: str, expected: list[str | None]
) -> None:
    filled(target, {"a/2.txt": b"two"})
    filled(target, {"b/3.txt": b"older"}, LONG_AGO - 9)
    filled(target, {"4.txt": b"newer", "mine": b"mine"}, LONG_AGO + 9)
    before = contents(target)

    planned = plan(repository, made, target, mode=mode)
    assert [actions(planned).get(path) for path in [*THEN, "mine"]] == expected
    assert contents(target) == before
    result = restore(repository, planned, now=NOW)

    assert result.failures == {}
    now = {path: content for path, content in contents(target).items() if not path.startswith(ASIDE)}
    for path, action in zip([*THEN, "mine"], expected, strict=True):
        want = before.get(path) if action in ("keep", None) else THEN.get(path)
        assert now.get(path) == want
    aside = {Path(*Path(path).parts[1:]): c for path, c in contents(target).items() if path.startswith(ASIDE)}
    assert aside == {Path(p): before[p] for p, a in actions(planned).items() if a in ("replace", "aside")}
    assert plan(repository, made, target, mode=mode).work() == []


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (["a/1.txt"], {"a/1.txt"}),
        (["a"], {"a/1.txt", "a/2.txt"}),
        (["a/", "4.txt"], {"a/1.txt", "a/2.txt", "4.txt"}),
        (["*.txt"], set(THEN)),
        (["?/3.txt"], {"b/3.txt"}),
    ],
)
def test_single_files_folders_and_patterns(
    repository: Repository, made: Generation, target: Path, only: list[str], found: set[str]
) -> None:
    done(repository, made, target, only=only)
    assert set(contents(target)) == found


def test_a_name_that_no_backup_has_is_said(repository: Repository, made: Generation, target: Path) -> None:
    with pytest.raises(Failed, match="no file of that name"):
        plan(repository, made, target, only=["none"])


def test_any_point_in_time(repository: Repository, made: Generation, tmp_path: Path) -> None:
    source = filled(tmp_path / "source", {"4.txt": b"changed"})
    later = backup.backup(repository, source).generation
    other = backup.backup(repository, filled(tmp_path / "other", THEN)).generation

    label = str(source)
    assert choose(repository, source=label) == later
    assert choose(repository, source=label, at=later.made) == later
    assert choose(repository, source=label, at=later.made - timedelta(microseconds=1)) == made
    assert choose(repository, name=other.id) == other
    with pytest.raises(Failed, match="several sources"):
        choose(repository)
    with pytest.raises(Failed, match="no such backup"):
        choose(repository, source=label, at=made.made - timedelta(microseconds=1))


def test_without_any_backup_that_is_said(repository: Repository) -> None:
    with pytest.raises(Failed, match="no backup of files yet"):
        choose(repository)


def test_an_interrupted_restore_is_taken_up(repository: Repository, made: Generation, target: Path) -> None:
    reads = len(THEN) + 1  # and a page
    for nth in range(reads):
        broken = Repository(Unreliable(repository.object_store, nth), repository.tier, repository.signing_keys)
        with pytest.raises((StorageUnreachable, Failed)):
            done(broken, made, target / f"{nth}")
        (target / f"{nth}").mkdir(parents=True, exist_ok=True)
        assert contents(target / f"{nth}").items() <= THEN.items(), "each is whole, or not there"
        done(repository, made, target / f"{nth}")
        assert contents(target / f"{nth}") == THEN


def test_what_a_killed_restore_leaves_is_removed(repository: Repository, made: Generation, target: Path) -> None:
    filled(target, {f"a/{TEMPORARY}0123": b"a part"})
    done(repository, made, target)

    assert contents(target) == THEN


@pytest.mark.parametrize("damage", [b"", b"0ne", b"one and more"])
def test_a_damaged_object_is_never_put_in_place(
    repository: Repository, made: Generation, target: Path, damage: bytes
) -> None:
    """Neither for a file that is not there nor over one that is; all others come back."""
    [key] = [entry["key"] for entry in repository.entries(made) if entry["path"] == "a/1.txt"]
    repository.object_store.put(repository.path(key), damage, replace=True)
    filled(target, {"a/1.txt": b"mine"})
    result = done(repository, made, target, mode="overwrite")

    assert result.failures == {"a/1.txt": f"{key} in the backup storage is not the object that was stored."}
    assert contents(target) == THEN | {"a/1.txt": b"mine"}


def test_a_missing_object_is_said(repository: Repository, made: Generation, target: Path) -> None:
    [key] = [entry["key"] for entry in repository.entries(made) if entry["path"] == "a/1.txt"]
    repository.object_store.delete(repository.path(key))
    result = done(repository, made, target)

    assert list(result.failures) == ["a/1.txt"]
    assert len(contents(target)) == 3


# Never outside of the target


def _signed(repository: Repository, made: Generation, change: Callable[[list[Entry]], object]) -> Generation:
    """A generation as somebody with our key might make it."""
    entries = list(repository.entries(made))
    change(entries)
    run = begin(repository, {})
    return run.commit(parent=None, counts={}, about={"source": "x"}, pages=[run.page(entries)])


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries[0].update(path="../outside"),
        lambda entries: entries[0].update(path="/tmp/outside"),
        lambda entries: entries[0].update(path="a/../../outside"),
        lambda entries: entries[0].update(path="a//b"),
        lambda entries: entries[0].update(path="."),
        lambda entries: entries[0].update(path=""),
        lambda entries: entries[0].update(path="a\0b"),
        lambda entries: entries[0].update(path="x" * 256),
        lambda entries: entries[0].update(path="fine", raw=b"../outside".hex()),
        lambda entries: entries[0].update(path="fine", raw="no hex"),
        lambda entries: entries[0].update(path=entries[1]["path"]),
        lambda entries: entries[0].update(path=f"{entries[1]['path']}/below"),
        lambda entries: entries[0].update(mtime="now"),
        lambda entries: entries[0].update(mtime=1.5),
        lambda entries: entries[0].update(mode=-1),
        lambda entries: entries[0].pop("mode"),
        lambda entries: entries[0].update(path=7),
    ],
)
def test_a_hostile_backup_is_refused_before_anything_is_written(
    repository: Repository, made: Generation, tmp_path: Path, change: Callable[[list[Entry]], object]
) -> None:
    hostile = _signed(repository, made, change)
    inside = tmp_path / "inside" / "target"
    before = contents(tmp_path / "source")

    with pytest.raises((Hostile, Failed), match=r"\.$"):
        done(repository, hostile, inside, mode="mirror")
    assert not inside.exists()
    assert contents(tmp_path / "source") == before


@pytest.mark.parametrize("mode", RESTORE_MODES)
def test_links_in_the_target_are_not_followed(
    repository: Repository, made: Generation, target: Path, tmp_path: Path, mode: str
) -> None:
    outside = filled(tmp_path / "outside", {"1.txt": b"not yours", "4.txt": b"not yours"})
    target.mkdir()
    (target / "a").symlink_to(outside)
    (target / "4.txt").symlink_to(outside / "4.txt")
    planned = plan(repository, made, target, mode=mode)
    assert actions(planned) | {"a": "keep"} == {
        "a": "keep", "a/1.txt": "keep", "a/2.txt": "keep", "b/3.txt": "create", "4.txt": "keep"
    }  # fmt: skip

    restore(repository, planned, now=NOW)
    assert contents(outside) == {"1.txt": b"not yours", "4.txt": b"not yours"}
    assert (target / "b/3.txt").read_bytes() == b"three"


def test_a_link_that_appears_after_the_plan_is_not_followed(
    repository: Repository, made: Generation, target: Path, tmp_path: Path
) -> None:
    outside = filled(tmp_path / "outside", {})
    planned = plan(repository, made, target)
    target.mkdir()
    (target / "a").symlink_to(outside)
    result = restore(repository, planned, now=NOW)

    assert contents(outside) == {}
    assert sorted(result.failures) == ["a/1.txt", "a/2.txt"]
    assert "is a link or a file, not a folder" in result.failures["a/1.txt"]


def test_a_file_that_appears_after_the_plan_is_kept(repository: Repository, made: Generation, target: Path) -> None:
    planned = plan(repository, made, target)
    filled(target, {"4.txt": b"mine"})
    result = restore(repository, planned, now=NOW)

    assert result.failures == {"4.txt": "Something else has come to lie there meanwhile."}
    assert (target / "4.txt").read_bytes() == b"mine"


def test_names_that_a_file_system_takes_for_one_do_not_cover_each_other(
    repository: Repository, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that folds case is played: both names lead to the same file."""
    source = filled(tmp_path / "source", {"Page": b"upper", "page": b"lower", "other": b"x"})
    made = backup.backup(repository, source).generation
    filled(target, {"page": b"old", "Page": b"old"})
    look, put = Target.identity, Target.put
    monkeypatch.setattr(Target, "identity", lambda self, path: look(self, path.lower()))
    monkeypatch.setattr(Target, "put", lambda self, path, chunks, **how: put(self, path.lower(), chunks, **how))
    result = done(repository, made, target, mode="overwrite")

    assert len(result.failures) == 1
    assert "takes its name for that of another" in next(iter(result.failures.values()))


def test_no_right_to_write_is_a_sentence(
    repository: Repository, made: Generation, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    result = done(repository, made, target)

    assert set(result.failures.values()) == {"It cannot be written: No space left on device."}
    assert contents(target) == {}


def test_a_path_is_checked_where_it_is_used(tmp_path: Path) -> None:
    target = Target(tmp_path, "x")
    for path in ("../x", "/x", "a/../b", ""):
        for use in (target.stat, target.sha256, target.set_aside, target.identity):
            with pytest.raises(Hostile):
                use(path)
        with pytest.raises(Hostile):
            target.put(path, [b""], mtime=0, mode=0, replace=True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Blocked):
        target.stat("file/below")
    target.close()

"""What patterns leave out of backups: named and counted, never missed, and never taken away by a restore."""

from __future__ import annotations

from pathlib import Path

import pytest

from backups.files import restore
from backups.files.backup import Shrunk, backup
from backups.files.excluded import Excluded
from backups.repository.repository import Repository


@pytest.mark.parametrize(
    ("pattern", "out", "within"),
    [
        ("*.tmp", ["a.tmp", "x/y/a.tmp", ".tmp", "x.tmp/a"], ["a.tmp.txt", "atmp", "x/tmp"]),
        ("cache/", ["cache/", "x/cache/", "cache/a", "x/cache/y/a"], ["cache", "x/cache", "mycache/a"]),
        ("/drafts/*.txt", ["drafts/a.txt"], ["x/drafts/a.txt", "drafts/y/a.txt", "drafts/"]),
        ("x/cache", ["x/cache", "x/cache/", "x/cache/a"], ["y/x/cache", "x/caches"]),
        ("/x/**/z.txt", ["x/y/z.txt", "x/y/y/z.txt"], ["x/z.txt", "z.txt"]),
        ("page?.txt", ["page1.txt", "x/page2.txt"], ["page.txt", "page/.txt", "page10.txt"]),
        ("a+(b).txt", ["a+(b).txt"], ["aab.txt"]),
        ("é*", ["é", "été", "x/ét/e.txt"], ["e", "x/xé"]),
        ("*\udcff", ["a\udcff"], ["a"]),
    ],
)
def test_patterns(pattern: str, out: list[str], within: list[str]) -> None:
    excluded = Excluded([pattern, "nothing of this name"])
    assert ([path for path in out if not excluded(path)], [path for path in within if excluded(path)]) == ([], [])
    assert not Excluded()("a.tmp")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name in ("1922/a.txt", "1922/b.txt", *(f"cache/{n}.bin" for n in range(30)), "1922/draft.tmp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


OUT = ["*.tmp", "cache/"]


def test_what_is_left_out_is_named_and_not_missed(repository: Repository, source: Path) -> None:
    """Thirty of thirty-three files go because a pattern is new: that is no source that has shrunk."""
    whole = backup(repository, source).generation
    outcome = backup(repository, source, exclude=OUT)

    counts = outcome.generation.counts
    assert (whole.counts["files"], counts["files"], counts["removed"], counts["left_excluded"]) == (33, 2, 0, 2)
    assert {finding.path for finding in outcome.findings} == {"cache/", "1922/draft.tmp"}
    assert not outcome.incomplete
    assert "2 excluded by patterns" in str(outcome)
    assert outcome.generation.about["exclude"] == OUT
    assert "cache/: a pattern in GALLEY_BACKUP_EXCLUDE leaves it out." in outcome.generation.about["findings"]

    # Taken back, all of it is backed up again.
    assert backup(repository, source).generation.counts["files"] == 33


def test_what_is_really_gone_is_still_missed(repository: Repository, source: Path) -> None:
    for n in range(30):
        (source / f"1922/page{n}.txt").write_text("text")
    backup(repository, source)
    for n in range(30):
        (source / f"1922/page{n}.txt").unlink()
    with pytest.raises(Shrunk, match="held 32"):
        backup(repository, source, exclude=OUT)


def test_a_restore_that_mirrors_leaves_it_alone(repository: Repository, source: Path) -> None:
    generation = backup(repository, source, exclude=OUT).generation
    (source / "1922/later.txt").write_text("later")

    planned = restore.plan(repository, generation, source, mode="mirror")

    assert [step.path for step in planned.work()] == ["1922/later.txt"]
    kept = {step.path: step.why for step in planned.differences() if step.action == "keep"}
    assert kept == dict.fromkeys(["1922/draft.tmp", *(f"cache/{n}.bin" for n in range(30))], "it is in no backup")

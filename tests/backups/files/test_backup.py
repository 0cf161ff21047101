"""The file tier: every content once, under a readable name, at the cost of what has changed."""

# ruff: noqa: ARG002  the double of a store has the arguments of one
from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from backups.errors import Forged, Missing
from backups.files import backup as file_backup
from backups.files import copy, restore
from backups.files import source as file_source
from backups.files.backup import PAGE_FILES, TURNS, Outcome, Shrunk, _today, backup, path_of
from backups.files.copy import object_name
from backups.files.source import WHOLE, Scan, Seen, Source, Unreadable, Vanished, _chunks
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import FILES, Entry, Generation, content_sha256, possible_key
from backups.repository.repository import Repository
from backups.repository.signing import SigningKeys
from backups.storage.folder import Folder
from backups.storage.port import STREAM_BYTES, Listed, ObjectStore
from tests.backups.conftest import KEYS
from tests.backups.storage.unreliable import Unreliable

CORPUS = Path(os.environ.get("CORPUS_DIR") or "/nowhere")
LONG_AGO = 1_600_000_000  # seconds
CONTENTS = {f"{n % 3}/page {n}.txt": b"page %d" % n for n in range(20)}
AWKWARD = [
    *("a b", "ä/ö/中文/😀.txt", "e\u0301 (decomposed)", "q'uote\"s", "100%", "a%20b", "a#1", "a?b&c=d+e", "~", "a~b"),
    *(".hidden", "trailing.", "trailing ", " leading", "-rf", "*", "$(x)", "`x`", "back\\slash", "new\nline", "tab\t"),
    *("\x01\x7f", "CON", "nul.txt", "A", "a", "İ", "i\u0307", "x" * 255, "y" * 240 + ".txt", "deep/" * 40 + "f"),
    *("a..b", "...", "\u202egnp.exe", "\udcff\udcfe", "latin-\udce9.txt", "folder-\udce9/f", "\ufeff", "\u2028"),
]


def filled(folder: Path, contents: dict[str, bytes], age: int = LONG_AGO) -> Path:
    """A folder with these files, of a time long ago."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (age, age))
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files need not rest for two seconds until their times are believed."""
    monkeypatch.setattr(copy, "UNSETTLED", -(2**62))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return filled(tmp_path / "source", CONTENTS)


def entries(repository: Repository, outcome: Outcome) -> dict[str, Entry]:
    return {path_of(entry): entry for entry in repository.entries(outcome.generation)}


def restored(repository: Repository, made: Outcome | Generation, folder: Path) -> dict[str, bytes]:
    """The contents that a restore of this backup brings back."""
    generation = made.generation if isinstance(made, Outcome) else made
    planned = restore.plan(repository, generation, folder)
    done = restore.restore(repository, planned, now=datetime.now(UTC))
    assert done.failures == {}
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_lost_and_restored(object_store: ObjectStore, tmp_path: Path, encrypted: bool) -> None:
    """Back up, lose everything, restore from the storage alone, compare: names, contents, times and modes."""
    key = Fernet.generate_key().decode()
    repository = Repository(object_store, FILES, KEYS, EncryptionKeys([key] if encrypted else []))
    names = {name: name.encode(errors="surrogateescape") for name in AWKWARD}
    large = os.urandom(STREAM_BYTES + 3)
    source = filled(tmp_path / "source", names | {"empty": b"", "large.bin": large, "large again": large})
    (source / "-rf").chmod(0o640)
    outcome = backup(repository, source)
    assert outcome.generation.counts["files"] == len(names) + 3
    assert not outcome.incomplete

    again = restored(
        Repository(object_store, FILES, KEYS, EncryptionKeys([key] if encrypted else [])), outcome, tmp_path / "target"
    )
    assert again == contents(source)
    assert (tmp_path / "target" / "-rf").stat().st_mode & 0o777 == 0o640
    assert {(tmp_path / "target" / name).stat().st_mtime for name in again} == {LONG_AGO}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="CORPUS_DIR names no folder with the corpus")
def test_the_corpus_comes_back(object_store: ObjectStore, tmp_path: Path) -> None:
    repository = Repository(object_store, FILES, KEYS)
    outcome = backup(repository, CORPUS / "ocr")

    assert restored(repository, outcome, tmp_path / "target") == contents(CORPUS / "ocr")


def test_an_object_lies_under_its_files_name(repository: Repository, source: Path) -> None:
    outcome = backup(repository, source)

    [key] = [entry["key"] for path, entry in entries(repository, outcome).items() if path == "1/page 1.txt"]
    assert key.startswith("objects/1/page 1~")
    assert key.endswith(".txt")
    assert repository.object_store.get(repository.path(key), 100) == b"page 1"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.txt", "a/b~" + "0" * 32 + ".txt"),
        ("b", "b~" + "0" * 32),
        (".hidden", ".hidden~" + "0" * 32),
        ("a.tar.gz", "a.tar~" + "0" * 32 + ".gz"),
        ("what a name. That is not an ending", "what a name. That is not an ending~" + "0" * 32),
        ("e\u0301", "é~" + "0" * 32),
        ("new\nline", "odd/" + "0" * 64),
        ("\udcff", "odd/" + "0" * 64),
        ("x" * 255, "odd/" + "0" * 64),
        ("deep/" * 300 + "f", "odd/" + "0" * 64),
    ],
)
def test_names_of_objects(path: str, name: str) -> None:
    assert object_name(path, "0" * 64) == name
    assert possible_key(f"objects/{name}")


def test_a_changed_content_lies_beside_the_earlier_one(repository: Repository, source: Path, tmp_path: Path) -> None:
    first = backup(repository, source)
    (source / "1/page 1.txt").write_bytes(b"changed")
    second = backup(repository, source)

    assert second.generation.counts["read"] == second.generation.counts["stored"] == 1
    assert second.generation.parent == first.generation.id
    old, new = (entries(repository, each)["1/page 1.txt"] for each in (first, second))
    assert old["key"] != new["key"]
    assert restored(repository, first, tmp_path / "then")["1/page 1.txt"] == b"page 1"
    assert restored(repository, second, tmp_path / "now")["1/page 1.txt"] == b"changed"


def test_the_same_content_is_stored_once(repository: Repository, tmp_path: Path) -> None:
    source = filled(tmp_path / "source", {f"copy {n}": b"the same" for n in range(50)})
    outcome = backup(repository, source)
    (source / "copy 0").rename(source / "renamed")
    second = backup(repository, source)

    assert outcome.generation.counts["objects"] == outcome.generation.counts["stored"] == 1
    assert (second.generation.counts["objects"], second.generation.counts["stored"]) == (1, 0)
    assert second.generation.counts["removed"] == 1


@pytest.mark.parametrize("earlier", [False, True])
def test_a_folder_that_is_unmounted_in_between_gives_no_complete_backup(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    source = filled(tmp_path / "source", {f"{n}.txt": b"page %d" % n for n in range(100)})
    if earlier:
        backup(repository, source)
        filled(source, {f"{n}.txt": b"changed %d" % n for n in range(100)}, age=LONG_AGO + 1)
    real, left = Source.read, iter(range(20))

    def read(self: Source, path: str) -> tuple[Seen, bytes]:
        if next(left, None) is None:
            raise Vanished("it vanished before it was read.")
        return real(self, path)

    with monkeypatch.context() as unmounted:
        unmounted.setattr(Source, "read", read)
        with pytest.raises(Shrunk, match=r"Of 100 files of .* 80 vanished while they were read"):
            backup(repository, source)
    assert len(repository.survey().generations) == earlier
    outcome = backup(repository, source)
    assert (outcome.incomplete, outcome.generation.counts["files"]) == (False, 100)
    assert outcome.generation.counts["stored"] == 80  # what was stored is used


def test_what_is_kept_as_it_was_makes_a_backup_incomplete(
    repository: Repository, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(repository, source)
    filled(source, {"0/page 0.txt": b"changed"}, age=LONG_AGO + 1)

    def vanished(_self: Source, _path: str) -> tuple[Seen, bytes]:
        raise Vanished("it vanished before it was read.")

    monkeypatch.setattr(Source, "read", vanished)
    outcome = backup(repository, source)
    assert (outcome.incomplete, outcome.generation.counts["earlier"]) == (True, 1)


def test_a_run_with_nothing_to_do_reads_nothing_and_asks_three_times(
    repository: Repository, source: Path, tmp_path: Path
) -> None:
    cached = dataclasses.replace(repository, cache=tmp_path / "cache")
    backup(cached, source)
    watched = Unreliable(repository.object_store)
    outcome = backup(dataclasses.replace(cached, object_store=watched), source)

    assert outcome.generation.counts["read"] == 0
    assert [call.split()[0] for call in watched.calls] == ["list", "list", "put"]
    assert "manifests/" in watched.calls[-1]


def test_what_holds_nothing_new_says_of_which_it_is_a_repetition(repository: Repository, source: Path) -> None:
    first, *same = (backup(repository, source).generation for _ in range(3))
    (source / "1/page 1.txt").write_bytes(b"changed")
    changed = backup(repository, source).generation

    assert [each.same_as for each in (first, *same, changed)] == ["", first.id, first.id, ""]


def test_a_change_rewrites_its_page_alone(repository: Repository, tmp_path: Path) -> None:
    source = filled(tmp_path / "source", {f"{n}": b"%d" % n for n in range(3 * PAGE_FILES)})
    first = backup(repository, source)
    (source / "7").write_bytes(b"changed")
    second = backup(repository, source)

    pages = [{page["sha256"] for page in each.generation.pages} for each in (first, second)]
    assert len(pages[0]) > 1
    assert len(pages[1] - pages[0]) == 1
    assert len(entries(repository, second)) == 3 * PAGE_FILES


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"longer than it was"),
        lambda path: os.utime(path, (LONG_AGO + 1, LONG_AGO + 1)),
        lambda path: filled(path.parent, {path.name: b"PAGE 1"}),  # ctime tells
        lambda path: (path.rename(path.with_name("x")), path.write_bytes(b"PAGE 1"), (path.with_name("x")).unlink()),
    ],
    ids=["size", "mtime", "ctime", "inode"],
)
def test_what_may_have_changed_is_read(repository: Repository, source: Path, change: Callable[[Path], Any]) -> None:
    backup(repository, source)
    change(source / "1/page 1.txt")

    assert backup(repository, source).generation.counts["read"] == 1


def test_a_file_written_to_just_now_is_read_again(
    repository: Repository, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be written to once more within the same tick of the clock."""
    monkeypatch.setattr(copy, "UNSETTLED", 10**18)
    first = backup(repository, source)
    assert all(entry["unsettled"] for entry in entries(repository, first).values())
    monkeypatch.setattr(copy, "UNSETTLED", -(2**62))

    assert backup(repository, source).generation.counts["read"] == 20
    assert backup(repository, source).generation.counts["read"] == 0


def test_every_file_is_read_again_in_its_turn(
    repository: Repository, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, today = 0, _today()
    monkeypatch.setattr(file_backup, "_today", lambda: today)
    backup(repository, source)
    for day in range(1, TURNS + 1):
        monkeypatch.setattr(file_backup, "_today", lambda day=day: today + day)
        read += backup(repository, source).generation.counts["read"]
        assert backup(repository, source).generation.counts["read"] == 0, "once a day"
    assert read == 20

    monkeypatch.setattr(file_backup, "_today", lambda: today + 99)
    assert backup(repository, source).generation.counts["read"] == 20, "after a long pause all at once"


def test_a_silent_change_is_found_in_its_turn(
    repository: Repository, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that rots changes no time."""
    backup(repository, source)
    seen = Seen.of
    monkeypatch.setattr(Seen, "of", lambda path, found: dataclasses.replace(seen(path, found), ctime=0))
    backup(repository, source)
    (source / "1/page 1.txt").write_bytes(b"rotten")
    os.utime(source / "1/page 1.txt", (LONG_AGO, LONG_AGO))
    assert backup(repository, source).generation.counts["stored"] == 0

    monkeypatch.setattr(file_backup, "_today", lambda: 10**6)
    assert backup(repository, source).generation.counts["stored"] == 1


# What cannot be read is said, counted, and never fatal


def test_links_sockets_and_pipes_are_said(repository: Repository, source: Path) -> None:
    (source / "link").symlink_to("/etc/passwd")
    (source / "folder link").symlink_to("/etc")
    (source / "loop").symlink_to("loop")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(source / "socket"))
    outcome = backup(repository, source)

    counts = outcome.generation.counts
    assert (counts["left_symlink"], counts["left_pipe"], counts["left_socket"]) == (3, 1, 1)
    assert counts["files"] == 20
    assert not outcome.incomplete
    assert "link: a symlink has no content to back up." in [str(finding) for finding in outcome.findings]


def test_a_file_that_vanishes_is_said(repository: Repository, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = Source.scan

    def slow(self: Source) -> Scan:
        found = scan(self)
        (source / "1/page 1.txt").unlink()
        (source / "1/page 4.txt").unlink()
        (source / "1/page 4.txt").symlink_to("/etc/passwd")
        return found

    monkeypatch.setattr(Source, "scan", slow)
    outcome = backup(repository, source)

    assert sorted(str(finding) for finding in outcome.findings) == [
        "1/page 1.txt: it vanished before it was read.",
        "1/page 4.txt: it cannot be read: Too many levels of symbolic links.",
    ]
    assert outcome.generation.counts["files"] == 18


@pytest.mark.parametrize("size", [100, WHOLE + 1], ids=["small", "large"])
def test_a_file_that_changes_while_it_is_read_is_kept_as_it_was(
    repository: Repository, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    filled(source, {"log": b"then".ljust(size)})
    backup(repository, source)
    filled(source, {"log": b"now".ljust(size), "new log": b"x" * size}, LONG_AGO + 9)
    original = _chunks

    def meanwhile(*args: Any) -> Any:
        for chunk in original(*args):
            for name in ("log", "new log"):
                (source / name).touch()
            yield chunk

    monkeypatch.setattr(file_source, "_chunks", meanwhile)
    outcome = backup(repository, source)
    assert outcome.incomplete
    assert {str(finding) for finding in outcome.findings} == {
        "log: it changed while it was read.",
        "new log: it changed while it was read.",
    }
    assert outcome.generation.counts["earlier"] == 1
    found = restored(repository, outcome, tmp_path / "target")
    assert found["log"] == b"then".ljust(size)
    assert "new log" not in found

    monkeypatch.setattr(file_source, "_chunks", original)
    assert restored(repository, backup(repository, source), tmp_path / "later") == contents(source)


def test_a_file_that_fails_takes_no_twin_with_it(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two large files of one content, the first to be read vanishes before it is stored."""
    source = filled(tmp_path / "source", dict.fromkeys("abc", b"x" * (WHOLE + 1)))
    vanished: list[str] = []

    def once(self: Source, path: str) -> Any:
        if not vanished:
            vanished.append(path)
            raise Vanished("it vanished before it was read.")
        return original(self, path)

    original = Source.chunks
    monkeypatch.setattr(Source, "chunks", once)
    outcome = backup(repository, source)

    assert [finding.path for finding in outcome.findings] == vanished
    assert outcome.generation.counts["files"] == 2


def test_a_folder_that_cannot_be_read_keeps_its_files(
    repository: Repository, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = contents(source)
    backup(repository, source)
    scandir = os.scandir

    def denied(path: Any) -> Any:
        if str(path).rstrip("/").endswith("source/1"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", denied)
        outcome = backup(repository, source, accept_shrink=True)

    assert outcome.incomplete
    assert [str(finding) for finding in outcome.findings] == ["1/: this folder cannot be read: Permission denied."]
    assert (outcome.generation.counts["files"], outcome.generation.counts["earlier"]) == (20, 7)
    assert restored(repository, outcome, tmp_path / "target") == before


# A source that is not believed


def test_an_empty_or_missing_source_stops(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="not mounted"):
        backup(repository, tmp_path / "none")
    with pytest.raises(Shrunk, match="holds no files"):
        backup(repository, filled(tmp_path / "empty", {}))
    assert list(repository.object_store.list(FILES.folder)) == []


@pytest.mark.parametrize(("left", "stops"), [(0, True), (10, True), (17, True), (18, False), (20, False)])
def test_a_source_that_has_shrunk_stops(repository: Repository, source: Path, left: int, stops: bool) -> None:
    first = backup(repository, source)
    for path in sorted(source.rglob("*.txt"))[left:]:
        path.unlink()

    if stops:
        with pytest.raises(Shrunk, match="held 20 with"):
            backup(repository, source)
        assert repository.survey().generations == [first.generation]
    outcome = backup(repository, source, accept_shrink=True)
    assert outcome.generation.counts["removed"] == 20 - left


def test_a_source_whose_files_have_become_empty_stops(repository: Repository, source: Path) -> None:
    backup(repository, source)
    for path in source.rglob("*.txt"):
        path.write_bytes(b"")

    with pytest.raises(Shrunk, match="with 0 bytes"):
        backup(repository, source)


def test_sources_are_told_apart(repository: Repository, source: Path, tmp_path: Path) -> None:
    backup(repository, source)
    other = backup(repository, filled(tmp_path / "other", {"a": b"a"}))
    again = backup(repository, source)

    assert other.generation.parent is None
    assert again.generation.counts["read"] == 0


def test_manifests_that_nobody_can_believe_stop(repository: Repository, source: Path) -> None:
    backup(repository, source)
    other = dataclasses.replace(repository, signing_keys=SigningKeys(["a key that has signed nothing so far"]))

    with pytest.raises(Forged, match="None of the 1 manifests"):
        backup(other, source)


def test_encryption_keys_change_as_files_take_their_turns(
    folder: Folder, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    backup(Repository(folder, FILES, KEYS, EncryptionKeys([old])), source)
    monkeypatch.setattr(file_backup, "_today", lambda: 10**6)
    repository = Repository(folder, FILES, KEYS, EncryptionKeys([new, old]))
    outcome = backup(repository, source)

    assert {entry["sealed"] for entry in entries(repository, outcome).values()} == {repository.encryption_keys.name}
    alone = Repository(folder, FILES, KEYS, EncryptionKeys([new]))
    assert restored(alone, outcome, tmp_path / "target") == contents(source)


# Large files


def test_a_gigabyte_goes_there_and_back_with_flat_memory(folder: Folder, tmp_path: Path) -> None:
    """A sparse file, so that only time for hashing is spent."""
    source = filled(tmp_path / "source", {"small": b"x"})
    with (source / "huge").open("wb") as file:
        file.truncate(2**30)
    repository = Repository(_Counting(), FILES, KEYS)
    outcome = backup(repository, source)

    assert entries(repository, outcome)["huge"]["bytes"] == 2**30
    assert content_sha256(entries(repository, outcome)["huge"]).startswith("49bc20df15e412a6")
    assert repository.object_store.largest <= STREAM_BYTES  # type: ignore[attr-defined]


class _Counting(Folder):
    """Keeps small objects in memory, and of streams only the count."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.largest = 0

    def put(self, key: str, content: bytes, *, replace: bool = False) -> str:
        self.kept[key] = content
        return ""

    def put_stream(self, key: str, chunks: Any, size: int) -> None:
        seen = 0
        for chunk in chunks:
            self.largest, seen = max(self.largest, len(chunk)), seen + len(chunk)
        assert seen == size
        self.sizes[key] = seen

    def get(self, key: str, limit: int) -> bytes:
        if key not in self.kept:
            raise Missing(key)
        return self.kept[key]

    def head(self, key: str) -> Any:
        return Listed(key, self.sizes[key], datetime.now(UTC))

    def list(self, prefix: str) -> Any:
        return iter(())

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)

"""A generation is what its signed manifest names, or it is nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from backups.errors import BackupError, Changed, Damaged, Denied, Exists, Forged, Hostile, Missing, TooLarge
from backups.repository import manifests
from backups.repository.encryption import PIECE, EncryptionKeys, Undecryptable, encrypted_size
from backups.repository.manifests import DATABASE, FILES, Entry, Generation, Page, possible_key
from backups.repository.repository import Repository
from backups.repository.run import begin
from backups.repository.signing import SigningKeys, canonical
from backups.storage.bulk import in_bulk
from backups.storage.folder import Folder
from backups.storage.port import STREAM_BYTES, ObjectStore
from tests.backups.conftest import KEYS, bucket
from tests.services import s3

PLAN = {"source": "/srv/ocr"}
CONTENTS = [b"", b"x", "ä, 中文, 😀".encode() * 999]


def _named(content: bytes) -> str:
    return f"page~{hashlib.sha256(content).hexdigest()[:32]}.txt"


def _filled(repository: Repository, *contents: bytes) -> Generation:
    run = begin(repository, PLAN)
    entries = [run.put(_named(content), content) for content in contents]
    pages = [run.page(entries[:2])]
    return run.commit(parent=None, counts={"files": len(entries)}, about={"a": "ä"}, objects=entries[2:], pages=pages)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_what_is_stored_is_read_again(object_store: ObjectStore, encrypted: bool) -> None:
    repository = Repository(
        object_store, FILES, KEYS, EncryptionKeys([Fernet.generate_key().decode()] if encrypted else [])
    )
    large = os.urandom(2 * STREAM_BYTES + 5)
    run = begin(repository, PLAN)
    entries = [run.put(_named(content), content) for content in CONTENTS]
    pieces = (large[n : n + 3_000_000] for n in range(0, len(large), 3_000_000))
    entries.append(run.put_stream(_named(large), len(large), hashlib.sha256(large).hexdigest(), pieces))
    made = run.commit(parent=None, counts={"files": 4}, about={}, objects=entries[:1], pages=[run.page(entries[1:])])

    assert repository.survey().generations == [made]
    found = list(repository.entries(repository.generation(made.id)))
    assert found == entries
    for entry, content in zip(found, [*CONTENTS, large], strict=True):
        repository.verify(entry)
        assert repository.read(entry) == b"".join(repository.stream(entry)) == content


def test_stores_say_the_same(object_store: ObjectStore) -> None:
    etag = object_store.put("a/b", b"first")

    with pytest.raises(Missing, match="not in the backup storage"):
        object_store.get("a/none", 10)
    with pytest.raises(Missing):
        object_store.head("a/none")
    with pytest.raises(Missing):
        list(object_store.stream("a/none"))
    with pytest.raises(TooLarge):
        object_store.get("a/b", 4)
    assert etag in ("", hashlib.md5(b"first", usedforsecurity=False).hexdigest())
    assert object_store.head("a/b").bytes == 5
    assert list(object_store.list("nowhere")) == []
    object_store.put("a/b", b"other", replace=True)
    assert object_store.get("a/b", 5) == b"other"
    assert [listed.key for listed in object_store.list("a")] == ["a/b"]
    object_store.delete("a/b")
    object_store.delete("a/b")
    assert list(object_store.list("a")) == []


def test_what_is_there_is_not_written_over_where_the_store_can_tell(folder: Folder, moto: s3.S3) -> None:
    for object_store in (folder, bucket(moto, "once")):
        object_store.put("a", b"first")
        with pytest.raises(Exists):
            object_store.put("a", b"other")
        assert object_store.get("a", 5) == b"first"


def test_a_wrong_key_is_a_sentence(rclone: s3.S3) -> None:
    with pytest.raises(Denied, match="does not let us reach"):
        bucket(rclone, "x", secret_access_key="not the secret key, but long").put("a", b"")


def test_a_source_that_changes_leaves_nothing(object_store: ObjectStore) -> None:
    run = begin(Repository(object_store, FILES, KEYS), PLAN)

    def broken() -> Iterator[bytes]:
        yield b"x" * (STREAM_BYTES + 1)
        raise Changed("The disk is gone.")

    for chunks in ([b"longer"], [b"other"], broken()):
        with pytest.raises(Changed):
            run.put_stream("a", 5, hashlib.sha256(b"first").hexdigest(), chunks)

    assert list(object_store.list(f"{FILES.folder}/objects")) == []


def test_an_interrupted_run_is_taken_up(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backups.repository.run.CHECKPOINT_ENTRIES", 2)
    repository = Repository(object_store, FILES, KEYS)
    first = begin(repository, PLAN)
    entries = [first.put(_named(b"%d" % n), b"%d" % n) for n in range(5)]
    for entry in entries:
        first.note(entry)

    assert repository.survey().generations == []
    assert begin(repository, {"source": "/srv/other"}).found == []
    second = begin(repository, PLAN)
    assert sorted(second.found, key=str) == sorted(entries[:4], key=str)
    second.commit(parent=None, counts={}, about={}, objects=entries)
    assert begin(repository, PLAN).found == []


def test_two_runs_at_once_make_two_generations(object_store: ObjectStore) -> None:
    repository = Repository(object_store, FILES, KEYS)
    one, two = begin(repository, PLAN), begin(repository, PLAN)
    entries = [run.put(_named(b"same"), b"same") for run in (one, two)]
    made = [
        run.commit(parent=None, counts={}, about={}, objects=[entry])
        for run, entry in zip((one, two), entries, strict=True)
    ]

    assert entries[0] == entries[1]
    assert repository.survey().generations == made[::-1]


def test_a_damaged_object_is_replaced_when_its_content_comes_again(object_store: ObjectStore) -> None:
    repository = Repository(object_store, FILES, KEYS)
    entry = begin(repository, PLAN).put(_named(b"content"), b"content")
    object_store.put(repository.path(entry["key"]), b"c0ntent", replace=True)
    with pytest.raises(Damaged):
        repository.verify(entry)

    assert begin(repository, PLAN).put(_named(b"content"), b"content") == entry
    repository.verify(entry)


@pytest.mark.parametrize("damage", [b"", b"shor", b"c0ntent", b"content and more"])
def test_damage_is_found(repository: Repository, damage: bytes) -> None:
    entry = begin(repository, PLAN).put(_named(b"content"), b"content")
    repository.object_store.put(repository.path(entry["key"]), damage, replace=True)

    for read in (repository.read, repository.verify, lambda entry: list(repository.stream(entry))):
        with pytest.raises(Damaged, match="not the object that was stored"):
            read(entry)


def test_a_damaged_page_is_found_and_a_damaged_cache_does_no_harm(repository: Repository, tmp_path: Path) -> None:
    cached = dataclasses.replace(repository, cache=tmp_path / "cache")
    made = _filled(cached, *CONTENTS)
    entries = list(cached.entries(cached.survey().generations[0]))
    for copy in (tmp_path / "cache").iterdir():
        copy.write_bytes(copy.read_bytes().replace(b"a", b"b"))
    assert list(cached.entries(cached.survey().generations[0])) == entries

    repository.object_store.put(repository.path(made.pages[0]["key"]), b"[]\n", replace=True)
    with pytest.raises(Damaged):
        list(repository.entries(made))


# Who may write


def test_only_our_signature_counts(repository: Repository) -> None:
    made = _filled(repository, *CONTENTS)
    strangers = dataclasses.replace(repository, signing_keys=SigningKeys(["a key of somebody else, quite long enough"]))

    assert strangers.survey().generations == []
    assert "key that is not among ours" in strangers.survey().unusable[made.id]
    rotated = dataclasses.replace(
        repository, signing_keys=SigningKeys(["a new key", "a key that signs the backups of these tests"])
    )
    assert rotated.survey().generations == [made]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace(b'"files":3', b'"files":4'), "signature"),
        (lambda text: text.replace(b'":', b'": ', 1), "one way"),
        (lambda text: text[:-9], "not valid JSON"),
        (lambda _: b"", "not valid JSON"),
        (lambda _: b"{}", "not a signed document"),
        (lambda _: b"[" * 100_000, "not valid JSON"),
        (lambda text: text.replace(b'"parent":null', b'"parent":null,"parent":null'), "one way"),
    ],
)
def test_a_changed_manifest_is_refused(repository: Repository, change: Callable[[bytes], bytes], sentence: str) -> None:
    made = _filled(repository, *CONTENTS)
    path = repository.path(f"manifests/{made.id}.json")
    repository.object_store.put(path, change(repository.object_store.get(path, 10**6)), replace=True)

    survey = repository.survey()
    assert survey.generations == []
    assert sentence in survey.unusable[made.id]
    assert survey.unusable[made.id].endswith((".", ")."))


def test_a_manifest_under_another_name_or_tier_is_refused(repository: Repository) -> None:
    made = _filled(repository, *CONTENTS)
    content = repository.object_store.get(repository.path(f"manifests/{made.id}.json"), 10**6)
    repository.object_store.put(repository.path("manifests/20990101T000000-newest.json"), content)
    database = dataclasses.replace(repository, tier=DATABASE)
    database.object_store.put(database.path(f"manifests/{made.id}.json"), content)

    assert repository.survey().generations == [made]
    assert "a copy of another" in repository.survey().unusable["20990101T000000-newest"]
    assert database.survey().generations == []
    with pytest.raises(Missing):
        repository.generation("../manifests/x")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": True},
        {"tier": "database"},
        {"id": "../x"},
        {"parent": "../../x"},
        {"parent": 7},
        {"made": "yesterday"},
        {"made": "2026-01-01T00:00:00"},
        {"counts": {"rows": -1}},
        {"counts": {"rows": 10**18}},
        {"counts": {"rows": "many"}},
        {"more": 1},
        {"objects": [{}]},
        {"objects": [{"key": "objects/../../etc/passwd", "bytes": 1, "sha256": "0" * 64}]},
        {"objects": [{"key": "/etc/passwd", "bytes": 1, "sha256": "0" * 64}]},
        {"objects": [{"key": "manifests/x.json", "bytes": 1, "sha256": "0" * 64}]},
        {"objects": [{"key": "objects/a", "bytes": -1, "sha256": "0" * 64}]},
        {"objects": [{"key": "objects/a", "bytes": 10**15, "sha256": "0" * 64}]},
        {"objects": [{"key": "objects/a", "bytes": 1, "sha256": "0" * 63}]},
        {"pages": [{"key": "pages/a", "bytes": 1, "sha256": "0" * 64, "entries": 10**9}]},
        {"pages": [{"key": "pages/a", "bytes": 10**12, "sha256": "0" * 64, "entries": 1}]},
        {"pages": [{"key": "pages/a", "bytes": 1, "sha256": "0" * 64, "entries": 1}] * 10_001},
    ],
    ids=lambda change: str(change)[:60],
)
def test_a_signed_manifest_that_says_what_cannot_be_is_refused(repository: Repository, change: dict[str, Any]) -> None:
    body = _filled(repository, *CONTENTS).body() | change
    name = "20250101T000000-0" if "id" in change else str(body["id"])
    repository.object_store.put(repository.path(f"manifests/{name}.json"), KEYS.sign(body), replace=True)

    with pytest.raises(Hostile, match=r"\.$|'$"):
        repository.generation(name)
    assert name in repository.survey().unusable


@pytest.mark.parametrize("content", [b"{}", b"[]", b"[1,2]", b"[" * 9, b'[{"key":"objects/../x"},1]'])
def test_a_page_that_is_none_is_refused(repository: Repository, content: bytes) -> None:
    page: Page = {"key": "pages/x", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "entries": 2}
    repository.object_store.put(repository.path("pages/x"), content)

    with pytest.raises(Hostile, match=r"\.$"):
        repository.page(page)


@pytest.mark.parametrize(
    "key",
    ["a//b", "/a", "a/", "../a", "a/..", "a/./b", "a\\b", "a\nb", "a\0", "e\u0301", "a\x7f", "x" * 241, "\udce4", ""],
)
def test_names_that_a_storage_may_take_for_another_are_none(key: str) -> None:
    assert not possible_key(key)


@pytest.mark.parametrize("key", ["a/b", "a b", ".hidden", "ä/中文/😀", "a..b", "a#1", "100%", "a?b&c=d+e", "~"])
def test_names_that_every_storage_takes(key: str, object_store: ObjectStore) -> None:
    assert possible_key(f"objects/{key}")
    object_store.put(f"objects/{key}", b"x")
    assert object_store.get(f"objects/{key}", 1) == b"x"
    assert [listed.key for listed in object_store.list("objects")] == [f"objects/{key}"]


def test_names_that_collide_are_refused() -> None:
    def entry(key: str, sha256: str = "0" * 64) -> Entry:
        return {"key": key, "bytes": 1, "sha256": sha256}

    manifests.check_collisions([entry("a"), entry("a"), entry("b")])
    for other in (entry("a", "1" * 64), entry("A", "1" * 64)):
        with pytest.raises(Hostile, match="two different objects"):
            manifests.check_collisions([entry("a"), other])


def test_the_newest_is_told_by_signed_time_and_not_by_name(repository: Repository) -> None:
    old = _filled(repository, *CONTENTS)
    later = dataclasses.replace(old, id="00000000T000000-0", made=datetime.now(UTC) + timedelta(minutes=1))
    repository.object_store.put(repository.path(f"manifests/{later.id}.json"), KEYS.sign(later.body()))

    assert repository.survey().generations == [later, old]


# Encryption


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_sealing_keeps_every_size(size: int) -> None:
    content = os.urandom(size)
    sha256 = hashlib.sha256(content).hexdigest()
    encryption_keys = EncryptionKeys([Fernet.generate_key().decode()])

    encrypted = b"".join(encryption_keys.encrypt(sha256, [content]))
    assert encrypted == b"".join(encryption_keys.encrypt(sha256, (content[n : n + 1000] for n in range(0, size, 1000))))
    assert len(encrypted) == encrypted_size(size)
    assert b"".join(encryption_keys.decrypt(encrypted[n : n + 7777] for n in range(0, len(encrypted), 7777))) == content


def test_what_was_sealed_cannot_be_changed_cut_or_moved() -> None:
    content = bytes(2 * PIECE + 5)
    encryption_keys = EncryptionKeys([Fernet.generate_key().decode()])
    encrypted = b"".join(encryption_keys.encrypt(hashlib.sha256(content).hexdigest(), [content]))
    head, piece = 48, PIECE + 16

    for changed in (
        encrypted[:-1],
        encrypted[: head + piece],
        encrypted[:head]
        + encrypted[head + piece : head + 2 * piece]
        + encrypted[head : head + piece]
        + encrypted[head + 2 * piece :],
        encrypted + b"x",
        encrypted[:100] + bytes([encrypted[100] ^ 1]) + encrypted[101:],
        encrypted[:20],
        b"",
        b"plain text, longer than the head of what was encrypted",
    ):
        with pytest.raises(Undecryptable):
            list(encryption_keys.decrypt([changed]))


def test_encryption_keys_are_rotated(folder: Folder) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    entry = begin(Repository(folder, FILES, KEYS, EncryptionKeys([old])), PLAN).put("a~1", b"content")
    both = Repository(folder, FILES, KEYS, EncryptionKeys([new, old]))

    assert both.read(entry) == b"content"
    again = begin(both, PLAN).put("a~1", b"content")
    assert again["key"] != entry["key"]
    with pytest.raises(Damaged, match="not among GALLEY_BACKUP_ENCRYPTION_KEYS"):
        Repository(folder, FILES, KEYS, EncryptionKeys([new])).read(entry)
    Repository(folder, FILES, KEYS).verify(again)  # without any key


# In bulk


def test_bulk_does_all_and_stops_at_the_first_error() -> None:
    assert sorted(in_bulk(range(1000), lambda n: n * n)) == [n * n for n in range(1000)]

    begun = []

    def fail(n: int) -> None:
        begun.append(n)
        raise BackupError("no")

    with pytest.raises(BackupError):
        list(in_bulk(range(1000), fail, threads=2))
    assert len(begun) < 20


def test_canonical_json_has_one_form() -> None:
    assert canonical({"b": 1, "a": ["ä", None]}) == '{"a":["ä",null],"b":1}\n'.encode()
    with pytest.raises(Forged):
        KEYS.read("x", b'{"b": 1}')

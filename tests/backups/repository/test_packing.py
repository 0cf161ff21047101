"""Chunks are compressed; what says that it is, and is not, harms nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from backups.database import backup, chains
from backups.errors import Hostile
from backups.repository import packing
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import Entry
from backups.repository.repository import Repository
from tests.backups import desks
from tests.backups.database.test_backup import contents

KEY = EncryptionKeys(["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="])
TEXT = b"[1, 2, 3]" * 1000


def _entry(content: bytes, plain: bytes = TEXT) -> Entry:
    return packing.packed_entry({"key": "chunks/x", "bytes": len(content), "sha256": ""}, plain)


@given(st.binary(max_size=5000))
def test_what_was_packed_comes_back(content: bytes) -> None:
    packed = packing.pack(content)
    assert packing.unpack(_entry(packed, content), packed) == content == zstandard.decompress(packed)
    assert packing.pack(content) == packed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        TEXT,
        packing.pack(TEXT)[:-5],
        packing.pack(TEXT)[:-1] + b"?",  # its checksum
        packing.pack(TEXT + b"more"),
        packing.pack(bytes(2**24)),  # little that becomes much
        zstandard.ZstdCompressor(write_content_size=False).compress(TEXT),
    ],
    ids=range(7),
)
def test_what_is_not_what_it_says_is_refused(content: bytes) -> None:
    with pytest.raises(Hostile, match="chunks/x"):
        packing.unpack(_entry(content), content)


def test_another_way_to_compress_is_not_guessed() -> None:
    with pytest.raises(Hostile, match="not known here"):
        packing.unpack({**_entry(TEXT), "packed": "xz"}, TEXT)


@pytest.mark.parametrize("keys", [EncryptionKeys(), KEY], ids=["plain", "encrypted"])
def test_a_chain_of_both_kinds_is_one(
    sqlite_desk: str, store: Repository, keys: EncryptionKeys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What an earlier version has stored is built upon and comes back."""
    store = replace(store, encryption_keys=keys)
    desks.fill(sqlite_desk, 3)
    with monkeypatch.context() as patch:
        patch.setattr(backup._Work, "_put_packed", backup._Work._put)
        old = backup.backup(store, sqlite_desk).generation
    User.objects.using(sqlite_desk).create(username="later")
    new = backup.backup(store, sqlite_desk).generation

    assert [any(entry.get("packed") for entry in store.entries(each)) for each in (old, new)] == [False, True]
    found = contents(replace(store, cache=tmp_path / "another machine"))
    assert {row["username"] for row in found["auth.User"].values()} == {"ada", "ben", "later"}
    [chunk] = chains.entries_of(store, new, chains.CHUNK_ROLE)
    assert chunk["bytes"] < chunk["plain_bytes"] or keys.name

"""Which key signs and opens what, and when an old one may go: told from the storage alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from unittest import mock

from backups.files import backup
from backups.repository import prune
from backups.repository.encryption import EncryptionKeys
from backups.repository.keys import KeyUse, uses
from backups.repository.manifests import FILES
from backups.repository.prune import Retention
from backups.repository.repository import Repository
from backups.repository.signing import SigningKeys
from backups.storage.folder import Folder
from tests.backups.files.test_backup import filled

OLD, NEW = "the key that signed until last year", "the key that signs from now on, long"
OPENED, OPENS = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


def _repository(folder: Folder, signs: list[str], opens: list[str]) -> Repository:
    return Repository(folder, FILES, SigningKeys(signs), EncryptionKeys(opens))


def _by_key(repository: Repository) -> dict[tuple[str, str], KeyUse]:
    return {(each.does, each.name): each for each in uses(repository)}


def test_old_keys_are_needed_until_nothing_names_them(folder: Folder, tmp_path: Path) -> None:
    before, now = _repository(folder, [OLD], [OPENED]), _repository(folder, [NEW, OLD], [OPENS, OPENED])
    filled(tmp_path / "source", {"a.txt": b"first", "b.txt": b"second"})
    first = backup.backup(before, tmp_path / "source", name="ocr").generation
    signs, opens = (keys.names[0] for keys in (before.signing_keys, before.encryption_keys))

    found = _by_key(now)
    assert (found["signs", signs].backups, found["signs", signs].needed_now) == (1, ["ocr"])
    assert (found["opens", opens].objects, found["opens", opens].at_hand) == (2, True)
    assert (found["opens", now.encryption_keys.names[0]].backups, found["opens", opens].is_first) == (0, False)

    with mock.patch("backups.files.backup._turns", return_value=set(range(backup.TURNS))):  # all are read again
        backup.backup(now, tmp_path / "source", name="ocr")
    found, retention = _by_key(now), Retention(days=90, months=2)
    assert found["opens", opens].needed_now == found["signs", signs].needed_now == []
    assert found["signs", signs].until(retention) == first.made + timedelta(days=90)
    assert found["opens", opens].until(Retention(days=1, months=12)) == first.made + timedelta(days=372)

    prune.pin(now, first.id)
    assert _by_key(now)["signs", signs].until(retention) is None


def test_a_key_that_is_missing_is_named_as_the_storage_names_it(folder: Folder, tmp_path: Path) -> None:
    filled(tmp_path / "source", {"a.txt": b"first"})
    backup.backup(_repository(folder, [OLD], [OPENED]), tmp_path / "source", name="ocr")

    found = _by_key(_repository(folder, [NEW, OLD], [OPENS]))
    lost = found["opens", EncryptionKeys([OPENED]).names[0]]
    assert (lost.at_hand, lost.backups, lost.objects) == (False, 1, 1)

    found = _by_key(_repository(folder, [NEW], [OPENED]))
    lost = found["signs", SigningKeys([OLD]).names[0]]
    assert (lost.at_hand, lost.backups, lost.newest) == (False, 1, None)


def test_what_is_no_manifest_names_no_key(folder: Folder) -> None:
    for n, content in enumerate((b"", b"[]", b'{"key": 1}', b'{"key": "%s"}' % (b"x" * 100))):
        folder.put(f"source_files/manifests/2026010{n + 1}T000000-0000000{n}.json", content)
    found = uses(_repository(folder, [NEW], []))

    assert [(each.name, each.backups) for each in found] == [(SigningKeys([NEW]).names[0], 0)]
    assert found[0].until(Retention(1, 1)) is None

"""A tree is what its manifest names, or it is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from backups.storage.django_folder import LocalStorage
from backups.trees.tree import FileDamaged, Stored, Tree, TreeError


class FailsOn(LocalStorage):
    """A storage whose nth save does not arrive."""

    def __init__(self, folder: Path, nth: int) -> None:
        super().__init__(str(folder))
        self.left = nth

    def save(self, *args: Any, **kwargs: Any) -> str:
        self.left -= 1
        if self.left == 0:
            raise OSError("the storage is gone")
        return super().save(*args, **kwargs)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(LocalStorage(str(tmp_path)), "user_6/article_20251011_214423")


def test_a_manifest_names_every_file_with_hash_and_size(tree: Tree) -> None:
    stored = tree.add("01_raw_article.html", b"<p>Hello</p>")

    tree.commit({"schema": 1}, {stored.name: stored})

    assert tree.files() == {stored.name: stored}
    assert stored.bytes == 12
    assert tree.verify() == []


@pytest.mark.parametrize("nth", range(1, 4))
def test_wherever_it_breaks_no_half_backup_looks_whole(tmp_path: Path, nth: int) -> None:
    tree = Tree(FailsOn(tmp_path, nth), "t")
    with pytest.raises(OSError, match="gone"):
        tree.commit({}, {name: tree.add(name, b"x") for name in ("a", "b")})

    with pytest.raises(TreeError, match="no manifest"):
        tree.manifest()


def test_a_failed_replacement_leaves_the_old_manifest(tmp_path: Path) -> None:
    tree = Tree(FailsOn(tmp_path, 3), "t")
    tree.commit({"n": 1}, {})
    tree.commit({"n": 2}, {})
    with pytest.raises(OSError, match="gone"):
        tree.commit({"n": 3}, {})

    assert tree.manifest()["n"] == 2


def test_a_changed_file_is_damaged(tree: Tree) -> None:
    stored = tree.add("a.txt", b"before")
    tree.commit({}, {"a.txt": stored})
    tree.storage.delete(tree.path("a.txt"))
    assert tree.verify() == ["a.txt is missing from the backup."]

    tree.add("a.txt", b"after!")
    assert tree.verify() == ["a.txt in the backup is not the file that was saved."]
    with pytest.raises(FileDamaged):
        tree.read(stored)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\x00", "A.txt", "x" * 101, "a..b", "ä.txt", "a\n"])
def test_no_name_leads_elsewhere(tree: Tree, name: str) -> None:
    with pytest.raises(TreeError):
        tree.add(name, b"")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"files": []}',
        b'{"files": {"../../etc/passwd": {"sha256": "%s", "bytes": 1}}}' % (b"0" * 64),
        b'{"files": {"a": {"sha256": "short", "bytes": 1}}}',
        b'{"files": {"a": {"sha256": "%s", "bytes": -1}}}' % (b"0" * 64),
        b'{"files": {"a": {"sha256": "%s", "bytes": "1"}}}' % (b"0" * 64),
        b'{"files": {"a": null}}',
    ],
)
def test_a_hostile_manifest_is_refused_with_a_sentence(tree: Tree, content: bytes) -> None:
    tree.storage.save(tree.path("manifest.json"), ContentFile(content))
    with pytest.raises(TreeError, match=r"\.$"):
        tree.files()


def test_manifests_are_readable_json_that_ends_with_a_newline(tree: Tree) -> None:
    content = tree.commit({"b": "ä", "a": 1}, {"z": Stored("z", "0" * 64, 1)})

    assert content.endswith(b"}\n")
    assert list(json.loads(content)) == ["b", "a", "files"]
    assert "ä".encode() in content

"""Trees are removed whole, and not at all by a listing that cannot be true."""

from __future__ import annotations

from pathlib import Path

import pytest

from backups.storage.django_folder import LocalStorage
from backups.trees.removal import ShortListing, check_listing, remove
from backups.trees.tree import Tree


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    storage = LocalStorage(str(tmp_path))
    tree = Tree(storage, "old")
    tree.commit({}, {"a.txt": tree.add("a.txt", b"x")})
    return storage


@pytest.mark.parametrize(("listed", "expected"), [(0, 1), (0, 1000), (89, 100), (1, 3)])
def test_a_listing_that_cannot_be_true_is_refused(listed: int, expected: int) -> None:
    with pytest.raises(ShortListing, match="are expected"):
        check_listing(listed, expected)


@pytest.mark.parametrize(("listed", "expected"), [(0, 0), (1, 0), (90, 100), (100, 100), (101, 100)])
def test_a_listing_that_may_be_true_is_believed(listed: int, expected: int) -> None:
    check_listing(listed, expected)


class _DiesAt(LocalStorage):
    """Dies at the nth removal."""

    left = 0

    def delete(self, name: str) -> None:
        if self.left == 0:
            raise OSError("the storage is gone")
        self.left -= 1
        super().delete(name)


def test_a_removal_that_dies_is_finished_by_the_next(storage: LocalStorage, tmp_path: Path) -> None:
    dying = _DiesAt(str(tmp_path))
    dying.left = 1
    with pytest.raises(OSError, match="gone"):
        remove(dying, "old")
    assert [*Tree(storage, "old").files()] == ["a.txt"]  # the manifest goes last: the next one finds the tree

    assert remove(storage, "old") == 1
    assert storage.listdir("old") == ([], [])

"""The removal of trees. Which of them may go is for those to judge who know what is in them."""

from __future__ import annotations

from collections.abc import Callable

from django.core.files.storage import Storage

from backups.storage.port import LEAST_LISTED
from backups.trees.tree import MANIFEST


class ShortListing(Exception):
    """The storage shows far fewer trees than there must be; the message says how many."""


def check_listing(listed: int, expected: int) -> None:
    """Raises ShortListing for so few trees that the listing cannot be true: nothing may be removed by it."""
    if listed < expected * LEAST_LISTED or (expected and not listed):
        raise ShortListing(f"The storage lists {listed:,} backups where {expected:,} are expected.")


def remove(storage: Storage, prefix: str, *, still: Callable[[], bool] = lambda: True) -> int:
    """Remove a tree, its manifest last, so that a run that dies in between is finished by the next. Returns files.

    `still` is asked before each file: whether the tree may go. The first no ends it.
    """
    names = [name for name in storage.listdir(prefix)[1] if name != MANIFEST]
    for removed, name in enumerate([*names, MANIFEST]):
        if not still():
            return removed
        storage.delete(f"{prefix}/{name}")
    return len(names) + 1

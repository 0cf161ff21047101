"""Signatures for trees that bear none, or that of an earlier key: a tree is signed as the database knows it, or not."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from articles.models import Article, Batch
from articles.tree import due, manifest, names
from articles.tree.storing import storing
from backups import configured
from backups.trees.tree import SIGNED, TreeError
from recovery.rebuild.content import batch_uids, trees


@dataclass(frozen=True)
class Looked:
    """What became of a tree: signed now, or signed before, or not at all, for the reason in `refused`."""

    prefix: str
    signed: bool = False
    refused: str = ""


def sign_trees() -> Iterator[Looked]:
    """Look at every tree, and sign those whose row is here and whose files are what it says, with the key of today.

    What is signed is the manifest that the rows make, never what lies there. Raises Unreachable.
    """
    for uid in batch_uids():
        prefix = names.batch(uid)
        yield _looked(prefix, Batch.objects.filter(uid=uid).first())
    for prefix in trees():
        yield _looked(prefix, Article.objects.filter(tree_prefix=prefix).first())


def signers() -> dict[str, int]:
    """How many trees each key has signed, by its name; "" for none. What is no manifest is not counted."""
    found: Counter[str] = Counter()
    for prefix in (*map(names.batch, batch_uids()), *trees()):
        with contextlib.suppress(TreeError), storing():
            seal = configured.tree(prefix).manifest().get(SIGNED)
            found[str(seal.get("key", "")) if isinstance(seal, dict) else ""] += 1
    return dict(found)


def _looked(prefix: str, row: Article | Batch | None) -> Looked:
    if _is_signed_now(prefix):
        return Looked(prefix)
    if row is None:
        return Looked(prefix, refused="The database does not know it.")
    if isinstance(row, Article):
        if row.status == Article.Status.RUNNING:
            return Looked(prefix, refused="It is being worked on, which signs it.")
        with storing():
            damaged = manifest.damaged(row)
        if damaged:
            return Looked(prefix, refused=" ".join(damaged.values()))
    due.write(type(row), row.pk)
    return Looked(prefix, signed=True)


def _is_signed_now(prefix: str) -> bool:
    """By the key that signs now: one of an earlier key is signed anew, so that this key may go."""
    tree = configured.tree(prefix)
    try:
        with storing():
            said = tree.manifest()
        tree.check_signature(said)
    except TreeError:  # unsigned, or nothing that can be read
        return False
    return bool(said[SIGNED]["key"] == configured.signing_keys().names[0])

"""The keeper of the trees: each is read once in thirty days, and damage is told while it can be mended.

Without a second storage a tree is the only copy of its pictures. It is held against its manifest, and its manifest
against the row: what the row says is there must be there, as it was written. What is being worked on is left alone, and
so is what changed meanwhile. The writers' own pictures are read with them, as long as a text names them. With a second
storage each is mended from the other (`second_trees`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from articles.models import Article, Batch, KeptPicture
from articles.providers.errors import Unreachable
from articles.tree import manifest, names, unused_pictures
from articles.tree.storing import storing
from backups import configured
from backups.health.tree_care import TreesVerdict, doubted
from backups.repository.verify import slot_of
from backups.storage.port import FIRST
from backups.trees.tree import FileDamaged, Stored, Tree, TreeError
from recovery import second_trees
from recovery.second_trees import Row

AT_TRIAL = 30  # trees of the newest articles that a drill reads


def verify(*, slot: int | None, **_: Any) -> TreesVerdict:
    """Read the trees of one thirtieth, or all, and those that were found damaged. Raises Unreachable."""
    verdict, damaged = TreesVerdict(slot), doubted()
    unused_pictures.look(timezone.now())
    expected: set[str] = set()
    for row in _expected():
        prefix = row.tree.prefix
        expected.add(prefix)
        if slot is None or slot_of(prefix) == slot or prefix in damaged:
            mended = second_trees.mend(row, still=partial(_is_still, row))
            verdict.mended += [f"{prefix}: {name} came back from the second storage." for name in mended]
            _look(row, verdict)
            second_trees.compare(row, verdict)
    verdict.gone = sorted(damaged - expected)
    return verdict


def at_trial(*, alias: str, storage: str = FIRST, **_: Any) -> list[str]:
    """A sentence for each of the newest articles of a restored database whose tree would not come back with it, and
    for each picture that its newest texts name.

    What was not copied yet is not missed in the second storage.
    """
    done = Article.objects.using(alias).filter(status=Article.Status.DONE, tree_expired_at=None)
    found = []
    try:
        for article in done.order_by("-pk")[:AT_TRIAL]:
            verdict = TreesVerdict(None)
            tree = article.tree if storage == FIRST else configured.second_tree(article.tree_prefix)
            _read(tree, [], verdict)
            if verdict.damage and _is_still_there(article.uid) and (storage == FIRST or second_trees.is_there(article)):
                found += verdict.sentences
        found += _lost_pictures(alias, storage)
    except Unreachable as exc:
        found.append(f"The files of articles in the {storage} storage could not be read: {exc.detail or exc.reason}")
    return found


def _is_still_there(uid: str) -> bool:
    """Whether this desk knows it as it was then. One that knows nothing, as with a kit alone, cannot tell."""
    try:
        return Article.objects.filter(uid=uid, status=Article.Status.DONE, tree_expired_at=None).exists()
    except DatabaseError:
        return False


def _lost_pictures(alias: str, storage: str) -> Iterator[str]:
    """Of the pictures that the newest texts name. What was never kept here is somebody's typing."""
    for name in unused_pictures.newest_named(alias, AT_TRIAL):
        prefix, verdict = names.picture(name), TreesVerdict(None)
        _read(configured.tree(prefix) if storage == FIRST else configured.second_tree(prefix), [], verdict)
        if verdict.damage and _is_kept(name) and (storage == FIRST or second_trees.is_copied(prefix)):
            yield from verdict.sentences


def _is_kept(name: str) -> bool:
    """As above: one that knows nothing cannot tell."""
    try:
        return KeptPicture.objects.filter(name=name).exists()
    except DatabaseError:
        return False


def _expected() -> Iterator[Row]:
    """All whose tree must be there: the manifest was written, and nobody works on it; or a text names it."""
    articles = Article.objects.filter(Q(attempt__gt=0) | Q(manifest_due=None), tree_expired_at=None)
    yield from articles.exclude(status=Article.Status.RUNNING).order_by("pk").iterator(chunk_size=500)
    yield from Batch.objects.filter(manifest_due=None).order_by("pk").iterator(chunk_size=100)
    yield from KeptPicture.objects.filter(unused_since=None).order_by("pk").iterator(chunk_size=500)


def _look(row: Row, verdict: TreesVerdict) -> None:
    files = manifest.build(row)[1].values() if isinstance(row, Article) and row.manifest_due is None else ()
    found = TreesVerdict(verdict.slot)
    _read(row.tree, list(files), found)
    if found.damage and not _is_still(row):
        return
    verdict.read += found.read
    verdict.files += found.files
    verdict.bytes += found.bytes
    verdict.damage |= found.damage


def _read(tree: Tree, files: list[Stored], verdict: TreesVerdict) -> None:
    """All that its manifest names, and `files` whether that names them or not."""
    verdict.read.append(tree.prefix)
    sentences = []
    try:
        with storing():
            said = tree.manifest()
            tree.check_signature(said)
            files = list({*tree.files_in(said).values(), *files})
    except TreeError as exc:
        sentences.append(str(exc))
    for stored in sorted(files, key=lambda each: each.name):
        verdict.files += 1
        verdict.bytes += stored.bytes
        try:
            with storing():
                tree.read(stored)
        except FileDamaged as exc:
            sentences.append(str(exc))
    if sentences:
        verdict.damage[tree.prefix] = sentences


def _is_still(row: Row) -> bool:
    """Whether nobody has worked on it since it was fetched; else nothing can be said of its files today."""
    if isinstance(row, KeptPicture):
        return KeptPicture.objects.filter(pk=row.pk, unused_since=None).exists()
    if isinstance(row, Batch):
        return Batch.objects.filter(pk=row.pk, revision=row.revision, manifest_due=None).exists()
    same = Article.objects.filter(pk=row.pk, attempt=row.attempt, status=row.status, manifest_due=row.manifest_due)
    return same.filter(tree_expired_at=None).exists()

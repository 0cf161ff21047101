"""Manifests of what nobody works on: the storage knows an article, and a batch, from the moment it is handed in.

A run writes the manifest of its article itself. Before the first run, after the last and in between, people hand in,
change and cancel. Whoever changes a row marks it as due in the same transaction (a new row is due by itself). It is
written right after the commit where it is one; where it is many, or the storage was away, by the queue's next round.

| killed                                | what is there                                             |
|---------------------------------------|-----------------------------------------------------------|
| before the commit                     | nothing, and nobody was told that it is handed in         |
| after it, before the manifest         | a row that is due: the next round writes it               |
| after the manifest, before the mark   | a row that is due: the same manifest is written once more |
| while a worker has claimed it         | what is written last is what the rows say                 |
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from articles.models import Article, Batch
from articles.providers.errors import Unreachable
from articles.tree import batch_manifest, manifest
from articles.tree.storing import storing
from backups.models import note_removed
from backups.storage import backup_storage
from backups.trees import removal
from backups.trees.tree import MANIFEST, Stored

log = structlog.get_logger("galley.tree")

SECONDS = 20.0  # that one round may take of a worker's time


def due() -> dict[str, datetime]:
    """The change of a row that makes its manifest due, for the update that changes what it says."""
    return {"manifest_due": timezone.now()}


def note_known(row: Article | Batch) -> None:
    """The storage knows the row as it was when it was fetched. What has changed since is due all the same."""
    if row.manifest_due:
        type(row)._default_manager.filter(pk=row.pk, manifest_due=row.manifest_due).update(manifest_due=None)
        row.manifest_due = None


def write_soon(row: Article | Batch) -> None:
    """Write the manifest of a row that is due, once this transaction is committed; if it fails, the next round does."""
    transaction.on_commit(partial(_tried, type(row), row.pk))


def forget_soon(row: Article | Batch) -> None:
    """Remove the tree of a row that is deleted before any work on it: rebuilt, it would come back and begin."""
    transaction.on_commit(partial(_forget, row.tree.prefix))


def write_due(seconds: float = SECONDS) -> int:
    """One round: write what is due, the oldest first, for so long at most. Returns how many were written.

    Articles that somebody works on are left to their runs, and what has expired stays away.
    """
    started, written = time.monotonic(), 0
    expired = Q(status=Article.Status.DONE, tree_expired_at__isnull=False)
    resting = Article.objects.exclude(status=Article.Status.RUNNING).exclude(expired)
    for rows in (Batch.objects, resting):
        found = rows.filter(manifest_due__isnull=False).order_by("manifest_due")
        for pk in list(found.values_list("pk", flat=True)):
            if time.monotonic() - started >= seconds:
                return written
            if not _tried(found.model, pk):
                return written
            written += 1
    return written


def write(model: type[Article] | type[Batch], pk: int) -> None:
    """Write the manifest of a row now, until what was written last is what the rows say: somebody else may have
    written meanwhile, too. Raises Unreachable, ObjectDoesNotExist.
    """
    row = model._default_manager.only("manifest_due", "tree_prefix" if model is Article else "uid").get(pk=pk)
    written = None
    while written != (now := _built(row)):
        with storing():
            row.tree.commit(*now)
        written = now
    note_known(row)


def _tried(model: type[Article] | type[Batch], pk: int) -> bool:
    """Whether the storage takes manifests. A row that cannot be written keeps nobody from the others."""
    try:
        write(model, pk)
    except Unreachable:
        log.warning("the storage took no manifest; the next round tries again", row=pk, exc_info=True)
        return False
    except ObjectDoesNotExist:
        log.info("gone before its manifest was written", row=pk)
    except Exception:
        log.exception("a manifest could not be made", model=model.__name__, row=pk)
    return True


def _built(row: Article | Batch) -> tuple[Mapping[str, Any], dict[str, Stored]]:
    return manifest.build(row) if isinstance(row, Article) else (batch_manifest.build(row), {})


def _forget(prefix: str) -> None:
    storage = backup_storage()
    try:
        with storing():
            if storage.exists(f"{prefix}/{MANIFEST}"):
                removal.remove(storage, prefix)
                note_removed(prefix)
    except Unreachable:
        log.warning("the tree of what was deleted stays in the storage", prefix=prefix, exc_info=True)

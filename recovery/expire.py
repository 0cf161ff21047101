"""Retention of the articles' trees: what the storage shows, judged against what the database knows.

A tree is judged, and its row asked again when it goes: by then somebody may have given the article further sections.
Before its first file is removed the row says that the tree has expired, so that whoever works on the article from then
on looks through it (`articles.pipeline.repair`), whatever is there by then.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from articles.models import Article, Event, KeptPicture
from articles.tree import retention, unused_pictures
from articles.tree.storing import storing
from backups.models import note_removed
from backups.storage import backup_storage
from backups.storage.django_folder import LocalStorage
from backups.trees.removal import remove
from recovery.rebuild.content import trees

log = structlog.get_logger("galley.recovery")

LIVING = timedelta(days=1)  # no write takes as long: what is older was killed
UNUSED = "no text names the picture, and backups of the database may"
UNFINISHED = [status for status in Article.Status if status != Article.Status.DONE]
FOLDERS = ("user_*/*", "batches/*", "pictures/*")  # of trees


@dataclass(frozen=True)
class Expired:
    """`gone`: prefixes that were removed, or would be; `stayed`: the others, counted by reason; `files`: removed."""

    gone: tuple[str, ...]
    stayed: dict[str, int]
    files: int


def expire(*, apply: bool) -> Expired:
    """Find the successful trees that are older than seven days, and pictures that no text has named for long, and
    remove them when `apply` says so, together with what killed writes have left.

    Raises backups.trees.removal.ShortListing, Unreachable.
    """
    in_use = set(Article.objects.filter(status__in=UNFINISHED).values_list("tree_prefix", flat=True))
    # A tree is there once its manifest was written, by a run or before the first.
    written = Q(attempt__gt=0) | Q(manifest_due=None)
    expected = Article.objects.filter(written, tree_expired_at=None).count()
    gone, stayed, files = [], Counter[str](), 0
    with storing():
        found = retention.verdicts(backup_storage(), trees(), expected=expected, in_use=in_use, now=timezone.now())
        for verdict in found:
            if verdict.stays or (apply and not _give_up(verdict.prefix)):
                stayed[verdict.stays or retention.IN_USE] += 1
                continue
            gone.append(verdict.prefix)
            if apply:
                files += remove(backup_storage(), verdict.prefix, still=partial(_may_go, verdict.prefix))
                note_removed(verdict.prefix)
        files += _unused_pictures(gone, stayed, apply=apply)
        if apply:
            _remove_parts()
    log.info("expired", apply=apply, gone=len(gone), files=files)
    return Expired(tuple(gone), dict(stayed), files)


def _unused_pictures(gone: list[str], stayed: Counter[str], *, apply: bool) -> int:
    """Those of writers that no text names any more. Returns how many files were removed."""
    files, now = 0, timezone.now()
    unused_pictures.look(now)
    due = list(unused_pictures.going(now))
    for picture in due:
        removed = unused_pictures.take_away(picture) if apply else 0
        if removed is None:
            stayed[retention.IN_USE] += 1
            continue
        gone.append(picture.tree.prefix)
        files += removed
    if waiting := KeptPicture.objects.exclude(unused_since=None).count() - (0 if apply else len(due)):
        stayed[UNUSED] += waiting
    return files


def _give_up(prefix: str) -> bool:
    """Note on the row that the tree goes. False: the article is at work again. One without a row may go."""
    with transaction.atomic():
        article = Article.objects.filter(tree_prefix=prefix).first()
        if article is None:
            return True
        done = Article.objects.filter(pk=article.pk, status=Article.Status.DONE)
        if not done.update(tree_expired_at=timezone.now()):
            return False
        Event.objects.create(article=article, kind="expired", message="Its backup was removed: it was done for a week")
    return True


def _may_go(prefix: str) -> bool:
    """Whether the row still is as it was given up."""
    return not Article.objects.filter(tree_prefix=prefix).exclude(status=Article.Status.DONE).exists()


def _remove_parts() -> None:
    """A bucket never shows a part of an object."""
    storage = backup_storage()
    if isinstance(storage, LocalStorage):
        for folders in FOLDERS:
            if parts := storage.remove_parts(folders, timezone.now() - LIVING):
                log.info("parts of killed writes were removed", folders=folders, files=parts)

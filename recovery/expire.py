"""Retention of the articles' trees: what the storage shows, judged against what the database knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import structlog
from django.utils import timezone

from articles.models import Article, Event
from articles.tree import retention
from articles.tree.storing import storing
from backups.storage import backup_storage
from backups.trees.removal import remove
from recovery.rebuild import trees

log = structlog.get_logger("galley.recovery")


@dataclass(frozen=True)
class Expired:
    """`gone`: prefixes that were removed, or would be; `stayed`: the others, counted by reason; `files`: removed."""

    gone: tuple[str, ...]
    stayed: dict[str, int]
    files: int


def expire(*, apply: bool) -> Expired:
    """Find the successful trees that are older than seven days, and remove them when `apply` says so.

    Raises backups.trees.removal.ShortListing, Unreachable.
    """
    kept = Article.objects.filter(tree_expired_at=None)
    in_use = set(kept.exclude(status=Article.Status.DONE).values_list("tree_prefix", flat=True))
    # A tree begins to exist when its article is first worked on.
    expected = kept.filter(attempt__gt=0).count()
    storage = backup_storage()
    gone, stayed, files = [], Counter[str](), 0
    with storing():
        for verdict in retention.verdicts(storage, trees(), expected=expected, in_use=in_use, now=timezone.now()):
            if verdict.stays:
                stayed[verdict.stays] += 1
                continue
            gone.append(verdict.prefix)
            if apply:
                files += remove(storage, verdict.prefix)
                _note(verdict.prefix)
    log.info("expired", apply=apply, gone=len(gone), files=files)
    return Expired(tuple(gone), dict(stayed), files)


def _note(prefix: str) -> None:
    article = Article.objects.filter(tree_prefix=prefix).first()
    if article is not None:
        Article.objects.filter(pk=article.pk).update(tree_expired_at=timezone.now())
        Event.objects.create(article=article, kind="expired", message="Its backup was removed: it was done for a week")

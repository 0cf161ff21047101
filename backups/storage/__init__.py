"""Where bytes lie: a folder or a bucket, behind two ports.

object store    holds objects by key; for very many of them at speed (`port`: what callers may assume of each verb)
folder, bucket  the two object stores
backup storage  holds the files of articles' trees by name: Django's Storage, over a folder or a bucket
bulk            the same work on very many things, in threads
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files.storage import storages

if TYPE_CHECKING:
    from backups.storage.django_bucket import BucketStorage
    from backups.storage.django_folder import LocalStorage


def backup_storage() -> LocalStorage | BucketStorage:
    """The storage that settings name for backups."""
    return storages["backups"]  # type: ignore[return-value]  # Django types it as its base class

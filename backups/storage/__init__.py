"""Where bytes lie: a folder or a bucket, behind two ports.

object store    holds objects by key; for very many of them at speed (`port`: what callers may assume of each verb)
folder, bucket  the two object stores
backup storage  holds the files of articles' trees by name: Django's Storage, over a folder or a bucket
second storage  another folder or bucket, where all of it lies once more; the first is where backups go
listed          an object as a listing shows it
options         what the settings say of the folder or the bucket
pace, hours     how fast it is sent to, and when schedules do so
bulk            the same work on very many things, in threads
"""

from __future__ import annotations

from django.core.files.storage import Storage, storages


def backup_storage() -> Storage:
    """The storage that settings name for backups: a `LocalStorage` or a `BucketStorage`."""
    return storages["backups"]


def second_storage() -> Storage:
    """The one that settings name for all of it once more. There may be none: `configured.storages` tells."""
    return storages["second"]

"""The repositories and the trees that the settings name. Everything below this module is plain Python."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from backups.errors import Failed
from backups.progress import Progress
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import FILES, Tier
from backups.repository.repository import Repository
from backups.repository.signing import SigningKeys
from backups.storage import backup_storage, second_storage
from backups.storage.bucket import Bucket
from backups.storage.folder import Folder
from backups.storage.options import BucketOptions, FolderOptions, read_options
from backups.storage.pace import Closed, Hours, Pace, Paced
from backups.storage.port import FIRST, SECOND, ObjectStore
from backups.trees.tree import Tree

NAMES = {FIRST: "backups", SECOND: "second"}  # in STORAGES


def repository(tier: Tier, storage: str = FIRST) -> Repository:
    """Raises Failed for settings that cannot be used: backups must not depend on a stand-in."""
    for problem in settings.SETTINGS_PROBLEMS:
        raise Failed(f"{problem.name} {problem.wrong}. {problem.hint}")
    where = sent_to(storage, tier)
    cache = Path(settings.VAR_DIR) / "backup-cache" / hashlib.sha256(str(where).encode()).hexdigest()[:16] / tier.name
    keys = EncryptionKeys(settings.GALLEY_BACKUP_ENCRYPTION_KEYS)
    elsewhere = object_store(SECOND) if storage == FIRST and SECOND in storages() else None
    return Repository(where, tier, signing_keys(), keys, cache, storage=storage, elsewhere=elsewhere)


def storages() -> tuple[str, ...]:
    """The first, and the second if there is one."""
    return tuple(storage for storage, name in NAMES.items() if name in settings.STORAGES)


def restored() -> Path:
    """The folder of this machine below which files are restored for somebody at the desk."""
    return Path(settings.VAR_DIR) / "restored"


def journals() -> Path:
    """The folder of this machine where restores of files leave what undoes them."""
    return Path(settings.VAR_DIR) / "restores"


def storage_options(storage: str = FIRST) -> FolderOptions | BucketOptions:
    """What the settings say of a storage of the backups. Raises Failed for a second one that they do not name."""
    if storage not in storages():
        raise Failed("There is no second storage: GALLEY_SECOND_STORAGE_URL is not set.")
    return read_options(settings.STORAGES[NAMES[storage]]["OPTIONS"])


def sent_to(storage: str, tier: Tier) -> ObjectStore:
    """The same, at the pace of the settings for what is large and can wait: files, and copies."""
    where, pace = object_store(storage), _pace(settings.GALLEY_BACKUP_KILOBYTES)
    waits = storage == SECOND or tier == FILES
    return Paced(where, pace) if pace and waits else where


@cache
def _pace(kilobytes: int) -> Pace | None:
    """One for all that this process sends."""
    return Pace(kilobytes * 1000) if kilobytes else None


def send(size: int) -> None:
    """Wait until so many bytes may be sent to the second storage."""
    if pace := _pace(settings.GALLEY_BACKUP_KILOBYTES):
        pace(size)


def hours() -> Hours | None:
    """In which schedules back up files, and copy to the second storage; None: at any time."""
    given: tuple[time, time] | None = settings.GALLEY_BACKUP_HOURS
    return Hours(*given, ZoneInfo(settings.TIME_ZONE)) if given else None


def within_hours(_files: int = 0, _bytes: int = 0) -> Progress:
    """The progress of a run that a schedule began: it ends with the hours, and the next one goes on.

    Raises Closed, before it begins and after each piece.
    """

    def check(_files: int, _bytes: int) -> None:
        if (within := hours()) and not within.are_now(datetime.now(UTC)):
            raise Closed(f"It is not between {within}.")

    check(0, 0)
    return check


def terms() -> list[str]:
    """A sentence for each thing that the settings leave out, put off or slow down."""
    said = []
    if left_out := settings.GALLEY_BACKUP_EXCLUDE:
        said.append(f"No backup of files takes what these patterns name: {', '.join(left_out)}.")
    if within := hours():
        said.append(f"Schedules back up files, and copy to the second storage, from {within}.")
    if settings.GALLEY_BACKUP_KILOBYTES:
        said.append(f"Files and copies are sent with {settings.GALLEY_BACKUP_KILOBYTES:,} kB a second, at most.")
    return said


def object_store(storage: str = FIRST) -> ObjectStore:
    """Where backups go: the same storage as the trees of articles; or where all of it lies once more."""
    options = storage_options(storage)
    if isinstance(options, FolderOptions):
        return Folder(options.location)
    config = options.of_obstore()
    first = storage == FIRST
    encrypts = settings.GALLEY_BACKUP_SSE if first else settings.GALLEY_SECOND_SSE
    if encrypts != "none":
        config["server_side_encryption"] = encrypts
    if kms_key := settings.GALLEY_BACKUP_KMS_KEY if first else settings.GALLEY_SECOND_KMS_KEY:
        config["sse_kms_key_id"] = kms_key
    return Bucket(
        options.bucket_name,
        options.location,
        options.obstore_endpoint,
        ask_boto3=not settings.BUCKET_KEYS_GIVEN and not options.access_key,
        **config,
    )


def tree(prefix: str) -> Tree:
    """A tree of the backup storage, whose manifest is signed. A new one is known to the second storage's keeper."""
    return Tree(backup_storage(), prefix, signing_keys(), _note_changed if SECOND in storages() else None)


def _note_changed(prefix: str) -> None:
    from backups.models import note_changed  # files are backed up without an app

    note_changed(prefix)


def second_tree(prefix: str) -> Tree:
    """The same in the second storage."""
    return Tree(second_storage(), prefix, signing_keys())


def signing_keys() -> SigningKeys:
    """The keys that sign."""
    return SigningKeys(settings.GALLEY_BACKUP_KEYS or derived_keys())


def derived_keys() -> list[str]:
    """Those that sign while GALLEY_BACKUP_KEYS is empty, made from SECRET_KEY: whoever guesses that can sign, too."""
    return [
        hashlib.sha256(b"galley.backups" + key.encode()).hexdigest()
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]

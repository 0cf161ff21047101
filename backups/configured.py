"""The repositories and the trees that the settings name. Everything below this module is plain Python."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings

from backups.errors import Failed
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import Tier
from backups.repository.repository import Repository
from backups.repository.signing import SigningKeys
from backups.storage import backup_storage
from backups.storage.bucket import Bucket
from backups.storage.folder import Folder
from backups.storage.options import BucketOptions, FolderOptions, read_options
from backups.storage.port import ObjectStore
from backups.trees.tree import Tree


def repository(tier: Tier) -> Repository:
    """Raises Failed for settings that cannot be used: backups must not depend on a stand-in."""
    for problem in settings.SETTINGS_PROBLEMS:
        raise Failed(f"{problem.name} {problem.wrong}. {problem.hint}")
    where = object_store()
    cache = Path(settings.VAR_DIR) / "backup-cache" / hashlib.sha256(str(where).encode()).hexdigest()[:16] / tier.name
    return Repository(where, tier, signing_keys(), EncryptionKeys(settings.GALLEY_BACKUP_ENCRYPTION_KEYS), cache)


def restored() -> Path:
    """The folder of this machine below which files are restored for somebody at the desk."""
    return Path(settings.VAR_DIR) / "restored"


def journals() -> Path:
    """The folder of this machine where restores of files leave what undoes them."""
    return Path(settings.VAR_DIR) / "restores"


def storage_options() -> FolderOptions | BucketOptions:
    """What the settings say of the storage of the backups."""
    return read_options(settings.STORAGES["backups"]["OPTIONS"])


def object_store() -> ObjectStore:
    """Where backups go: the same storage as the trees of articles."""
    options = storage_options()
    if isinstance(options, FolderOptions):
        return Folder(options.location)
    config = options.of_obstore()
    if settings.GALLEY_BACKUP_SSE != "none":
        config["server_side_encryption"] = settings.GALLEY_BACKUP_SSE
    if settings.GALLEY_BACKUP_KMS_KEY:
        config["sse_kms_key_id"] = settings.GALLEY_BACKUP_KMS_KEY
    return Bucket(
        options.bucket_name,
        options.location,
        options.obstore_endpoint,
        ask_boto3=not settings.BUCKET_KEYS_GIVEN and not options.access_key,
        **config,
    )


def tree(prefix: str) -> Tree:
    """A tree of the backup storage, whose manifest is signed."""
    return Tree(backup_storage(), prefix, signing_keys())


def signing_keys() -> SigningKeys:
    """The keys that sign."""
    return SigningKeys(settings.GALLEY_BACKUP_KEYS or derived_keys())


def derived_keys() -> list[str]:
    """Those that sign while GALLEY_BACKUP_KEYS is empty, made from SECRET_KEY: whoever guesses that can sign, too."""
    return [
        hashlib.sha256(b"galley.backups" + key.encode()).hexdigest()
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]

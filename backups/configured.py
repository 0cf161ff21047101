"""The repositories that the settings name. Everything below this module is plain Python."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings

from backups.errors import Failed
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import Tier
from backups.repository.repository import Repository
from backups.repository.signing import SigningKeys
from backups.storage.bucket import Bucket
from backups.storage.folder import Folder
from backups.storage.port import ObjectStore


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


def object_store() -> ObjectStore:
    """Where backups go: the same storage as the trees of articles."""
    options = dict(settings.STORAGES["backups"]["OPTIONS"])
    if "bucket_name" not in options:
        return Folder(options["location"])
    extra = {"server_side_encryption": settings.GALLEY_BACKUP_SSE} if settings.GALLEY_BACKUP_SSE != "none" else {}
    if settings.GALLEY_BACKUP_KMS_KEY:
        extra["sse_kms_key_id"] = settings.GALLEY_BACKUP_KMS_KEY
    if region := options.get("region_name"):
        extra["region"] = region
    if "access_key" in options:
        extra |= {"access_key_id": options["access_key"], "secret_access_key": options["secret_key"]}
    return Bucket(
        options["bucket_name"],
        options.get("location", ""),
        options.get("endpoint_url", ""),
        ask_boto3=not settings.BUCKET_KEYS_GIVEN and "access_key" not in options,
        **extra,
    )


def signing_keys() -> SigningKeys:
    """The keys that sign. Behind those of the setting stand some made from SECRET_KEY: the first, while it is empty."""
    derived = [
        hashlib.sha256(b"galley.backups" + key.encode()).hexdigest()
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    return SigningKeys([*settings.GALLEY_BACKUP_KEYS, *derived])

"""What can be wrong with the settings, as system checks: `manage.py check`, and every start of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.core.files.storage import storages

from backups.repository.encryption import EncryptionKeys
from backups.storage.options import goes_with, overlap, read_options
from insights import traces


@register()
def environment_check(**_: Any) -> list[CheckMessage]:
    """E001: a variable has a value that cannot be used, or only half of a pair is given."""
    return [
        Error(f"{problem.name} {problem.wrong}.", hint=problem.hint, id="galley.E001")
        for problem in settings.SETTINGS_PROBLEMS
    ]


@register()
def encryption_check(**_: Any) -> list[CheckMessage]:
    """E002: an encryption key is not a Fernet key."""
    try:
        for key in settings.GALLEY_ENCRYPTION_KEYS:
            Fernet(key)
    except ValueError:
        hint = (
            "Make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        )
        return [Error("GALLEY_ENCRYPTION_KEYS holds something that is not a key.", hint=hint, id="galley.E002")]
    return []


@register()
def backup_key_check(**_: Any) -> list[CheckMessage]:
    """E006, E007: a key that signs backups is short; one that encrypts them is no key."""
    found: list[CheckMessage] = []
    if any(len(key) < 32 for key in settings.GALLEY_BACKUP_KEYS):
        hint = "Each needs 32 characters or more: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        found.append(Error("GALLEY_BACKUP_KEYS holds a key that is too short.", hint=hint, id="galley.E006"))
    try:
        EncryptionKeys(settings.GALLEY_BACKUP_ENCRYPTION_KEYS)
    except ValueError:
        hint = "Make one as for GALLEY_ENCRYPTION_KEYS, and keep a copy of it in another place than the backups."
        found.append(
            Error("GALLEY_BACKUP_ENCRYPTION_KEYS holds something that is not a key.", hint=hint, id="galley.E007")
        )
    return found


@register(deploy=True)
def backup_key_deploy_check(**_: Any) -> list[CheckMessage]:
    """W006: backups are signed with a key derived from SECRET_KEY."""
    if settings.GALLEY_BACKUP_KEYS:
        return []
    hint = "Set GALLEY_BACKUP_KEYS, and keep a copy elsewhere: without its key a restore believes no manifest."
    return [checks.Warning("Backups are signed with a key made from GALLEY_SECRET_KEY.", hint=hint, id="galley.W006")]


@register()
def storage_check(**_: Any) -> list[CheckMessage]:
    """E003: the folder for backups cannot be written. (A bucket is asked by the first run, not at every start.)"""
    storage = storages["backups"]
    problem = getattr(storage, "unwritable", lambda: None)()
    if problem is None:
        return []
    hint = "Give this user the right to write there, or set GALLEY_STORAGE_URL to another place."
    return [Error(f"The backup storage cannot be written: {problem}.", hint=hint, id="galley.E003")]


@register()
def second_storage_check(**_: Any) -> list[CheckMessage]:
    """E010, W010: the second storage is the first one, or goes with it."""
    if "second" not in settings.STORAGES:
        return []
    hint = "Set GALLEY_SECOND_STORAGE_URL to another disk, bucket, region or provider."
    first, second = (read_options(settings.STORAGES[name]["OPTIONS"]) for name in ("backups", "second"))
    if overlap(first, second):
        return [Error("The second storage lies in the first one, or the first in it.", hint=hint, id="galley.E010")]
    if goes_with(first, second):
        return [checks.Warning("The second storage is lost with the first one.", hint=hint, id="galley.W010")]
    return []


@register()
def traces_check(**_: Any) -> list[CheckMessage]:
    """E011: traces are to be told, and the packages for it are missing."""
    if settings.GALLEY_TRACES_URL and (how := traces.missing()):
        said = "GALLEY_TRACES_URL is set, and the packages of OpenTelemetry are missing."
        return [Error(said, hint=f"{how}, or remove the setting.", id="galley.E011")]
    return []


@register(deploy=True)
def mail_deploy_check(**_: Any) -> list[CheckMessage]:
    """W005: mails go to the console."""
    if not settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        return []
    hint = "Set EMAIL_URL to your mail server; `manage.py notify --test ADDRESS` tries it."
    return [checks.Warning("Mails about stopped articles are printed, not sent.", hint=hint, id="galley.W005")]


@register(deploy=True)
def encryption_deploy_check(**_: Any) -> list[CheckMessage]:
    """W004: secrets of sites are encrypted with a key derived from SECRET_KEY."""
    if settings.GALLEY_ENCRYPTION_KEYS:
        return []
    hint = "Set GALLEY_ENCRYPTION_KEYS, so that a new GALLEY_SECRET_KEY does not make the sites' passwords unreadable."
    return [
        checks.Warning(
            "The sites' passwords are encrypted with a key made from GALLEY_SECRET_KEY.",
            hint=hint,
            id="galley.W004",
        )
    ]


@register(deploy=True)
def proxy_deploy_check(**_: Any) -> list[CheckMessage]:
    """W007: people come by https, so through a proxy, and nobody says which."""
    if settings.GALLEY_PROXIES or not settings.GALLEY_BASE_URL.startswith("https:"):
        return []
    hint = "Set GALLEY_PROXIES to the address that the proxy's requests come from, such as 127.0.0.1."
    said = "Everybody has one address, the proxy's: a few wrong passwords of anybody lock a name out for all."
    return [checks.Warning(said, hint=hint, id="galley.W007")]


@register(deploy=True)
def backup_encryption_deploy_check(**_: Any) -> list[CheckMessage]:
    """W008: whoever comes upon the backups can read all that is in them."""
    if settings.GALLEY_BACKUP_ENCRYPTION_KEYS:
        return []
    hint = "Set GALLEY_BACKUP_ENCRYPTION_KEYS, and keep a copy in another place than the backups."
    said = "Backups are not encrypted: they hold hashes of people's passwords, and all that was written."
    return [checks.Warning(said, hint=hint, id="galley.W008")]


@register(deploy=True)
def openness_deploy_check(**_: Any) -> list[CheckMessage]:
    """W009: other users of this machine can read what Galley keeps."""
    return [
        checks.Warning(f"Other users of this machine can read {path}.", hint=f"chmod -R go= {path}", id="galley.W009")
        for path in _kept_here()
        if path.exists() and _is_open(path)
    ]


def _kept_here() -> list[Path]:
    """The database, where it is a file, the trees and the backups, where they are folders, and all else."""
    database, options = settings.DATABASES["default"], settings.STORAGES["backups"]["OPTIONS"]
    second = settings.STORAGES.get("second", {}).get("OPTIONS", {})
    is_file = str(database["ENGINE"]).endswith("sqlite3")
    folders = [each for each in (options, second) if "bucket_name" not in each]
    named = [database["NAME"] if is_file else "", *(each.get("location", "") for each in folders)]
    return list(dict.fromkeys(Path(path) for path in (settings.VAR_DIR, *filter(None, named))))


def _is_open(path: Path) -> bool:
    """Whether others may read it, and may come as far as it."""
    others = path.stat().st_mode & 0o077
    return bool(others & 0o044) and all(parent.stat().st_mode & 0o011 for parent in path.resolve().parents)

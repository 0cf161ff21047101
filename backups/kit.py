"""The recovery kit: what brings a desk back that has lost its machine, on one page that is kept in another place.

It is a file of settings as well: its lines are read as `.env` is, and all that it tells people stands behind #.
What it held is remembered by marks, which tell one key from another and nothing of either.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from textwrap import wrap

from django.conf import settings
from django.db import DatabaseError
from environ import Env

from backups.errors import Failed
from backups.models import Generation, Kit
from backups.redaction import black_out
from backups.repository.encryption import EncryptionKeys
from backups.repository.manifests import FILES
from backups.repository.signing import SigningKeys

WIDTH = 100
KIT_BYTES = 1024 * 1024
# By setting, what is lost without it; in the order in which they are printed.
WHAT = {
    "GALLEY_STORAGE_URL": "where the backups are",
    "AWS_ACCESS_KEY_ID": "opens the bucket, with the next one",
    "AWS_SECRET_ACCESS_KEY": "opens the bucket",
    "GALLEY_BACKUP_KEYS": "show which backups are ours: without its key none is believed",
    "GALLEY_BACKUP_ENCRYPTION_KEYS": "open the backups: without its key none can be read",
    "GALLEY_ENCRYPTION_KEYS": "open the passwords of the sites; without them each is to be entered again",
    "GALLEY_SECRET_KEY": "does the work of each of these keys that is not set",
    "GALLEY_SECRET_KEY_FALLBACKS": "earlier ones of it",
    "GALLEY_BACKUP_SSE": "how the bucket encrypts",
    "GALLEY_BACKUP_KMS_KEY": "the key of the bucket's own encryption",
    "GALLEY_SECOND_STORAGE_URL": "where the backups are once more",
    "GALLEY_SECOND_ACCESS_KEY_ID": "opens the second bucket, with the next one",
    "GALLEY_SECOND_SECRET_ACCESS_KEY": "opens the second bucket",
    "GALLEY_SECOND_SSE": "how the second bucket encrypts",
    "GALLEY_SECOND_KMS_KEY": "the key of the second bucket's own encryption",
}
SECRET = {name for name in WHAT if name.endswith(("_KEYS", "_FALLBACKS", "SECRET_KEY", "SECRET_ACCESS_KEY"))}


def marks() -> dict[str, list[str]]:
    """By setting of the kit, the names of its keys in their order; of another value, a mark of it."""
    return {name: _marks(name, value) for name, value in settings.RECOVERY_KIT.items()}


def changed_since(kit: Kit) -> list[str]:
    """Names of settings that are not any more what was printed."""
    now = marks()
    return [name for name in WHAT if now.get(name, []) != kit.marks.get(name, [])]


def printed(now: datetime) -> None:
    """Remember that a kit with everything in it was printed."""
    Kit.objects.update_or_create(pk=1, defaults={"printed_at": now, "marks": marks(), "tried_at": None})


def tried(values: Mapping[str, str], now: datetime) -> None:
    """Remember that a drill with nothing but these settings has passed, if they are those of the last kit."""
    held = {name: _marks(name, value) for name, value in values.items() if name in WHAT}
    for kit in Kit.objects.all():
        if kit.marks == held:
            Kit.objects.filter(pk=kit.pk, printed_at=kit.printed_at).update(tried_at=now)


def read(file: Path) -> dict[str, str]:
    """The settings of a kit. Raises Failed for a file that is none."""

    class OfFile(Env):  # type: ignore[misc]  # it has no types
        ENVIRON: dict[str, str] = {}  # else it would be this process's

    try:
        if file.stat().st_size > KIT_BYTES:
            raise Failed(f"{file} is too large for a recovery kit.")
        OfFile.read_env(io.StringIO(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeError) as exc:
        raise Failed(f"{file} cannot be read: {exc}") from exc
    found = {name: value for name, value in OfFile.ENVIRON.items() if name in WHAT and value}
    if not any(found.get(name) for name in SECRET):
        raise Failed(f"{file} holds no keys. A kit is printed by: manage.py recovery_kit --with-secrets --file FILE")
    return found


def text(now: datetime, *, with_secrets: bool) -> str:
    """The kit, for people and as a file of settings. Without its secrets they are named."""
    kept: dict[str, str] = settings.RECOVERY_KIT
    lines = [
        *_told(f"Recovery kit of {settings.GALLEY_BASE_URL}, printed {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC."),
        *_told(
            "Whoever has it can read all of the desk and change its backups. Keep it where neither the machine nor the "
            "storage is: in a password manager, or on paper in a safe."
            if with_secrets
            else "Its secrets are left out. The kit itself: manage.py recovery_kit --with-secrets --file FILE"
        ),
        *_told(_of_place(kept["GALLEY_STORAGE_URL"])),
        *_of_second(kept),
        "",
    ]
    for name in (each for each in WHAT if each in kept):
        lines += _told(f"{WHAT[name]} ({_named(name, kept[name])})" if name in SECRET else WHAT[name])
        if name not in SECRET:
            lines.append(f"{name}={_quoted(kept[name] if with_secrets else black_out(kept[name]))}")
        else:
            lines.append(f"{name}={_quoted(kept[name])}" if with_secrets else f"# {name}=…")
    return "\n".join([*lines, "", *_recipe(), ""])


def _of_place(url: str) -> str:
    if url.startswith("file:"):
        return (
            "The storage is a folder, which is lost with its disk. Without a copy of the folder this kit is of no use."
        )
    if settings.BUCKET_KEYS_GIVEN:
        return "The storage is a bucket, whose keys stand below."
    return "The storage is a bucket, whose keys are not among the settings: a new machine needs its own."


def _of_second(kept: Mapping[str, str]) -> list[str]:
    """What a second storage is good for, on that day."""
    if "GALLEY_SECOND_STORAGE_URL" not in kept:
        return []
    return _told(
        "All of it lies in a second storage as well, as of its last copy. If the first one is lost, put the address of "
        "the second into GALLEY_STORAGE_URL, and the keys of its bucket into those of AWS."
    )


def _recipe() -> list[str]:
    """How to come back, step by step."""
    lines = _told("How to come back, on a machine with Python 3.11 and Galley, in the version of then or a later one:")
    steps = [
        (
            "This file is .env in the folder of Galley, for its owner alone. Add what is the new machine's own: "
            "DATABASE_URL of an empty database, GALLEY_BASE_URL. Start neither the web server nor workers yet, and "
            "create no superuser.",
            "install -m 600 KIT .env",
        ),
        ("The packages, then empty tables.", "python3.11 config/bootstrap.py run", "{manage} migrate"),
        ("What would come back; nothing is changed.", "{manage} restore_desk"),
        ("Bring it back. Killed, it goes on when it is started again.", "{manage} restore_desk --apply"),
    ]
    if sources := _sources():
        steps.append(
            (
                "The files; without --apply it says what would be written.",
                *(f"{{manage}} restore_files FOLDER --source {quote(source)} --apply" for source in sources),
            )
        )
    steps.append(
        (
            "What is left is what restore_desk has named. Then the web server and workers, and a backup of their own.",
            "{manage} collectstatic --noinput",
            "{manage} check --deploy",
            "{manage} backup_database",
        )
    )
    for number, (told, *commands) in enumerate(steps, 1):
        lines += _told(f"{number}. {told}")
        lines += [f"#      {command.format(manage='.venv/bin/python manage.py')}" for command in commands]
    if others := sorted(set(settings.GIVEN_SETTINGS) - WHAT.keys()):
        lines += _told(f"Set on this machine as well, and in no backup: {', '.join(others)}.")
    return lines


def _sources() -> list[str]:
    """Of files, as the rows know them; none where there is no database, just now."""
    rows = Generation.objects.filter(tier=FILES.name).values_list("about__source", flat=True)
    with contextlib.suppress(DatabaseError):
        return sorted({str(source) for source in rows})
    return []


def _told(sentence: str) -> list[str]:
    return [f"# {line}" for line in wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)]


def _named(name: str, value: str) -> str:
    found = _marks(name, value)
    return f"{'key' if len(found) == 1 else 'keys'} {', '.join(found)}"


def _marks(name: str, value: str) -> list[str]:
    """The names by which `backup_keys` and manifests know keys; a mark of its own for any other value."""
    if not value:
        return []
    words = [word.strip() for word in value.split(",")] if name.endswith(("_KEYS", "_FALLBACKS")) else [value]
    if name == "GALLEY_BACKUP_KEYS":
        return list(SigningKeys(words).names)
    if name == "GALLEY_BACKUP_ENCRYPTION_KEYS":
        return list(EncryptionKeys(words).names)
    return [hashlib.sha256(b"galley.kit" + word.encode()).hexdigest()[:8] for word in words]


def _quoted(value: str) -> str:
    """As `.env` is read. Raises Failed for what it cannot hold."""
    if value.splitlines() not in ([], [value]):
        raise Failed("A setting of several lines cannot stand in a recovery kit.")
    if value and all(letter.isalnum() or letter in "/:.@%+,_=&?-" for letter in value):
        return value
    if not set("'\"\\").intersection(value):
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

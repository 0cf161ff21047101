"""Print what must be kept elsewhere, so that the desk can be brought back."""

from __future__ import annotations

import contextlib
import os
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from backups import kit
from backups.errors import BackupError


class Command(BaseCommand):
    help = (
        "Print the recovery kit: which keys and settings must be kept in another place than this machine and its "
        "storage, and how the desk comes back by them. With --with-secrets their values as well, which makes it the "
        "kit: a file of settings, too. The desk reminds of one that is not true any more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--with-secrets", action="store_true", help="with the values of all of it")
        parser.add_argument("--file", type=Path, help="where to, a new file for you alone; by default standard output")

    def handle(self, *_: object, with_secrets: bool, file: Path | None, **__: object) -> None:
        now = timezone.now()
        try:
            text = kit.text(now, with_secrets=with_secrets)
            if file:
                _write(file, text)
        except (BackupError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        if with_secrets:
            with contextlib.suppress(DatabaseError):  # it may be lost, just now
                kit.printed(now)
        if file is None:
            self.stdout.write(text)
        else:
            self.stdout.write(f"{file} is the recovery kit. Bring it to another place, and try it first:")
            self.stdout.write(f"manage.py backup_drill --kit {file}")


def _write(file: Path, text: str) -> None:
    """Never over another file: it may be the last kit that opens the older backups."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())

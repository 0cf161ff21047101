"""Back up the database: what has changed since the last backup, or everything."""

from __future__ import annotations

import contextlib
import gc
from argparse import ArgumentParser

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from backups import configured
from backups.catalogue import remember
from backups.database import backup, baseline
from backups.errors import BackupError
from backups.progress import shown
from backups.repository.manifests import DATABASE

ASKS = 3  # exit code


class Command(BaseCommand):
    help = (
        "Back up the database. Exits 0 when the backup is complete, 2 when it is and rows had changed without the last "
        "backup noticing, 3 and commits nothing when so much is gone or changed that somebody has to look, 1 when it "
        "could not be made; the next run then goes on where this one ended."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--full", action="store_true", help="everything, and not only what has changed")
        parser.add_argument("--accept-change", action="store_true", help="so much may be gone or changed")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: object, full: bool, accept_change: bool, json: bool, **__: object) -> None:
        gc.freeze()  # what has been loaded stays: to look through it again and again takes a tenth of a full backup
        try:
            with shown("Backing up", "rows", quiet=json) as started:
                outcome = backup.backup(
                    configured.repository(DATABASE), full=full, accept_change=accept_change, started=started
                )
        except baseline.Suspicious as exc:
            raise CommandError(f"{exc} If so: --accept-change", returncode=ASKS) from exc
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        with contextlib.suppress(DatabaseError):  # the storage is the truth
            remember(outcome.generation)
        self.stdout.write(orjson.dumps(outcome.summary()).decode() if json else str(outcome))
        if outcome.drift:
            raise SystemExit(2)

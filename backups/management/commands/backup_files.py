"""Back up a folder of files: what is new or has changed, at the cost of that. Needs no app and no database."""

from __future__ import annotations

import gc
import sys
from argparse import ArgumentParser
from pathlib import Path

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backups import configured
from backups.errors import BackupError
from backups.files import backup
from backups.progress import shown
from backups.repository.manifests import FILES

ASKS = 3  # exit code


class Command(BaseCommand):
    help = (
        "Back up a folder of files. Exits 0 when the backup is complete, 2 when it is and some files are not in it as "
        "they are now (named on standard error), 3 and changes nothing when the source is empty or has shrunk, 1 when "
        "it could not be made; the next run then goes on where this one ended."
    )
    requires_system_checks = ()  # each check is a part of a second, and this run may take less

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, help="the folder")
        parser.add_argument("--name", default="", help="tells several sources apart; by default the folder's path")
        parser.add_argument("--accept-shrink", action="store_true", help="the source is right although it has shrunk")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: object, source: Path, name: str, accept_shrink: bool, json: bool, **__: object) -> None:
        gc.freeze()  # what has been loaded stays: to look through it again takes a tenth of a run that finds no change
        folder = source.absolute()
        try:
            with shown("Backing up", quiet=json) as started:
                outcome = backup.backup(
                    configured.repository(FILES),
                    folder,
                    name=name,
                    exclude=settings.GALLEY_BACKUP_EXCLUDE,
                    accept_shrink=accept_shrink,
                    started=started,
                )
        except backup.Shrunk as exc:
            raise CommandError(f"{exc} If so: --accept-shrink", returncode=ASKS) from exc
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        for finding in outcome.findings:
            self.stderr.write(str(finding))
        self.stdout.write(orjson.dumps(outcome.summary()).decode() if json else str(outcome))
        if outcome.incomplete:
            sys.exit(2)

"""Try a restore: the newest backups into a scratch database and a scratch folder, compared and timed."""

from __future__ import annotations

import contextlib
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from backups import configured
from backups.errors import BackupError
from backups.health import drill
from backups.progress import shown
from backups.repository.manifests import DATABASE, FILES


class Command(BaseCommand):
    help = (
        "Restore the newest backups for trial, compare them row by row and hash by hash, and keep the result. Exits 0 "
        "when all came back as it was, 2 when something did not (named on standard error), 1 when it was not tried."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=Path, help="where scratch goes; by default the machine's temporary folder")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each tier")

    def handle(self, *_: object, folder: Path | None, json: bool, **__: object) -> None:
        now = timezone.now()
        try:
            with shown("Restoring", "pieces", quiet=json) as started:
                found = drill.drill(
                    configured.repository(DATABASE),
                    configured.repository(FILES),
                    now=now,
                    folder=folder,
                    started=started,
                )
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        if not found:
            raise CommandError("There is no backup yet, so none was tried.")
        with contextlib.suppress(DatabaseError):  # it may be lost, just now
            drill.record(found, now)
        for each in found:
            self.stdout.write(orjson.dumps(asdict(each)).decode() if json else str(each))
            for difference in each.differences:
                self.stderr.write(difference)
        if not all(each.passed for each in found):
            sys.exit(2)

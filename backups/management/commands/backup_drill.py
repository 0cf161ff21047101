"""Try a restore: the newest backups into a scratch database and a scratch folder, compared and timed."""

from __future__ import annotations

import contextlib
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from backups import configured
from backups import kit as recovery_kit
from backups.errors import BackupError
from backups.health import drill
from backups.health.kit_drill import drill_with
from backups.progress import shown
from backups.repository.manifests import DATABASE, FILES
from backups.storage.port import FIRST, SECOND


class Command(BaseCommand):
    help = (
        "Restore the newest backups for trial, compare them row by row and hash by hash, and keep the result. Exits 0 "
        "when all came back as it was, 2 when something did not (named on standard error), 1 when it was not tried."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=Path, help="where scratch goes; by default the machine's temporary folder")
        parser.add_argument(
            "--storage", choices=[FIRST, SECOND], default=FIRST, help="from which storage; without: the first"
        )
        parser.add_argument(
            "--kit", type=Path, metavar="FILE", help="by a process that knows nothing but this recovery kit"
        )
        parser.add_argument("--json", action="store_true", help="a line of JSON for each tier")

    def handle(self, *_: object, folder: Path | None, kit: Path | None, json: bool, storage: str, **__: object) -> None:
        now = timezone.now()
        try:
            found = _by_kit(kit, folder, storage, now) if kit else _drill(folder, storage, now, quiet=json)
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


def _drill(folder: Path | None, storage: str, now: datetime, *, quiet: bool) -> list[drill.DrillResult]:
    rows, files = configured.repository(DATABASE, storage), configured.repository(FILES, storage)
    with shown("Restoring", "pieces", quiet=quiet) as started:
        return drill.drill(rows, files, now=now, folder=folder, started=started)


def _by_kit(file: Path, folder: Path | None, storage: str, now: datetime) -> list[drill.DrillResult]:
    values = recovery_kit.read(file)
    found = drill_with(values, folder=folder, storage=storage)
    if all(each.passed for each in found):
        with contextlib.suppress(DatabaseError):
            recovery_kit.tried(values, now)
    return found

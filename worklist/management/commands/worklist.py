"""Documents of a folder for the worklist, from the shell."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from articles import formats
from worklist import folders


class Command(BaseCommand):
    help = (
        "Bring the worklist to what a folder of this machine has; again is the same as once. Nothing is deleted: what "
        "is missing there is marked as gone, and its text stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="with the folders in it")
        parser.add_argument("--missing", action="store_true", help="also mark as gone where many are missing at once")
        parser.add_argument("--json", action="store_true", help="a line of JSON")

    def handle(self, *_: Any, folder: Path, missing: bool, json: bool, **__: Any) -> None:
        try:
            report = folders.look(folder, believe_missing=missing)
        except folders.NotAFolder as exc:
            raise CommandError(str(exc)) from exc
        if json:
            self.stdout.write(orjson.dumps(asdict(report)).decode())
            return
        self.stdout.write(f"{formats.count(report.new, 'new document')}, {report.known} known, {report.gone} gone.")
        for name, reason in report.skipped.items():
            self.stdout.write(f"Left out: {name}. {reason}")
        if report.held:
            said = formats.count(report.held, "document")
            self.stdout.write(f"{said} missing at once: nothing was marked. If that is right, say --missing.")

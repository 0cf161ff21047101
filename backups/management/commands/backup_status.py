"""How the backups do."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

import orjson
from django.core.management.base import BaseCommand
from django.utils import timezone

from backups import configured
from backups.health import storage_check, wording
from backups.health.report import asked
from backups.health.states import ALARM, DAMAGED, LOOK, OK

CODES = {OK: 0, LOOK: 2, ALARM: 3, DAMAGED: 4}


class Command(BaseCommand):
    help = (
        "Tell how the backups do: their age against their schedule, rows not yet backed up, what was verified, the "
        "last drill, damage, and the storage itself. Exits 0 when all is well, 2 when something could be better, 3 "
        "when a backup is missing or too old or a drill did not pass, 4 when one is damaged, 1 when it cannot tell."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the report as one line of JSON")

    def handle(self, *_: object, json: bool, **__: object) -> None:
        now = timezone.now()
        report = asked(now, storage_check.check(now))
        if json:
            self.stdout.write(orjson.dumps(wording.summary(report)).decode())
        else:
            self.stdout.write("\n".join([*map(wording.text, report.parts), *configured.terms()]))
        sys.exit(CODES[report.state])

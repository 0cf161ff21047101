"""How the backups do."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand
from django.utils import timezone

from backups import health, looking

CODES = {health.OK: 0, health.LOOK: 2, health.ALARM: 3, health.DAMAGED: 4}


class Command(BaseCommand):
    help = (
        "Tell how the backups do: their age against their schedule, rows not yet backed up, what was verified, the "
        "last drill, damage, and the storage itself. Exits 0 when all is well, 2 when something could be better, 3 "
        "when a backup is missing or too old or a drill did not pass, 4 when one is damaged, 1 when it cannot tell."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the report as one line of JSON")

    def handle(self, *_: Any, json: bool, **__: Any) -> None:
        now = timezone.now()
        report = health.asked(now, looking.look(now))
        if json:
            self.stdout.write(orjson.dumps(report.summary()).decode())
        else:
            self.stdout.write("\n".join(map(str, report.parts)))
        sys.exit(CODES[report.state])

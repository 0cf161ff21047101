"""Put back on the way what was interrupted, now instead of within a minute."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from articles.pipeline.sweep import sweep


class Command(BaseCommand):
    help = "Find articles whose worker died, whose wait is over or whose message was lost, and queue them. Exits 0."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the counts as one line of JSON")

    def handle(self, *_: Any, json: bool, **__: Any) -> None:
        swept = sweep()
        if json:
            self.stdout.write(orjson.dumps(asdict(swept)).decode())
        else:
            self.stdout.write(
                f"Articles found: {swept.articles_found}. Stages set back: {swept.stages_reset}. "
                f"Put back into the queue: {swept.tasks_restarted}."
            )

"""Remove the trees of articles that were done a week ago, and pictures that no text names any more.

Shows what it would do, and does it with --apply.
"""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from articles.failures import Failure
from articles.providers.errors import ProviderError
from backups.trees.removal import ShortListing
from recovery.expire import expire


class Command(BaseCommand):
    help = (
        "Remove the backups of articles that are on their site for more than seven days, and pictures that no text has "
        "named for as long as backups are kept. Unfinished and failed articles stay for ever. Without --apply it only "
        "says what would go. Exits 1, and removes nothing, on a short listing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="really remove them")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: Any, apply: bool, json: bool, **__: Any) -> None:
        try:
            expired = expire(apply=apply)
        except ShortListing as exc:
            raise CommandError(f"{exc} Nothing was removed. Is the right storage connected?") from exc
        except ProviderError as exc:
            raise CommandError(f"{Failure.of(exc).sentence}.") from exc
        if json:
            self.stdout.write(orjson.dumps(asdict(expired)).decode())
            return
        for prefix in expired.gone:
            self.stdout.write(f"{'removed' if apply else 'would go'}  {prefix}")
        for reason, number in sorted(expired.stayed.items()):
            self.stdout.write(f"{number:,} stay: {reason}")
        if expired.gone and not apply:
            self.stdout.write(f"{len(expired.gone):,} would go. To remove them: manage.py expire_backups --apply")

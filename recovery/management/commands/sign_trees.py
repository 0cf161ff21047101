"""Sign the trees of articles and batches that earlier versions have written."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from articles.failures import Failure
from articles.providers.errors import ProviderError
from recovery.sign import sign_trees


class Command(BaseCommand):
    help = (
        "Sign the trees whose article or batch the database knows and whose files are what it says: only signed ones "
        "are rebuilt as what they are when it is lost. Reads every file of what is not signed yet. Exits 0 when all "
        "trees are signed, 1 when some are not; these are named on standard error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the counts as one line of JSON")

    def handle(self, *_: Any, json: bool, **__: Any) -> None:
        counts = {"trees": 0, "signed": 0, "unsigned": 0}
        try:
            for looked in sign_trees():
                counts["trees"] += 1
                counts["signed"] += looked.signed
                if looked.refused:
                    counts["unsigned"] += 1
                    self.stderr.write(f"{looked.prefix} is not signed: {looked.refused}")
        except ProviderError as exc:
            raise CommandError(f"{Failure.of(exc).sentence}.") from exc
        if json:
            self.stdout.write(orjson.dumps(counts).decode())
        else:
            self.stdout.write(
                f"{counts['trees']} trees: {counts['signed']} signed now, {counts['unsigned']} not signed."
            )
        if counts["unsigned"]:
            raise CommandError("Some trees are not signed; see above.")

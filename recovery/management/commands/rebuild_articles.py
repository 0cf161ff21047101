"""All articles and batches from their trees, for the day on which the database is gone."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from articles.failures import Failure
from articles.providers.errors import ProviderError
from backups.trees.tree import TreeError
from recovery.rebuild import strangers
from recovery.rebuild.article import rebuild
from recovery.rebuild.batch import rebuild_batch
from recovery.rebuild.content import batch_uids, trees


class Command(BaseCommand):
    help = (
        "Rebuild every batch and article of the backup storage that the database does not have. Exits 0 when all trees "
        "could be read, 1 when some could not; these are named on standard error, and the others are rebuilt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--unsigned", action="store_true", help=strangers.OPTION)
        parser.add_argument("--json", action="store_true", help="the counts as one line of JSON")

    def handle(self, *_: Any, unsigned: bool, json: bool, **__: Any) -> None:
        counts = {"batches": 0, "trees": 0, "rebuilt": 0, "known": 0, "unusable": 0}
        try:
            for uid in batch_uids():
                counts["batches"] += self._batch(uid)
            for prefix in trees():
                counts["trees"] += 1
                counts[self._one(prefix, unsigned)] += 1
        except ProviderError as exc:
            raise CommandError(f"{Failure.of(exc).sentence}.") from exc
        if json:
            self.stdout.write(orjson.dumps(counts).decode())
        else:
            self.stdout.write(
                f"{counts['trees']} trees: {counts['rebuilt']} articles rebuilt, {counts['known']} there already, "
                f"{counts['unusable']} that cannot be used. Batches rebuilt: {counts['batches']}."
            )
        if counts["unusable"]:
            raise CommandError("Some trees cannot be used; see above.")

    def _batch(self, uid: str) -> bool:
        """One that cannot be used is put together from its articles."""
        try:
            return rebuild_batch(uid)
        except TreeError as exc:
            self.stderr.write(str(exc))
            return False

    def _one(self, prefix: str, unsigned: bool) -> str:
        try:
            rebuilt = rebuild(prefix, unsigned=unsigned)
        except TreeError as exc:
            self.stderr.write(str(exc))
            return "unusable"
        for sentence in (*rebuilt.lacking, *([] if rebuilt.is_ours else [strangers.TAKEN])):
            self.stderr.write(f"{prefix}: {sentence}")
        return "rebuilt" if rebuilt.new else "known"

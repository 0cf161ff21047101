"""Find out whether the backups are whole."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from itertools import product
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups import catalogue, configured, models
from backups.errors import BackupError
from backups.health import tree_care
from backups.health.tree_care import TREES
from backups.progress import shown
from backups.repository import verify
from backups.repository.manifests import TIERS
from backups.repository.repository import Repository
from backups.storage.port import FIRST, SECOND


class Command(BaseCommand):
    help = (
        "Verify the backups: that all objects are there with their sizes and checksums; with --deep also today's "
        "thirtieth of them by reading. Exits 0 when all is well, 2 when something is missing or damaged (named on "
        "standard error, and stored anew by the next backup if its source still has it), 1 when it could not be done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--tier", choices=[*sorted(TIERS), TREES], help="one tier, or the trees of articles; without: all"
        )
        parser.add_argument("--storage", choices=[FIRST, SECOND], help="one storage; without: each that there is")
        parser.add_argument("--deep", action="store_true", help="read and hash today's thirtieth as well")
        parser.add_argument("--all", action="store_true", help="read and hash everything")
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="only make the database's tables from the storage: what it lists is all that there is",
        )
        parser.add_argument("--json", action="store_true", help="a line of JSON for each verification")

    def handle(self, *_: object, tier: str | None, storage: str | None, deep: bool, json: bool, **options: Any) -> None:
        whole, everything, rebuild, failed = True, bool(options["all"]), options["rebuild"], []
        slot = None if everything else verify.today(timezone.now())
        wanted = [tier] if tier else sorted(TIERS)
        if tier == TREES or (tier is None and storage != SECOND and (deep or everything) and not rebuild):
            whole = self._trees(slot, json)
        for where, each in product([storage] if storage else configured.storages(), wanted):
            if each not in TIERS:
                continue
            try:
                repository = configured.repository(TIERS[each], where)
                if rebuild:
                    whole = self._rebuilt(repository) and whole
                else:
                    whole = self._verified(repository, slot, deep or everything, json) and whole
            except BackupError as exc:  # the other storage is looked at all the same
                failed.append(f"{exc} ({each} in the {where} storage)" if len(configured.storages()) > 1 else str(exc))
        if failed:
            raise CommandError("\n".join(failed))
        if not whole:
            sys.exit(2)

    def _trees(self, slot: int | None, json: bool) -> bool:
        """Read them, as whoever has trees does."""
        whole = True
        for verdict in tree_care.verify(slot):
            whole = whole and verdict.whole
            for sentence in [*verdict.mended, *verdict.sentences]:
                self.stderr.write(sentence)
            self.stdout.write(orjson.dumps({"tier": TREES, **asdict(verdict)}).decode() if json else str(verdict))
        return whole

    def _rebuilt(self, repository: Repository) -> bool:
        tier, unusable = repository.tier.name, catalogue.accept(repository)
        for sentence in unusable:
            self.stderr.write(sentence)
        rows = models.Generation.objects.filter(tier=tier, storage=repository.storage)
        self.stdout.write(f"{tier}{_where(repository)}: {rows.count():,} backups are known.")
        return not unusable

    def _verified(self, repository: Repository, slot: int | None, deep: bool, json: bool) -> bool:
        """Whether all is whole."""
        tier, storage = repository.tier.name, repository.storage
        known, doubted = catalogue.known(tier, storage), catalogue.doubted(tier, storage)
        verdicts = [verify.quick(repository, known=known, doubted=doubted)]
        if deep:
            with shown("Reading", quiet=json) as started:
                verdicts.append(verify.deep(repository, slot, started=started))
        for verdict in verdicts:
            catalogue.record(verdict, repository, timezone.now())
            for sentence in verdict.sentences:
                self.stderr.write(f"{sentence}{_where(repository)}")
            said = {"storage": storage, **asdict(verdict)}
            self.stdout.write(orjson.dumps(said).decode() if json else f"{verdict}{_where(repository)}")
        return all(verdict.whole for verdict in verdicts)


def _where(repository: Repository) -> str:
    """In which storage, where that is not the first."""
    return "" if repository.storage == FIRST else f" ({repository.storage} storage)"

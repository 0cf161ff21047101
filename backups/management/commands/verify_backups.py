"""Find out whether the backups are whole."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict

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
        parser.add_argument("--deep", action="store_true", help="read and hash today's thirtieth as well")
        parser.add_argument("--all", action="store_true", help="read and hash everything")
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="only make the database's tables from the storage: what it lists is all that there is",
        )
        parser.add_argument("--json", action="store_true", help="a line of JSON for each verification")

    def handle(self, *_: object, tier: str | None, deep: bool, json: bool, rebuild: bool, **options: object) -> None:
        whole, everything = True, bool(options["all"])
        slot = None if everything else verify.today(timezone.now())
        wanted = [tier] if tier else sorted(TIERS)
        if tier == TREES or (tier is None and (deep or everything) and not rebuild):
            whole = self._trees(slot, json)
        for each in (name for name in wanted if name in TIERS):
            if rebuild:
                whole = self._rebuilt(each) and whole
                continue
            for verdict in self._verdicts(each, slot, deep or everything, json):
                whole = whole and verdict.whole
                for sentence in verdict.sentences:
                    self.stderr.write(sentence)
                self.stdout.write(orjson.dumps(asdict(verdict)).decode() if json else str(verdict))
        if not whole:
            sys.exit(2)

    def _trees(self, slot: int | None, json: bool) -> bool:
        """Read them, as whoever has trees does."""
        whole = True
        for verdict in tree_care.verify(slot):
            whole = whole and verdict.whole
            for sentence in verdict.sentences:
                self.stderr.write(sentence)
            self.stdout.write(orjson.dumps({"tier": TREES, **asdict(verdict)}).decode() if json else str(verdict))
        return whole

    def _rebuilt(self, tier: str) -> bool:
        try:
            unusable = catalogue.accept(configured.repository(TIERS[tier]))
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        for sentence in unusable:
            self.stderr.write(sentence)
        self.stdout.write(f"{tier}: {models.Generation.objects.filter(tier=tier).count():,} backups are known.")
        return not unusable

    def _verdicts(self, tier: str, slot: int | None, deep: bool, json: bool) -> list[verify.Verdict]:
        try:
            repository = configured.repository(TIERS[tier])
            known, doubted = catalogue.known(tier), catalogue.doubted(tier)
            verdicts = [verify.quick(repository, known=known, doubted=doubted)]
            if deep:
                with shown("Reading", quiet=json) as started:
                    verdicts.append(verify.deep(repository, slot, started=started))
            for verdict in verdicts:
                catalogue.record(verdict, repository, timezone.now())
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        return verdicts

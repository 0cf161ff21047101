"""Remove old backups. Shows what would go, and does it with --apply."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups import configured
from backups.errors import BackupError
from backups.health.retention import remove_old
from backups.repository import prune
from backups.repository.manifests import TIERS


class Command(BaseCommand):
    help = (
        "Remove the backups that are older than GALLEY_BACKUP_KEEP_DAYS and not the last of one of "
        "GALLEY_BACKUP_KEEP_MONTHS; never the last two, the last two verified ones, and those that are pinned. Without "
        "--apply it only says what would go. Exits 1, and removes nothing, on a listing that cannot be true."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tier", choices=sorted(TIERS), required=True)
        parser.add_argument("--apply", action="store_true", help="really remove them")
        parser.add_argument("--pin", metavar="ID", default="", help="keep this backup for ever")
        parser.add_argument("--unpin", metavar="ID", default="", help="treat this backup like any other again")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: object, tier: str, apply: bool, pin: str, unpin: str, json: bool, **__: object) -> None:
        try:
            if pin or unpin:
                repository = configured.repository(TIERS[tier])
                prune.pin(repository, pin) if pin else prune.unpin(repository, unpin)
                return
            pruned = remove_old(TIERS[tier], timezone.now(), apply=apply)
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(orjson.dumps(asdict(pruned)).decode() if json else pruned.report(apply=apply))

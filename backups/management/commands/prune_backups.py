"""Remove old backups. Shows what would go, and does it with --apply."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups import configured
from backups.errors import BackupError
from backups.health.retention import remove_old
from backups.models import Generation
from backups.repository import prune
from backups.repository.manifests import TIERS, Tier
from backups.storage.port import FIRST, SECOND


class Command(BaseCommand):
    help = (
        "Remove the backups that are older than GALLEY_BACKUP_KEEP_DAYS and not the last of one of "
        "GALLEY_BACKUP_KEEP_MONTHS; never the last two, the last two verified ones, and those that are pinned. Without "
        "--apply it only says what would go. Exits 1, and removes nothing, on a listing that cannot be true."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tier", choices=sorted(TIERS), required=True)
        parser.add_argument("--storage", choices=[FIRST, SECOND], help="one storage; without: each that there is")
        parser.add_argument("--apply", action="store_true", help="really remove them")
        parser.add_argument("--pin", metavar="ID", default="", help="keep this backup for ever")
        parser.add_argument("--unpin", metavar="ID", default="", help="treat this backup like any other again")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: object, tier: str, storage: str | None, json: bool, **options: Any) -> None:
        failed = []
        for where in [storage] if storage else configured.storages():
            try:
                self._in_storage(TIERS[tier], where, json=json, **options)
            except BackupError as exc:  # the other storage is pruned all the same
                failed.append(f"{exc} (second storage)" if where == SECOND else str(exc))
        if failed:
            raise CommandError("\n".join(failed))

    def _in_storage(
        self, tier: Tier, storage: str, *, apply: bool, pin: str, unpin: str, json: bool, **_: object
    ) -> None:
        if pin or unpin:
            repository = configured.repository(tier, storage)
            there = Generation.objects.filter(tier=tier.name, storage=storage, name=pin).exists()
            if unpin:
                prune.unpin(repository, unpin)
            elif there or storage == FIRST:  # else the copy brings it with its pin
                prune.pin(repository, pin)
            return
        if storage == SECOND and not Generation.objects.filter(tier=tier.name, storage=SECOND).exists():
            return  # nothing was copied there yet
        pruned = remove_old(tier, timezone.now(), storage, apply=apply)
        if json:
            self.stdout.write(orjson.dumps({"storage": storage, **asdict(pruned)}).decode())
            return
        if storage == SECOND:
            self.stdout.write("In the second storage:")
        self.stdout.write(pruned.report(apply=apply))

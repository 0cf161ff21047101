"""Which key signs and opens what, which is missing, and when an old one may go."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from articles.failures import Failure
from articles.formats import count
from articles.providers.errors import ProviderError
from backups import configured
from backups.errors import BackupError
from backups.repository.keys import KeyUse, uses
from backups.repository.manifests import TIERS
from backups.repository.prune import Retention
from recovery.sign import signers

SETTINGS = {"signs": "GALLEY_BACKUP_KEYS", "opens": "GALLEY_BACKUP_ENCRYPTION_KEYS"}


class Command(BaseCommand):
    help = (
        "Say for each key of the backups what it signs or opens, whether it is at hand, and when an old one may go. "
        "Reads the manifests of all backups and trees. Exits 0 when all keys are at hand, 2 when one is missing, "
        "1 when it could not be told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="a line of JSON for each key and tier")

    def handle(self, *_: Any, json: bool, **__: Any) -> None:
        try:
            found = {tier.name: uses(configured.repository(tier)) for tier in TIERS.values()}
            trees = signers()
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        except ProviderError as exc:
            raise CommandError(f"{Failure.of(exc).sentence}.") from exc
        if json:
            for tier, each in [(tier, each) for tier, some in found.items() for each in some]:
                self.stdout.write(orjson.dumps({"tier": tier, **asdict(each)}).decode())
            self.stdout.write(orjson.dumps({"trees": trees}).decode())
        else:
            self._tell(found, trees)
        ours = configured.signing_keys().names
        if any(not each.at_hand for some in found.values() for each in some) or trees.keys() - {*ours, ""}:
            sys.exit(2)

    def _tell(self, found: dict[str, list[KeyUse]], trees: dict[str, int]) -> None:
        by_key: dict[tuple[str, str], dict[str, KeyUse]] = {}
        for tier, some in found.items():
            for each in some:
                by_key.setdefault((each.does, each.name), {})[tier] = each
        for name in trees.keys() - {name for does, name in by_key if does == "signs"} - {""}:
            by_key["signs", name] = {}
        if not settings.GALLEY_BACKUP_ENCRYPTION_KEYS:
            self.stdout.write("Nothing new is encrypted: GALLEY_BACKUP_ENCRYPTION_KEYS is empty.")
        for (does, name), tiers in by_key.items():
            signed = trees.get(name, 0) if does == "signs" else 0
            self.stdout.write(f"{name}  {does} {_counted(tiers, signed)}.")
            self.stdout.write(f"    {_verdict(does, list(tiers.values()), signed)}")
        if unsigned := trees.get("", 0):
            self.stdout.write(f"{count(unsigned, 'tree')} bear no signature: manage.py sign_trees")


def _counted(tiers: dict[str, KeyUse], trees: int) -> str:
    said = []
    for tier, each in tiers.items():
        if each.backups:
            objects = f" with {count(each.objects, 'object')}" if each.objects else ""
            said.append(f"{count(each.backups, 'backup')} of {tier}{objects}")
    said += [count(trees, "tree")] if trees else []
    return ", ".join(said) or "nothing"


def _verdict(does: str, some: list[KeyUse], trees: int) -> str:
    retention = Retention(settings.GALLEY_BACKUP_KEEP_DAYS, settings.GALLEY_BACKUP_KEEP_MONTHS)
    used = [each for each in some if each.backups]
    if not any(each.at_hand for each in some):
        return f"MISSING. Whoever has it puts it behind the others in {SETTINGS[does]}; without it these are lost."
    if any(each.is_first for each in some):
        return f"In use: what is new is {'signed' if does == 'signs' else 'encrypted'} with it."
    if not used and not trees:
        return f"Nothing needs it: it may be taken out of {SETTINGS[does]}."
    why = [f"the last backup of {source} needs it" for each in used for source in each.needed_now]
    why += [f"kept until unpinned: {count(each.pinned, 'backup')}" for each in used if each.pinned]
    why += [f"to be signed anew by manage.py sign_trees: {count(trees, 'tree')}"] if trees else []
    if why:
        return f"Not yet: {'; '.join(why)}."
    until = max(moment for each in used if (moment := each.until(retention)))
    return f"It may go after {until:%Y-%m-%d}, when prune_backups has removed the last backup that needs it."

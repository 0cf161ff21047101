"""Bring the second storage what it lacks; or the first what it has lost."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups.errors import BackupError
from backups.health.second import copies
from backups.health.tree_care import TREES
from backups.progress import shown
from backups.repository.copying import Copied
from backups.repository.manifests import TIERS


class Command(BaseCommand):
    help = (
        "Copy to the second storage (GALLEY_SECOND_STORAGE_URL) all backups that it lacks; what is damaged is never "
        "copied, and nothing is deleted. With --mend bring back to the first storage what is damaged or missing there. "
        "Killed, it is started again and goes on. Exits 0 when nothing is lacking, 2 when some backups could not be "
        "copied (named on standard error), 1 when a storage did not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tier", choices=[*sorted(TIERS), TREES], help="one tier, or the trees of articles")
        parser.add_argument(
            "--mend", action="store_true", help="from the second storage to the first, what is lost there"
        )
        parser.add_argument("--json", action="store_true", help="a line of JSON for each tier")

    def handle(self, *_: object, tier: str | None, mend: bool, json: bool, **__: object) -> None:
        if not copies.is_wanted():
            raise CommandError("There is no second storage: set GALLEY_SECOND_STORAGE_URL.")
        left = False
        failed: list[str] = []
        if tier in (None, TREES) and not mend:
            left = self._trees(failed, json=json)
        for each in [TIERS[name] for name in TIERS if tier in (None, name)]:
            try:
                with shown("Copying", "pieces", quiet=json) as started:
                    copied = (
                        copies.mend(each, started=started)
                        if mend
                        else copies.copy(each, timezone.now(), started=started)
                    )
            except BackupError as exc:
                failed.append(f"{each.name}: {exc}")
                continue
            for sentence in copied.left.values():
                self.stderr.write(sentence)
            left = left or bool(copied.left)
            self.stdout.write(orjson.dumps(_summary(copied)).decode() if json else str(copied))
        if failed:
            raise CommandError("\n".join(failed))
        if left:
            raise SystemExit(2)

    def _trees(self, failed: list[str], *, json: bool) -> bool:
        """Whether some could not be copied."""
        try:
            found = copies.copy_trees(timezone.now())
        except Exception as exc:  # whatever those raise who have trees
            failed.append(f"{TREES}: {exc}")
            return False
        for each in found:
            for sentence in each.left.values():
                self.stderr.write(sentence)
            self.stdout.write(orjson.dumps({"tier": TREES, **asdict(each)}).decode() if json else str(each))
        return any(each.left for each in found)


def _summary(copied: Copied) -> dict[str, object]:
    return {
        "tier": copied.tier,
        "to": copied.target,
        "backups": [each.id for each in copied.generations],
        "objects": copied.objects,
        "bytes": copied.bytes,
        "mended": copied.mended,
        "left": copied.left,
    }

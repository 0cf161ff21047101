"""The whole desk from keys and storage, for the day on which the machine is gone."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from articles.failures import Failure
from articles.providers.errors import ProviderError
from backups import catalogue, configured
from backups.database.restore import Conflicting, OutOfDate, choose
from backups.errors import BackupError
from backups.management.commands.restore_files import moment
from backups.progress import shown
from backups.repository.manifests import DATABASE, FILES, TIERS
from backups.restores.choice import chosen
from backups.storage.port import FIRST, SECOND
from recovery.rebuild.desk import Journey, restore_desk

NOT_BACKED_UP = (
    "Schedules of your own and changed hours, tokens of the API, sessions and mail under way are in no backup; neither "
    "are the settings: keys of services, mail, prices."
)


class Command(BaseCommand):
    help = (
        "Bring a whole desk back into an empty one: the newest backup of its database, and each article and batch that "
        "is newer in its folder of the storage. Without --apply it only says what would come back. Nothing begins by "
        "itself because it came back. Exits 0 when it is done, with a list of what is not back, 3 and changes nothing "
        "when the database cannot be restored, 1 when it could not be tried. Killed, it is started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", type=moment, help="the newest backup of until then, such as 2025-05-27T18:30")
        parser.add_argument("--backup", default="", metavar="ID", help="this very backup")
        parser.add_argument(
            "--storage",
            choices=[FIRST, SECOND],
            default="",
            help="from this one; second: what is lost of the first comes from there, and lies in the first again",
        )
        parser.add_argument("--apply", action="store_true", help="really bring it back")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(
        self, *_: Any, at: datetime | None, backup: str, storage: str, apply: bool, json: bool, **__: Any
    ) -> None:
        try:
            found = chosen(DATABASE, lambda each: choose(each, at=at, name=backup), storage=storage, at=at, name=backup)
            repository, generation = found.repository, found.generation
            for sentence in found.said:
                self.stderr.write(sentence)
            with shown("Restoring", "rows", quiet=json) as started:
                journey = restore_desk(repository, generation, apply=apply, storage=storage, started=started)
            sources = sorted({each.source for each in configured.repository(FILES, storage or FIRST).trusted()})
            if apply:
                for tier in TIERS.values():
                    catalogue.rebuild(configured.repository(tier, storage or FIRST))
        except (Conflicting, OutOfDate) as exc:
            raise CommandError(str(exc), returncode=3) from exc
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        except ProviderError as exc:
            raise CommandError(f"{Failure.of(exc).sentence}. Start it again; it goes on.") from exc
        journey.lacking += [
            f"Files of {source}: manage.py restore_files, and a schedule of its own." for source in sources
        ]
        journey.lacking.append(NOT_BACKED_UP)
        if json:
            self.stdout.write(orjson.dumps(_summary(journey)).decode())
        else:
            self._tell(journey, apply=apply)

    def _tell(self, journey: Journey, *, apply: bool) -> None:
        made = journey.generation
        self.stdout.write(f"The backup {made.id}, read {made.began:%Y-%m-%d %H:%M} UTC: {journey.rows:,} rows.")
        self.stdout.write(f"Newer than it: {journey.rebuilt:,} articles and {journey.batches:,} batches that it lacks.")
        if journey.brought:
            come = "come" if apply else "would come"
            self.stdout.write(f"Files of {journey.brought:,} articles {come} from the second storage into the first.")
        if journey.pictures:
            come = "come" if apply else "would come"
            self.stdout.write(f"Pictures of texts {come} from the second storage into the first: {journey.pictures:,}.")
        if apply:
            self.stdout.write(
                f"{len(journey.further):,} articles were further in the storage than in the backup, and are as they "
                f"were there. {journey.rested:,} were in line or at work, and have stopped: Recover goes on with them."
            )
        for sentence in journey.lacking:
            self.stdout.write(f"Not back: {sentence}")
        for part, seconds in journey.seconds.items():
            self.stdout.write(f"{seconds:8.1f} s  {part}")
        self.stdout.write("The desk is back." if apply else "Nothing was changed. With --apply it is.")


def _summary(journey: Journey) -> dict[str, object]:
    return {
        "backup": journey.generation.id,
        "began": journey.generation.began.isoformat(),
        "rows": journey.rows,
        "further": journey.further,
        "rested": journey.rested,
        "rebuilt": journey.rebuilt,
        "batches": journey.batches,
        "from_second": journey.brought,
        "pictures_from_second": journey.pictures,
        "not_back": journey.lacking,
        "seconds": journey.seconds,
    }

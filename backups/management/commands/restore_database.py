"""Restore the database from a backup. Shows what would change, and does it with --apply."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, time
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from backups import configured
from backups.database import backup, connections, restore, undo
from backups.database.comparison.restore_policy import MIRROR, MISSING, RESTORE_MODES
from backups.database.comparison.steps import ACTIONS, ACTIONS_COUNTED, SAME, DatabasePlan
from backups.database.comparison.touched import TouchedRows
from backups.errors import BackupError
from backups.management.commands.restore_files import moment
from backups.models import Restore
from backups.progress import shown
from backups.repository.manifests import DATABASE, Generation
from backups.repository.repository import Repository
from backups.restores.choice import chosen
from backups.storage.port import FIRST, SECOND

PAGE = 50  # lines


class Command(BaseCommand):
    help = (
        "Restore the database from a backup: all of it, or some articles. Without --apply it only says what would "
        "change. Exits 0 when it is done, 3 and changes nothing when something cannot be restored, 1 when it could not "
        "be tried. A safety backup comes first; what was restored can be undone with its name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", type=moment, help="as it was then, such as 2025-05-27T18:30; without: the newest")
        parser.add_argument("--backup", default="", metavar="ID", help="this very backup")
        parser.add_argument(
            "--storage", choices=[FIRST, SECOND], default="", help="from this one; without: from the first"
        )
        parser.add_argument("--list", action="store_true", help="only list the backups")
        parser.add_argument(
            "--articles", nargs="+", default=[], metavar="ARTICLE", help="these, by uid, number or title"
        )
        parser.add_argument("--from", dest="begin", type=moment, metavar="DATE", help="articles handed in since then")
        parser.add_argument("--to", dest="end", type=moment, metavar="DATE", help="articles handed in until then")
        parser.add_argument(
            "--mode",
            choices=RESTORE_MODES,
            default=MISSING,
            help="what happens to rows that differ: kept (missing), changed if older (newer), changed (overwrite); "
            "mirror also deletes what the backup has not, and must be named in --confirm",
        )
        parser.add_argument("--confirm", default="", metavar="MODE", help="the mode once more, for --mode mirror")
        parser.add_argument("--into", default="", metavar="URL", help="another database; an empty one gets its tables")
        parser.add_argument(
            "--undo", default="", metavar="ID", help="undo the restore before which this safety backup was made"
        )
        parser.add_argument("--apply", action="store_true", help="really restore, or undo")
        parser.add_argument("--page", type=int, default=1, help=f"of the differences, {PAGE} to a page")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: object, **options: Any) -> None:
        if options["apply"] and options["mode"] == MIRROR != options["confirm"]:
            raise CommandError("To delete what the backup has not, say so twice: --mode mirror --confirm mirror")
        try:
            if options["list"]:
                self._list(configured.repository(DATABASE, options["storage"] or FIRST))
                return
            with connections.connected(options["into"]) if options["into"] else nullcontext("default") as alias:
                if options["into"]:
                    connections.prepare(alias)
                self._restore(alias, options)
        except (restore.Conflicting, restore.OutOfDate) as exc:
            raise CommandError(str(exc), returncode=3) from exc
        except BackupError as exc:
            raise CommandError(str(exc)) from exc

    def _restore(self, alias: str, options: dict[str, Any]) -> None:
        undoes = _undone(options["undo"], alias) if options["undo"] else None
        repository, generation = self._chosen(options, undo=bool(undoes))
        choice = restore.Choice(tuple(options["articles"]), _begin(options["begin"]), options["end"])
        with (
            shown("Comparing", "rows", quiet=options["json"]) as started,
            undo.planned(repository, generation, undoes.what_it_touched(), alias, started=started)
            if undoes
            else restore.planned(
                repository, generation, alias, choice=choice, mode=options["mode"], started=started
            ) as plan,
        ):
            if not options["apply"]:
                self._show(plan, options["page"], json=options["json"])
                return
            counts = {action: plan.total[action] for action in ACTIONS}
            job = Restore(
                who="the command line", undoes=undoes, backup=generation.id, units=options["articles"], mode=plan.mode,
                counts=counts, fingerprint=plan.fingerprint,
            )  # fmt: skip

            def note(safety: Generation | None, touched: Iterator[TouchedRows]) -> None:
                job.save(using=alias)
                job.note(safety, touched)

            safety = restore.restore(repository, plan, note=note)
            if options["json"]:
                self.stdout.write(orjson.dumps(_summary(plan) | {"safety": safety and safety.id}).decode())
                return
            for sentence in plan.told:
                self.stdout.write(sentence)
            self.stdout.write(f"Restored from {generation.id}: {_counted(plan)}.")
            if safety:
                into = f" --into {options['into']}" if options["into"] else ""
                self.stdout.write(f"As it was before: manage.py restore_database --undo {safety.id}{into}")

    def _chosen(self, options: dict[str, Any], *, undo: bool) -> tuple[Repository, Generation]:
        name, at = options["undo"] or options["backup"], None if undo else options["at"]
        found = chosen(
            DATABASE, lambda each: restore.choose(each, at=at, name=name), storage=options["storage"], at=at, name=name
        )
        for sentence in found.said:
            self.stderr.write(sentence)
        return found.repository, found.generation

    def _show(self, plan: DatabasePlan, page: int, *, json: bool) -> None:
        steps = list(plan.steps(first=(page - 1) * PAGE, most=PAGE))
        if json:
            told = [{"action": step.action, "model": step.model, "pk": step.pk, "target": step.target,
                     "fields": step.fields, "why": step.why} for step in steps]  # fmt: skip
            self.stdout.write(orjson.dumps(_summary(plan) | {"page": page, "steps": told}).decode())
            return
        for sentence in plan.told:
            self.stdout.write(sentence)
        for step in steps:
            self.stdout.write(str(step))
        differences = sum(plan.total[action] for action in ACTIONS if action != SAME)
        if differences > PAGE:
            self.stdout.write(f"Page {page} of {-(-differences // PAGE):,}; the next with --page {page + 1}.")
        self.stdout.write(
            f"From {plan.generation.id}, read {plan.generation.began:%Y-%m-%d %H:%M} UTC: {_counted(plan)}."
        )
        self.stdout.write("Nothing was changed. With --apply it is." if plan.work else "There is nothing to restore.")

    def _list(self, repository: Repository) -> None:
        for made in repository.trusted():
            source = made.about.get("source")
            said = f" ({source})" if source != backup.SOURCE else ""
            kind, rows = made.about["kind"], made.counts["rows"]
            self.stdout.write(f"{made.id}  {made.began:%Y-%m-%d %H:%M:%S} UTC  {kind:<8} {rows:>12,} rows{said}")


def _undone(safety: str, alias: str) -> Restore:
    found = Restore.objects.using(alias).filter(safety=safety).first()
    if found is None:
        raise CommandError(f"This database knows of no restore before which the backup {safety} was made.")
    return found


def _begin(found: datetime | None) -> datetime | None:
    """A date alone means its beginning here; as the end it means its end."""
    return datetime.combine(found, time.min, found.tzinfo) if found and found.time() == time.max else found


def _counted(plan: DatabasePlan) -> str:
    return ", ".join(f"{plan.total[action]:,} {ACTIONS_COUNTED[action]}" for action in ACTIONS)


def _summary(plan: DatabasePlan) -> dict[str, object]:
    return {
        "backup": plan.generation.id,
        "mode": plan.mode,
        "counts": {action: plan.total[action] for action in ACTIONS},
        "models": {label: dict(counts) for label, counts in plan.counts.items() if counts},
        "told": plan.told,
        "fingerprint": plan.fingerprint,
    }

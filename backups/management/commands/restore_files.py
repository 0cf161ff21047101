"""Restore files from a backup into a folder. Shows what would change, and does it with --apply."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from backups import configured
from backups.clocks import DESK
from backups.errors import BackupError, Failed
from backups.files import restore, undo
from backups.files.source import readable
from backups.progress import shown
from backups.repository.manifests import FILES, Generation
from backups.restores.choice import Choice, chosen
from backups.storage.port import FIRST, SECOND

PAGE = 50  # lines
Planned = restore.RestorePlan | undo.UndoPlan


def moment(text: str) -> datetime:
    """A point in time, in the desk's time zone unless it names one; a date alone is its end."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ArgumentTypeError("Write it like 2025-05-27 or 2025-05-27T18:30.") from exc
    if len(text) == len("2025-05-27"):
        found = datetime.combine(found, time.max)
    return found if found.tzinfo else found.replace(tzinfo=DESK.zone())


class Command(BaseCommand):
    help = (
        "Restore files from a backup into a folder: all, or those that are named. Without --apply it only says what "
        "would change. Exits 0 when all is done, 2 when some files could not be restored (named on standard error), "
        "1 when nothing could be. Nothing is deleted: what is replaced goes to the folder .replaced-… of the target, "
        "and --undo puts it back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", type=Path, nargs="?", help="the folder to restore to")
        parser.add_argument("paths", nargs="*", metavar="path", help="files, folders or patterns; without: all")
        parser.add_argument("--at", type=moment, help="the newest backup of until then, such as 2025-05-27T18:30")
        parser.add_argument("--source", default="", help="whose backup, where there are several sources")
        parser.add_argument("--backup", default="", metavar="ID", help="this very backup")
        parser.add_argument(
            "--storage", choices=[FIRST, SECOND], default="", help="from this one; without: from the first"
        )
        parser.add_argument("--list", action="store_true", help="only list the backups")
        parser.add_argument(
            "--mode",
            choices=restore.RESTORE_MODES,
            default="missing",
            help="what happens to files that differ: kept (missing), replaced if older (newer), replaced (overwrite); "
            "mirror also sets aside what the backup has not, and must be named in --confirm",
        )
        parser.add_argument("--confirm", default="", metavar="MODE", help="the mode once more, for --mode mirror")
        parser.add_argument(
            "--undo", default="", metavar="NAME", help="undo that restore, which was done on this machine"
        )
        parser.add_argument("--apply", action="store_true", help="really restore, or undo")
        parser.add_argument("--page", type=int, default=1, help=f"of the differences, {PAGE} to a page")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: object, target: Path | None, paths: list[str], **options: Any) -> None:
        if options["apply"] and options["mode"] == "mirror" and options["confirm"] != "mirror":
            raise CommandError("To set aside what the backup has not, say so twice: --mode mirror --confirm mirror")
        try:
            if options["undo"]:
                self._undo(options["undo"], options["page"], apply=options["apply"], json=options["json"])
                return
            if options["list"]:
                self._list(configured.repository(FILES, options["storage"] or FIRST).trusted())
                return
            if target is None:
                raise CommandError("Say which folder to restore to, or --list")
            found = self._chosen(options)
            repository, generation = found.repository, found.generation
            with shown("Comparing", quiet=options["json"]) as started:
                planned = restore.plan(
                    repository, generation, target, only=paths, mode=options["mode"], started=started
                )
            if not options["apply"]:
                self._show(planned, options["page"], json=options["json"])
                return
            now = datetime.now(UTC)
            name = self._note(planned, now) if planned.work() else ""
            with shown("Restoring", quiet=options["json"]) as started:
                restored = restore.restore(repository, planned, now=now, aside=name, started=started)
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        self._report(planned, restored, name, json=options["json"])

    def _chosen(self, options: dict[str, Any]) -> Choice:
        source, at, name = options["source"], options["at"], options["backup"]
        found = chosen(
            FILES,
            lambda each: restore.choose(each, source=source, at=at, name=name),
            storage=options["storage"],
            at=at,
            name=name,
        )
        for sentence in found.said:
            self.stderr.write(sentence)
        return found

    def _note(self, planned: restore.RestorePlan, now: datetime) -> str:
        """The name by which it can be undone; "" when that cannot be kept, which stops no restore."""
        name = undo.new_name(now)
        try:
            undo.Journal.of(name, planned).write(configured.journals())
        except Failed as exc:
            self.stderr.write(f"{exc} --undo will not know of this restore.")
            return ""
        return name

    def _undo(self, name: str, page: int, *, apply: bool, json: bool) -> None:
        journal = undo.Journal.read(configured.journals(), name)
        if journal is None:
            raise CommandError(f"No restore {name} was done on this machine, as far as {configured.journals()} tells.")
        planned = undo.plan(journal)
        if not apply:
            self._show(planned, page, json=json)
            return
        undone = undo.undo(planned)
        self._failures(undone)
        if json:
            self.stdout.write(orjson.dumps(_summary(planned) | _done(undone)).decode())
        else:
            self.stdout.write(
                f"{undone.counts['back']:,} files were put back and {undone.counts['remove']:,} removed; "
                f"{planned.counts()['keep'] + len(undone.failures):,} have changed since and stay."
            )
        if undone.failures:
            sys.exit(2)

    def _list(self, generations: list[Generation]) -> None:
        for each in generations:
            self.stdout.write(
                f"{each.id}  {each.made:%Y-%m-%d %H:%M:%S} UTC  {each.counts.get('files', 0):>9,} files  "
                f"{each.counts.get('bytes', 0):>17,} bytes  {each.about.get('source')}"
            )

    def _show(self, planned: Planned, page: int, *, json: bool) -> None:
        steps = planned.differences()
        shown = steps[(page - 1) * PAGE : page * PAGE] if page > 0 else []
        if json:
            lines = [{"action": step.action, "path": readable(step.path), "bytes": step.bytes} for step in shown]
            self.stdout.write(orjson.dumps(_summary(planned) | {"page": page, "steps": lines}).decode())
            return
        for step in shown:
            self.stdout.write(str(step))
        pages = -(-len(steps) // PAGE)
        if pages > 1:
            self.stdout.write(f"Page {page} of {pages}; --page N shows another.")
        self.stdout.write(self._counted(planned))
        if planned.work():
            self.stdout.write("Nothing was changed. To do it, add --apply")

    def _counted(self, planned: Planned) -> str:
        counts = planned.counts()
        if isinstance(planned, undo.UndoPlan):
            where = readable(str(planned.journal.target))
            return (
                f"Restore {planned.journal.name} into {where}: {counts['back']:,} to put back, "
                f"{counts['remove']:,} to remove, {counts['keep']:,} that have changed since and stay, "
                f"{counts['same']:,} as they were."
            )
        return (
            f"Backup {planned.generation.id} of {planned.generation.made:%Y-%m-%d %H:%M} UTC: {counts['create']:,} to "
            f"create, {counts['replace']:,} to replace, {counts['aside']:,} to set aside, {counts['keep']:,} that "
            f"differ and stay, {counts['same']:,} the same."
        )

    def _failures(self, restored: restore.Restored) -> None:
        for path, why in sorted(restored.failures.items()):
            self.stderr.write(f"{readable(path)}: {why}")

    def _report(self, planned: restore.RestorePlan, restored: restore.Restored, name: str, *, json: bool) -> None:
        self._failures(restored)
        if json:
            self.stdout.write(orjson.dumps(_summary(planned) | _done(restored) | {"undo": name}).decode())
        else:
            counts = restored.counts
            self.stdout.write(
                f"{counts['create'] + counts['replace']:,} files with {restored.bytes:,} bytes were restored and "
                f"checked, {counts['aside']:,} set aside; {len(restored.failures):,} could not be restored."
            )
            if name:
                self.stdout.write(f"As it was before: manage.py restore_files --undo {name}")
        if restored.failures:
            sys.exit(2)


def _summary(planned: Planned) -> dict[str, object]:
    """For programs."""
    if isinstance(planned, undo.UndoPlan):
        return {"undo": planned.journal.name, "target": readable(str(planned.journal.target)), **planned.counts()}
    generation = planned.generation
    return {"generation": generation.id, "made": generation.made.isoformat(), **planned.counts()}


def _done(restored: restore.Restored) -> dict[str, object]:
    failures = {readable(path): why for path, why in restored.failures.items()}
    return {"done": dict(restored.counts), "bytes": restored.bytes, "failures": failures}

"""Texts out of the chunk files that scripts of before Galley have saved, from the shell."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from articles import formats
from backups.progress import shown
from worklist.chunks.importing import FileReport, Import, NotAFolder, Report

MOST_SHOWN = 20  # names of what stays behind


class Command(BaseCommand):
    help = (
        "Bring what chunk files of old scripts hold (chunk_000001_….json) to the worklist: each article is a document "
        "that waits for a person. Without --apply it only says what would come. Nothing is begun and nothing is paid; "
        "again is the same as once. Exits 2 when a file could not be read, or a number is missing; the others came."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="with the folders in it")
        parser.add_argument("--owner", required=True, metavar="NAME", help="the user who brings them")
        parser.add_argument(
            "--desk", default="", metavar="NAME", help="which old desk they are of, where there are several"
        )
        parser.add_argument("--apply", action="store_true", help="really bring them")
        parser.add_argument("--json", action="store_true", help="the outcome as one line of JSON")

    def handle(self, *_: Any, folder: Path, owner: str, desk: str, apply: bool, json: bool, **__: Any) -> None:
        try:
            with shown("Reading", "files", quiet=json) as started:
                report = Import(folder, _person(owner), desk, apply, started).run()
        except NotAFolder as exc:
            raise CommandError(str(exc)) from exc
        if json:
            said = asdict(report) | {"left": dict(report.left), "applied": apply}
            self.stdout.write(orjson.dumps(said).decode())
        else:
            self._tell(report, apply=apply)
        if not report.is_whole:
            raise CommandError("Not all of it could be read; what is missing is named above.", returncode=2)

    def _tell(self, report: Report, *, apply: bool) -> None:
        for each in report.files:
            self._tell_file(each)
        if report.gaps:
            self.stdout.write(f"No file has the number {', '.join(report.gaps)}.")
        if report.others:
            self.stdout.write(f"{formats.count(report.others, 'file')} of another name: left alone.")
        if report.left:
            names = [f"{name} ({count:,})" for name, count in report.left.most_common(MOST_SHOWN)]
            more = f" and {len(report.left) - MOST_SHOWN:,} more" if len(report.left) > MOST_SHOWN else ""
            self.stdout.write(f"Stays behind, with its number of records: {', '.join(names)}{more}.")
        new, changed, known = (
            sum(getattr(each, name) for each in report.files) for name in ("new", "changed", "known")
        )
        self.stdout.write(f"{formats.count(new, 'new document')}, {changed:,} changed, {known:,} known.")
        if not apply:
            self.stdout.write("Nothing was changed. With --apply it is.")

    def _tell_file(self, each: FileReport) -> None:
        self.stdout.write(
            f"{each.name}: {formats.count(each.records, 'record')}, {each.new:,} new, {each.changed:,} changed, "
            f"{each.known:,} known."
        )
        for why, (count, first) in each.none.items():
            end = "" if why.endswith(".") else "."
            self.stdout.write(f"  Not taken: {formats.count(count, 'record')}, first number {first:,}: {why}{end}")
        for flaw in each.flaws:
            self.stdout.write(f"  Not read: {flaw}")


def _person(name: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f'There is no user "{name}".')
    if not found.is_active or not found.has_perms(["worklist.add_document", "worklist.change_document"]):
        raise CommandError(f'"{name}" may not bring documents to the worklist.')
    return found

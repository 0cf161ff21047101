"""Google Drive from the shell: connect a service account, follow folders, look now, see how it does."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from articles import formats
from worklist.drive import accounts, signin, status, sync
from worklist.drive.errors import DriveError
from worklist.models import DriveAccount, DriveFile, DriveFolder


class Command(BaseCommand):
    help = "Connect Google Drive, follow folders of it, and bring the worklist to what they have."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        connect = verbs.add_parser("connect", help="connect a service account, or say where a person connects theirs")
        connect.add_argument("--key", type=Path, metavar="FILE", help="the JSON key of a service account")
        connect.add_argument("--account", metavar="NAME", help="one that is connected already")
        connect.add_argument("--folder", metavar="LINK", help="follow this folder of it")
        for verb, words in (("list", "what lies in the followed folders"), ("status", "how accounts and folders do")):
            verbs.add_parser(verb, help=words).add_argument("--json", action="store_true", help="a line of JSON each")
        look = verbs.add_parser("sync", help="look now, and read what has changed")
        look.add_argument("--missing", action="store_true", help="also mark as gone where many are missing at once")
        look.add_argument("--json", action="store_true", help="a line of JSON for each folder")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        verbs: dict[str, Callable[..., None]] = {
            "connect": self._connect,
            "list": self._list,
            "sync": self._sync,
            "status": self._status,
        }
        try:
            verbs[verb](**options)
        except DriveError as exc:
            raise CommandError(str(exc)) from exc

    def _connect(self, *, key: Path | None, account: str | None, folder: str | None, **_: Any) -> None:
        if key is None and account is None:
            page = f"{settings.GALLEY_BASE_URL.rstrip('/')}{reverse('admin:worklist_driveaccount_changelist')}"
            self.stdout.write(f"A person connects their account at {page}")
            return
        connected = accounts.connect(signin.key_of(_text_of(key))) if key else _account(account or "")
        self.stdout.write(f"{connected} is connected.")
        if folder:
            followed = accounts.follow(connected, folder)
            self.stdout.write(f'"{followed}" is followed. Look now: manage.py drive sync')

    def _list(self, *, json: bool, **_: Any) -> None:
        files = DriveFile.objects.filter(missing_at=None, is_folder=False).select_related("document")
        for file in files.order_by("place", "name", "pk").iterator(chunk_size=500):
            state = file.document.get_state_display() if file.document else "not read yet"
            facts = {"place": file.place, "name": file.name, "state": state, "reason": file.reason}
            shown = f"{file.place}/{file.name}  {file.reason or state}"
            self.stdout.write(orjson.dumps(facts).decode() if json else shown)

    def _sync(self, *, missing: bool, json: bool, **_: Any) -> None:
        for folder in DriveFolder.objects.select_related("account"):
            report = sync.sync(folder, believe_missing=missing)
            if json:
                facts = {"account": str(folder.account), "folder": str(folder), **asdict(report)}
                self.stdout.write(orjson.dumps(facts).decode())
                continue
            done = f"{formats.count(report.new, 'new document')}, {report.read} read, {report.gone} gone."
            self.stdout.write(f"{folder}: {report.waits or done}")
            if report.held:
                said = formats.count(report.held, "document")
                self.stdout.write(f"{said} missing at once: nothing was marked. If that is right, say --missing.")

    def _status(self, *, json: bool, **_: Any) -> None:
        for line in status.lines():
            counts = f"{formats.count(line.documents, 'document')}, {line.to_read} to read, {line.left_out} left out"
            shown = f"{line.account}  {line.folder}  {line.reason or counts}"
            self.stdout.write(orjson.dumps(asdict(line)).decode() if json else shown)
        if not json and not DriveFolder.objects.exists():
            self.stdout.write("No folder is followed. Connect an account: manage.py drive connect")


def _text_of(key: Path) -> str:
    try:
        return key.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise CommandError(f"{key} cannot be read.") from exc


def _account(name: str) -> DriveAccount:
    found = DriveAccount.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f'There is no account "{name}". manage.py drive status lists them.')
    return found

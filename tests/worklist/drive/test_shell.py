"""Google Drive by commands and by programs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django_q.models import OrmQ

from tests.desk import as_
from tests.worklist.drive.small_drive import SHEET, SmallDrive
from tests.worklist.drive.test_client import service_key
from worklist import tasks
from worklist.drive import sync
from worklist.models import Document, DriveAccount, DriveFolder

pytestmark = pytest.mark.django_db


def drive(*arguments: str, **options: Any) -> str:
    said = StringIO()
    call_command("drive", *arguments, stdout=said, **options)
    return said.getvalue()


def test_from_key_to_documents(small: SmallDrive, google_settings: None, tmp_path: Path) -> None:
    folder = small.folder("Desk")
    small.document("Ports", folder, "# Ports\n\nMany ships.")
    small.blob("Budget", folder, b"", SHEET)
    key = tmp_path / "key.json"
    key.write_text(service_key())
    assert "No folder is followed" in drive("status")
    assert "/admin/worklist/driveaccount/" in drive("connect")
    assert '"Desk" is followed' in drive("connect", "--key", str(key), "--folder", folder)
    assert drive("sync") == "Desk: 1 new document, 1 read, 0 gone.\n"
    assert drive("list") == "Desk/Budget  It is a spreadsheet.\nDesk/Ports  To evaluate\n"
    [status] = map(json.loads, drive("status", "--json").splitlines())
    assert (status["documents"], status["left_out"], status["connect_again"]) == (1, 1, False)
    [report] = map(json.loads, drive("sync", "--json").splitlines())
    assert (report["folder"], report["new"], report["waits"]) == ("Desk", 0, "")
    assert "PRIVATE" not in drive("status") + drive("status", "--json")


def test_what_is_wrong_is_said(small: SmallDrive, desk: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        drive("connect", "--key", str(tmp_path / "none.json"))
    with pytest.raises(CommandError, match="no account"):
        drive("connect", "--account", "nobody")
    with pytest.raises(CommandError, match="no link to a folder"):
        drive("connect", "--account", "desk@example.org", "--folder", "…")
    for number in range(12):
        small.document(f"Mill {number}", desk, f"# Mill {number}\n\nWords.")
    drive("sync")
    for each in [item.id for item in small.items.values() if item.parent == desk]:
        small.trash(each)
    assert "If that is right, say --missing" in drive("sync")
    assert "12 gone" in drive("sync", "--missing")


def test_each_minute_by_the_schedule(small: SmallDrive, desk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small.document("Ports", desk, "# Ports\n\nMany ships.")
    tasks.follow_drives()
    assert Document.objects.get().title == "Ports"
    monkeypatch.setattr(sync, "sync", lambda *_, **__: 1 / 0)
    tasks.follow_drives()  # never raises


def test_by_programs(small: SmallDrive, desk: str, editor: User) -> None:
    client, at = as_(editor), "/api/v1/worklist"
    small.revoke()
    sync.sync(DriveFolder.objects.get())
    [line] = client.get(f"{at}/sync-status").json()["drive"]
    assert (line["account"], line["folder"], line["connect_again"]) == ("desk@example.org", "Desk", True)
    assert "Connect it again" in line["reason"]
    answer = client.post(f"{at}/sync", {"drive": True}, content_type="application/json").json()
    assert answer["drive"] == 1
    assert OrmQ.objects.get().func() == "worklist.tasks.follow_drives"
    editor.groups.clear()
    assert client.get(f"{at}/sync-status").status_code == 403
    assert DriveAccount.objects.count() == 1

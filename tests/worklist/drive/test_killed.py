"""A sync that dies by kill -9, wherever that is: the next one ends where an undisturbed one would have."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from tests.worklist.drive.conftest import LOGIN
from tests.worklist.drive.small_drive import SmallDrive
from tests.worklist.drive.test_sync import TEXT
from worklist.drive import accounts, sync
from worklist.drive.client import Drive
from worklist.models import DriveFolder

pytestmark = [
    pytest.mark.django_db(transaction=True),  # no copy is made within one
    pytest.mark.skipif(connections["default"].vendor != "sqlite", reason="its database is copied as a file"),
]
STRIDE = 11  # touches between two moments of death
SEEN = {
    "worklist_document": "title, folder, gone_at IS NULL, words, source_hash = text_hash",
    "worklist_version": "manuscript",
    "worklist_entry": "kind, why",
    "worklist_note": "said, writer",
    "worklist_drivefile": "file_id, version, read_version, reason, missing_at IS NULL, is_gone",
    "worklist_drivefolder": "page_token, error, busy_until IS NULL",
}


def in_a_child(database: Path, moment: int | None) -> bool:
    """A sync in a process of its own, killed before its touch number `moment`. Returns whether it lived to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            _die_at(_own_connection(database), moment)
            sync.sync(DriveFolder.objects.get())
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code == 0


def _own_connection(database: Path) -> Any:
    settings = connections.settings["default"]
    settings["NAME"] = str(database)
    connections["default"] = connections.create_connection("default")
    return connections["default"]


def _die_at(connection: Any, moment: int | None) -> None:
    touches = 0

    def touch() -> None:
        nonlocal touches
        touches += 1
        if touches == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def query(execute: Callable[..., Any], *args: Any) -> Any:
        touch()
        return execute(*args)

    def get(self: Drive, *args: Any) -> bytes:
        touch()
        body = asked(self, *args)
        touch()
        return body

    asked = Drive._get
    Drive._get = get  # type: ignore[method-assign, assignment]
    connection.ensure_connection()
    connection.execute_wrappers.append(query)


def at_rest(database: Path) -> None:
    """The lease of whoever died is over, and nobody waits for Google."""
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE worklist_drivefolder SET busy_until = NULL")
    connection.close()


def seen(database: Path) -> dict[str, list[Any]]:
    connection = sqlite3.connect(database)
    found = {table: sorted(map(repr, connection.execute(f"SELECT {of} FROM {table}"))) for table, of in SEEN.items()}  # noqa: S608
    connection.close()
    return found


def test_killed_anywhere_and_taken_up_again(small: SmallDrive, google_settings: None, tmp_path: Path) -> None:
    folder = small.folder("Desk")
    accounts.follow(accounts.connect(LOGIN), folder)
    before = tmp_path / "before.sqlite3"
    copy = sqlite3.connect(before)
    connections["default"].connection.backup(copy)
    copy.close()
    ids = [small.document(f"Mill {number}", folder, f"{TEXT} Mill {number}.") for number in range(2)]
    small.comment(ids[0], "Which mill?")
    small.shortcut("The mill", folder, ids[1])
    _killed_each(before, tmp_path / "first")

    at_rest(before)
    assert in_a_child(before, None)
    small.edit(ids[0], TEXT + " Later.")
    small.trash(ids[1])
    small.document("Rails", small.folder("Trains", folder), TEXT + " Rails.")
    _killed_each(before, tmp_path / "second")


def _killed_each(before: Path, folder: Path) -> None:
    folder.mkdir()
    undisturbed = folder / "undisturbed.sqlite3"
    shutil.copy(before, undisturbed)
    assert in_a_child(undisturbed, None)
    wanted, moment, lived = seen(undisturbed), 1, False
    while not lived:
        database = folder / f"{moment}.sqlite3"
        shutil.copy(before, database)
        lived = in_a_child(database, moment)
        at_rest(database)
        assert in_a_child(database, None)
        assert seen(database) == wanted, f"killed before touch {moment}"
        moment += STRIDE
    assert moment > 4 * STRIDE, "it was killed often"

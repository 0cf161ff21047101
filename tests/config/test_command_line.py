"""What the machine cannot do is said in a sentence, whatever command was asked."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import get_commands
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

import manage
from tests.house.reading import our_apps

FULL = "database or disk is full"
WORDS = {  # a command that wants some
    "backup_files": [str(Path(__file__).parent)],
    "batch": ["status"],
    "prune_backups": ["--tier", "files"],
    "recover": ["--list-all"],
    "recovery_kit": [],
    "restore_database": ["--list"],
    "restore_files": ["--list"],
    "site": ["list"],
    "submit": ["--owner", "ada", "--idea", "trains"],
}
ENDLESS = {"desk", "worker", "qcluster"}  # they serve until they are told to end
OURS = sorted(name for name, app in get_commands().items() if app in our_apps() and name not in ENDLESS)


@contextmanager
def full() -> Iterator[None]:
    """The database has no room for anything, and cannot even read."""
    fails = mock.Mock(side_effect=OperationalError(FULL))
    with mock.patch.object(CursorWrapper, "execute", fails), mock.patch.object(CursorWrapper, "executemany", fails):
        yield


@pytest.mark.parametrize("name", OURS)
def test_a_database_that_fails(name: str, db: None, capsys: pytest.CaptureFixture[str]) -> None:
    with full(), suppress(SystemExit):  # any other end is a traceback
        manage.main(["manage.py", name, *WORDS.get(name, [])])

    assert "Traceback" not in capsys.readouterr().err


def test_what_it_says(db: None) -> None:
    with (
        full(),
        pytest.raises(SystemExit, match=r"database failed: database or disk is full\. When that is mended"),
    ):
        manage.main(["manage.py", "submit", *WORDS["submit"]])


def test_whoever_wants_it_gets_the_traceback(db: None) -> None:
    with full(), pytest.raises(OperationalError):
        manage.main(["manage.py", "submit", "--traceback", *WORDS["submit"]])


@pytest.mark.parametrize(("number", "ends"), [(errno.ENOSPC, SystemExit), (errno.EBADF, OSError)])
def test_a_disk_without_room(
    number: int, ends: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: object) -> None:
        raise OSError(number, "No space left on device", str(tmp_path))

    monkeypatch.setattr("django.core.management.execute_from_command_line", no_room)

    with pytest.raises(ends) as raised:
        manage.main(["manage.py", "submit"])
    assert "No space left on device" in str(raised.value)

"""What the machine cannot do is said in a sentence, whatever command was asked."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

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
    "restore_database": ["--list"],
    "restore_files": ["--list"],
    "site": ["list"],
    "submit": ["--owner", "ada", "--idea", "trains"],
}
ENDLESS = {"desk", "worker", "qcluster"}  # they serve until they are told to end
OURS = sorted(name for name, app in get_commands().items() if app in our_apps() and name not in ENDLESS)


@pytest.mark.parametrize("name", OURS)
def test_a_database_that_fails(
    name: str, db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(CursorWrapper, "execute", _fails)
    monkeypatch.setattr(CursorWrapper, "executemany", _fails)

    with suppress(SystemExit):  # any other end is a traceback
        manage.main(["manage.py", name, *WORDS.get(name, [])])

    assert "Traceback" not in capsys.readouterr().err


def _fails(*_: object) -> None:
    raise OperationalError(FULL)


def test_what_it_says(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CursorWrapper, "execute", _fails)

    with pytest.raises(SystemExit, match=r"The database failed: database or disk is full\. When that is mended, run"):
        manage.main(["manage.py", "submit", *WORDS["submit"]])


def test_whoever_wants_it_gets_the_traceback(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CursorWrapper, "execute", _fails)

    with pytest.raises(OperationalError):
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

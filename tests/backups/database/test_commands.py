"""The story from the shell: back up, lose everything, restore, compare; try a restore; undo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker, Settings

from articles.models import Article
from audit.models import Change
from backups.database import connections
from tests.backups import desks
from tests.backups.database.forked import command
from tests.backups.desks import Copies
from tests.house.reading import ROOT


class Shell:
    """`manage.py` with a database and a storage; a process each, which is `forked` or begins from nothing."""

    def __init__(self, folder: Path, url: str, settings: Settings, *, forked: bool) -> None:
        settings.VAR_DIR = folder / "var"
        self.folder, self.url, self.forked = folder, url, forked
        self.environment = os.environ | {
            "GALLEY_VAR_DIR": str(folder / "var"),
            "GALLEY_STORAGE_URL": f"file://{folder}/storage",
        }

    def __call__(self, *words: str, code: int = 0) -> str:
        if self.forked:
            log = self.folder / "told"
            log.unlink(missing_ok=True)
            with command(log, *words, desk=self.url) as running:
                ended = running.code()
            told = log.read_text()
        else:
            environment = self.environment | {"DATABASE_URL": self.url}
            argv = [sys.executable, "manage.py", *words]
            done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True)
            ended, told = done.returncode, done.stdout + done.stderr
        assert ended == code, told
        return told


@pytest.mark.dealt(2)
def test_lose_everything_and_restore_it(copies: Copies, tmp_path: Path, settings: Settings) -> None:
    url, empty = copies.url(), copies.url()
    shell = Shell(tmp_path, url, settings, forked=copies.server is not None)
    with connections.connected(url) as alias:
        desks.fill(alias, 3)
        Article.objects.using(alias).update(tree_expired_at=desks.START)  # these rows have no files
        before = desks.rows(alias)
    assert "backed up in full" in shell("backup_database")
    assert json.loads(shell("backup_database", "--json"))["stored_rows"] == 0
    assert "to create" in shell("restore_database", "--into", empty)

    shell.url = empty
    assert "Nothing was changed" in shell("restore_database")
    assert "Restored" in shell("restore_database", "--apply")
    with connections.connected(empty) as alias:
        told = {change.model for change in Change.objects.using(alias)}
        assert desks.rows(alias) | {"audit.Change": []} == before
        assert told <= {"backups.Restore"}, "what it has brought is no change of anybody's"
        Article.objects.using(alias).filter(pk=2).delete()
    drilled = json.loads(shell("backup_drill", "--json").splitlines()[0])
    assert (drilled["things"], drilled["differences"]) == (sum(map(len, before.values())), [])

    told = json.loads(shell("restore_database", "--json", "--articles", "2"))
    assert told["counts"]["create"] == len(told["steps"]) == 11
    said = shell("restore_database", "--articles", "2", "--apply")
    undo = said.partition("restore_database ")[2].split()
    shell("restore_database", *undo, "--apply")
    with connections.connected(empty) as alias:
        assert not Article.objects.using(alias).filter(pk=2).exists()
    assert "before a restore" in shell("restore_database", "--list")


def test_what_is_asked_for_wrongly_is_a_sentence(
    sqlite_copies: Copies, tmp_path: Path, django_db_blocker: DjangoDbBlocker, settings: Settings
) -> None:
    url = sqlite_copies.url()
    shell = Shell(tmp_path, url, settings, forked=True)
    with django_db_blocker.unblock():
        assert "There is no backup" in shell("restore_database", code=1)
        assert "There is no backup yet" in shell("backup_drill", code=1)
        assert "--confirm mirror" in shell("restore_database", "--mode", "mirror", "--apply", code=1)
        assert "no address of a database" in shell("restore_database", "--into", "nonsense", code=1)
        with connections.connected(url) as alias:
            desks.fill(alias, 25)
        shell("backup_database")
        assert "no article 999" in shell("restore_database", "--articles", "999", code=1)
        with connections.connected(url) as alias:
            Article.objects.using(alias).filter(pk__gt=3).delete()
        assert "--accept-change" in shell("backup_database", code=3)

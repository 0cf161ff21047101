"""What Galley keeps is for its own user alone, however the machine is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.journeys.installation import ROOT


def galley(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """On a machine whose users let everybody read, in a folder that is not there yet."""
    environment = {**os.environ, "GALLEY_DEBUG": "false", "GALLEY_VAR_DIR": str(folder)}
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, umask=0o022)


def test_a_new_installation(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"

    early = galley(folder, "verify_backups")
    assert "Traceback" not in early.stderr
    assert "manage.py migrate" in early.stderr

    migrated = galley(folder, "migrate", "--verbosity", "0")
    assert (migrated.returncode, migrated.stderr) == (0, "")
    made = galley(folder, "createsuperuser", "--noinput", "--username", "root", "--email", "")
    assert made.returncode == 0
    submitted = galley(folder, "submit", "--owner", "root", "--manuscript", "README.md")
    assert submitted.returncode == 0, submitted.stderr

    kept = [folder, *folder.rglob("*")]
    assert {path.name for path in kept} >= {"galley.sqlite3", "manifest.json"}
    assert {str(path): oct(path.stat().st_mode) for path in kept if path.stat().st_mode & 0o077} == {}

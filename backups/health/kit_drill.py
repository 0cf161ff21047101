"""A drill with nothing but a recovery kit: whether what is kept elsewhere brings the backups back."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import orjson
from django.conf import settings

from backups.errors import Failed
from backups.health.drill import DrillResult
from backups.redaction import black_out
from backups.storage.port import FIRST

TRIED = (0, 2)  # exit codes of a drill that was tried


def drill_with(kit: Mapping[str, str], *, folder: Path | None = None, storage: str = FIRST) -> list[DrillResult]:
    """A process that knows these settings alone: no `.env`, no keys or copies of this machine, no database.

    Raises Failed when it could not even try.
    """
    with tempfile.TemporaryDirectory(prefix="galley-kit-", dir=folder) as scratch:
        known = {
            "PATH": os.defpath,
            "HOME": scratch,  # where boto3 would find keys that the kit has not
            "GALLEY_ENV_FILE": os.devnull,
            "GALLEY_VAR_DIR": f"{scratch}/var",
            "DATABASE_URL": f"sqlite:///{scratch}/desk.sqlite3",
        }
        ran = subprocess.run(
            [sys.executable, "manage.py", "backup_drill", "--json", "--folder", scratch, "--storage", storage],
            cwd=settings.BASE_DIR,
            env={**known, **kit},
            capture_output=True,
            text=True,
            check=False,
        )
    lines = ran.stdout.splitlines()
    if ran.returncode not in TRIED or not lines:
        said = black_out(ran.stderr.strip() or "nothing", also=kit.values())
        raise Failed(f"With nothing but the kit no restore could be tried: {said}")
    return [DrillResult(**orjson.loads(line)) for line in lines]

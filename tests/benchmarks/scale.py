"""Claims, dispatch and sweeps with a hundred workers on PostgreSQL, at several sizes of the table of articles."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.journeys.installation import ROOT, Installation
from tests.services import postgres

SIZES = (10_000, 100_000, 1_000_000)


def main(*sizes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, postgres.postgres(Path(folder)) as url:
        galley = Installation(Path(folder, "desk"), {"DATABASE_URL": url})
        galley.folder.mkdir()
        galley.prepare("bench")
        environment = galley.environment | {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_DEBUG": "true"}
        argv = [sys.executable, "-m", "tests.benchmarks.crowd", *map(str, sizes or SIZES)]
        subprocess.run(argv, cwd=ROOT, env=environment, check=True)

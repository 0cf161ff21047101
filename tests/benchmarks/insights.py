"""A million publications and five million lines of logs and costs: how fast lists, statistics and sums answer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.limits import say
from tests.journeys.installation import ROOT, Installation
from tests.services import postgres

TASKS = 1_000_000


def main(tasks: int = TASKS) -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, ExitStack() as stack:
        places = {"SQLite": "", "PostgreSQL": stack.enter_context(postgres.postgres(Path(folder)))}
        for name, url in places.items():
            say(f"{tasks:,} publications on {name}")
            galley = Installation(Path(folder, name), {"DATABASE_URL": url})
            galley.folder.mkdir()
            galley.prepare("bench")
            environment = galley.environment | {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_DEBUG": "true"}
            argv = [sys.executable, "-m", "tests.benchmarks.many_tasks", str(tasks)]
            subprocess.run(argv, cwd=ROOT, env=environment, check=True)

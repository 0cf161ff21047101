"""Years of a busy newsroom: what the desk asks for in its days as the whole grows, and how large the whole is.

Thousands of articles are handed to it, of which 50 are made in a month: `python -m tests.benchmarks growth 50 150 600`.
With each the same desk grows on.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.articles import named, services
from tests.benchmarks.limits import say
from tests.journeys.installation import ROOT, Installation
from tests.services import postgres

SIZES = {"SQLite": (20,), "PostgreSQL": (20, 40, 80)}  # thousands; five years are 3,000


def main(*sizes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, ExitStack() as stack:
        url = stack.enter_context(postgres.postgres(Path(folder)))
        places = {"SQLite": "", "PostgreSQL": url}
        doubles = stack.enter_context(services())
        for name in ["PostgreSQL"] if sizes else places:
            say(f"{name}:")
            galley = Installation(Path(folder, name), {"DATABASE_URL": places[name], **named(doubles)})
            galley.folder.mkdir()
            galley.prepare("bench")
            environment = galley.environment | {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_DEBUG": "true"}
            argv = [sys.executable, "-m", "tests.benchmarks.years", *map(str, sizes or SIZES[name])]
            subprocess.run(argv, cwd=ROOT, env=environment, check=True)

"""From kill to resumed work; and a million articles: how fast what was interrupted is found, and the lists answer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.articles import named, services
from tests.benchmarks.limits import ROUNDS, say, verdict
from tests.journeys.installation import ROOT, Installation
from tests.services import postgres
from tests.services.process import wait_until


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder, ExitStack() as stack:
        _kill_to_resumed_work(Path(folder))
        places = {"SQLite": "", "PostgreSQL": stack.enter_context(postgres.postgres(Path(folder)))}
        for name, url in places.items():
            say(f"a million articles on {name}")
            galley = Installation(Path(folder, name), {"DATABASE_URL": url})
            galley.folder.mkdir()
            galley.prepare("bench")
            environment = galley.environment | {"DJANGO_SETTINGS_MODULE": "config.settings", "GALLEY_DEBUG": "true"}
            subprocess.run([sys.executable, "-m", "tests.benchmarks.million"], cwd=ROOT, env=environment, check=True)


def _kill_to_resumed_work(folder: Path) -> None:
    """From kill -9 of the whole cluster, and a fresh one started at once, until the article asks a service again."""
    with services() as url:
        galley = Installation(folder / "resume", named(url) | {"GALLEY_LOG_LEVEL": "ERROR"})
        galley.folder.mkdir()
        galley.prepare()
        times = []
        for _ in range(ROUNDS):
            submit = (
                "__import__('articles.pipeline.transitions', fromlist=['submit'])"
                ".submit(Article(owner_id=1, idea='trains'))"
            )
            with galley.workers() as workers:
                before = _sends(galley)
                galley.ask(f"str({submit})")
                wait_until(lambda before=before: _sends(galley) > before, 60)  # type: ignore[misc]
                workers.kill()
                before, began = _sends(galley), time.monotonic()
                workers.start()
                wait_until(lambda before=before: _sends(galley) > before, 60)  # type: ignore[misc]
                times.append(time.monotonic() - began)
                wait_until(lambda: _all_done(galley), 60)
    verdict("kill of all workers to resumed work", times, "resume")
    say("  the queue alone gives a killed message again after its `retry`, 2,400 s here")


def _sends(galley: Installation) -> int:
    return _sqlite(galley, "SELECT coalesce(sum(sends), 0) FROM articles_call")


def _all_done(galley: Installation) -> bool:
    return not _sqlite(galley, "SELECT count(*) FROM articles_article WHERE status <> 'done'")


def _sqlite(galley: Installation, sql: str) -> int:
    """A look from outside, quicker than any command."""
    connection = sqlite3.connect(galley.folder / "galley.sqlite3", timeout=20)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()

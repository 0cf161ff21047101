"""The desk works through PgBouncer in transaction mode, where two statements may meet two connections."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.backups.conftest import postgres_copies as postgres_copies
from tests.backups.conftest import postgres_template as postgres_template
from tests.backups.desks import Copies
from tests.doubles.server import doubles
from tests.faults import verdict
from tests.faults.claims import hand_in, repeated, statuses
from tests.journeys.installation import ROOT, Installation
from tests.journeys.stacks import Desk
from tests.services import pgbouncer
from tests.services.process import Server, free_port, wait_until

PATIENCE = 300  # seconds, on a busy machine
PERSON = "__import__('django.contrib.auth.models', fromlist=['User']).User.objects.create_superuser('ada').pk"

pytestmark = [pytest.mark.dealt_whole(3), pytest.mark.dealt(2)]


@pytest.fixture
def pooled(postgres_copies: Copies, tmp_path: Path) -> Iterator[Desk]:
    """A desk of two workers whose database lies behind it; what looks at the rows from outside goes there itself."""
    if reason := pgbouncer.available():
        pytest.skip(f"NOT TRIED THROUGH PGBOUNCER: {reason}")
    with ExitStack() as running:
        server, url = pgbouncer.pgbouncer(tmp_path / "pgbouncer", postgres_copies.url())
        running.enter_context(server.running())
        galley = Installation(tmp_path / "var", {"DATABASE_URL": url, "GALLEY_PGBOUNCER": "true"})
        galley.folder.mkdir()
        services = running.enter_context(doubles())
        services.configure(image_width=512)
        galley.with_services(services)
        yield Desk(galley, services, postgres_copies.server)


def web(galley: Installation) -> Server:
    port = free_port()
    words = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--no-proxy-headers"]
    return Server(words, port=port, log=galley.folder / "web.log", env=galley.environment, cwd=ROOT)


def test_articles_are_made_pages_are_shown_and_backups_taken(pooled: Desk) -> None:
    pooled.galley.ask(PERSON)
    with pooled.galley.workers():
        hand_in(pooled, "one idea", "another idea")
        server = web(pooled.galley)
        server.start(PATIENCE)
        try:
            address = f"http://127.0.0.1:{server.port}"
            asked = [requests.get(f"{address}/readyz", timeout=PATIENCE) for _ in range(20)]
            wait_until(lambda: statuses(pooled) == ["done"] * 2, PATIENCE)
        finally:
            server.stop()
    assert {answer.json()["database"] for answer in asked} == {"ok"}
    assert repeated(pooled) == []
    assert verdict.on_calls(pooled.services.requests(), 2, {}) == []
    pooled.galley.manage("backup_database")
    assert pooled.galley.ask("Article.objects.filter(status='done').count()") == 2

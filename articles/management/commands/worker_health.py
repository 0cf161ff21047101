"""Are the workers of this machine well? For whoever watches it; their own supervisor acts by itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.formats import count
from articles.pipeline.worker_health import health, problem


class Command(BaseCommand):
    help = "Exits 0 when workers run on this machine and none of them hangs, else 1 with a sentence."
    requires_system_checks: list[str] = []  # it is asked every few seconds, and about the workers alone

    def handle(self, *_: Any, **__: Any) -> None:
        if said := problem():
            raise CommandError(said)
        alive = len(health().alive)
        self.stdout.write(f"{count(alive, 'worker')} {'runs' if alive == 1 else 'run'} on this machine.")

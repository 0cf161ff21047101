"""Are the workers of this machine well? For a supervisor, which starts them anew when they are not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from articles.workers import health


class Command(BaseCommand):
    help = "Exits 0 when workers run on this machine and none was killed, else 1 with a sentence."
    requires_system_checks: list[str] = []  # it is asked every few seconds, and about the workers alone

    def handle(self, *_: Any, **__: Any) -> None:
        found = health()
        if found.problem:
            raise CommandError(found.problem)
        self.stdout.write(f"{len(found.alive)} worker{'s' if len(found.alive) != 1 else ''} run on this machine.")

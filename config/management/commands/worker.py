"""The workers of the queue under a supervisor of their own, for containers, where nobody else acts on their health."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.supervision import POOL, WORKER, Processes


class Command(BaseCommand):
    help = "Run the workers of this machine, and start them anew when they die or freeze. Ends with SIGTERM."

    def handle(self, *_: Any, **__: Any) -> None:
        Processes({WORKER: POOL}).run()

"""The workers of this machine, under a supervisor that replaces each that ends or hangs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from articles.providers import sdk
from config.supervision.supervisor import Supervisor
from config.supervision.worker import workers


class Command(BaseCommand):
    help = "Run the workers of this machine. SIGTERM and Ctrl-C end it when the calls in hand have their answers."

    def handle(self, *_: Any, **__: Any) -> None:
        sdk.load()
        Supervisor(workers()).run()

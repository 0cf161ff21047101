"""The workers of the queue."""

from __future__ import annotations

from typing import Any

from django_q.cluster import Cluster
from django_q.management.commands import qcluster

from articles.pipeline.processes import leave_no_orphans


class _Cluster(Cluster):  # type: ignore[misc]  # django-q2 is untyped
    """A cluster that ends once, and not before it has started.

    The library ends it inside the signal's handler, by waiting for its child. While it starts, the code that was
    interrupted may hold the lock that this child needs to say that it runs; both would wait for ever.
    """

    has_started = False
    asked_to_end = False

    def start(self) -> int:
        pid: int = super().start()
        self.has_started = True
        if self.asked_to_end:
            self.stop()
        return pid

    def sig_handler(self, signum: int, frame: Any) -> None:
        if not self.asked_to_end:
            self.asked_to_end = True
            if self.has_started:
                super().sig_handler(signum, frame)


class Command(qcluster.Command):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        """An orphan of a dead pool would go on taking messages from the queue, and nobody would ever run them."""
        leave_no_orphans()
        qcluster.Cluster = _Cluster  # the library's command makes one by this name
        super().handle(*args, **options)

"""The workers of the queue."""

from __future__ import annotations

from typing import Any

from django_q.management.commands import qcluster

from articles.processes import leave_no_orphans


class Command(qcluster.Command):  # type: ignore[misc]  # django-q2 is untyped
    def handle(self, *args: Any, **options: Any) -> None:
        """An orphan of a dead pool would go on taking messages from the queue, and nobody would ever run them."""
        leave_no_orphans()
        super().handle(*args, **options)

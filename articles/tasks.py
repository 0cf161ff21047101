"""What the queue calls: one line each, with ids for arguments. A task never raises; the row says what happened."""

from __future__ import annotations

import ctypes
import signal
from typing import Any

import structlog

from articles import pipeline, workers

log = structlog.get_logger("galley.tasks")

PR_SET_PDEATHSIG = 1  # Reference: prctl(2)


def run(article_id: int) -> None:
    """Work on one article."""
    try:
        pipeline.run_article(article_id)
    except Exception:
        log.exception("a run ended badly; the sweep will find it", article=article_id)


def sweep() -> None:
    """Put back on the way what was interrupted."""
    try:
        pipeline.sweep()
    except Exception:
        log.exception("the sweep failed; it runs again in a minute")


def worker_started(**_: Any) -> None:
    """A worker came up: it dies with its parent, and looks first for what was interrupted.

    An orphan would go on taking articles from the queue, with nobody to stop it.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    workers.announce()
    pipeline.load_stages()
    sweep()

"""What the queue calls: one line each, with ids for arguments. A task never raises; the row says what happened."""

from __future__ import annotations

from typing import Any

import structlog

from articles.pipeline import dispatch, worker, worker_health
from articles.pipeline.sweep import sweep as sweep_articles
from articles.tree.due import write_due

log = structlog.get_logger("galley.tasks")


def run(article_id: int) -> None:
    """Work on one article: this one, or one that comes before it."""
    try:
        worker.run_article(dispatch.most_deserving(article_id))
    except Exception:
        log.exception("a run ended badly; the sweep will find it", article=article_id)


def sweep() -> None:
    """Put back on the way what was interrupted, and write the manifests that are due."""
    _sweep()
    try:
        write_due()
    except Exception:
        log.exception("manifests were not written; the next round tries again")


def _sweep() -> None:
    try:
        sweep_articles()
    except Exception:
        log.exception("the sweep failed; it runs again in a minute")


def worker_started(**_: Any) -> None:
    """A worker came up: it looks first for what was interrupted."""
    try:
        worker_health.announce()
    except OSError:
        log.exception("this worker cannot leave a note; whether it is well is not seen from outside")
    _sweep()

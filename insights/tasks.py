"""What the queue's schedules call. A task never raises."""

from __future__ import annotations

import structlog
from django.utils import timezone

from articles.models import Article
from insights import storage, traces
from insights.rollups import days, paid

log = structlog.get_logger("galley.insights")


def roll_up() -> None:
    """Sum the days anew in which something has changed."""
    for sums in (paid, days):
        try:
            sums.roll_up(seconds=days.SECONDS / 2)
        except Exception:
            log.exception("the figures of some days were not summed; it is tried again in some minutes")


def measure_storage() -> None:
    """How much everything takes up today."""
    try:
        storage.measure(timezone.now())
    except Exception:
        log.exception("nobody measured what is stored; it is tried again tomorrow")


def trace(article_id: int) -> None:
    """Tell the collector what an article went through. What it does not take is not told again."""
    try:
        article = Article.objects.filter(pk=article_id).first()
        if article and not traces.tell(article):
            log.warning("the collector did not take a trace", article=article_id)
    except Exception:
        log.exception("a trace was not told", article=article_id)

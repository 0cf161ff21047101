"""Following an article in a terminal, on standard error, until it no longer moves."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from articles.models import Article, Stage, StageRecord

POLL_SECONDS = 0.5
UNCLAIMED_SECONDS = 10


def follow_article(article: Article) -> Article:
    """The article as it is once it is done, stopped or cancelled."""
    started, warned, first = time.monotonic(), False, article.attempt
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True)
    ) as progress:
        bar = progress.add_task("Queued", total=len(Stage))
        while article.is_moving:
            time.sleep(POLL_SECONDS)
            article = Article.objects.prefetch_related("records").get(pk=article.pk)
            done = sum(record.state == StageRecord.State.DONE for record in article.records.all())
            progress.update(bar, completed=done, description=_where(article))
            if article.attempt == first and not warned and time.monotonic() - started > UNCLAIMED_SECONDS:
                progress.console.print("Nobody has begun yet. Is `manage.py worker` running?")
                warned = True
    return article


def _where(article: Article) -> str:
    records = article.records.all()
    running = next((record for record in records if record.state == StageRecord.State.RUNNING), None)
    status = article.get_status_display()
    return f"{status}: {running.get_stage_display()}" if running else status

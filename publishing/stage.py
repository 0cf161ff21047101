"""Stage 5: the article onto its site; without a site, as a preview page at the desk."""

from __future__ import annotations

from articles.models import Article
from articles.pipeline.run import Outcome, Run
from articles.providers.errors import ProviderError
from publishing import publish_tasks
from publishing.publishers import hybrid, preview_page


def run(run: Run) -> Outcome:
    task = publish_tasks.begin(run)
    try:
        publish_tasks.going_out.send(Article, article=run.article)
        if task.site is None:
            return preview_page.publish(run, task)
        publish = hybrid.WAYS.get(task.publisher, hybrid.publish)  # one way alone, or the best that works
        return publish(run, task, task.site)
    except ProviderError as exc:
        publish_tasks.set_back(run, task, exc)
        raise

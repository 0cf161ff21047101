"""Stage 5: the article onto its site, as a draft; without a site, as a preview page at the desk."""

from __future__ import annotations

from articles.pipeline.run import Outcome, Run
from publishing.publishers import preview_page, rest


def run(run: Run) -> Outcome:
    site = run.article.site
    return preview_page.publish(run) if site is None else rest.publish(run, site)
